"""All that a GPU can say of the service, in under eight minutes: `make gpu`, or `make gpu PYTHON=…` as it is, offline.

    python -m benchmarks.gpu [--device cuda]

Every part is a process of its own with a limit of time, and what it said is written to `benchmarks/results/<device>.md`
at once: a part that fails or hangs costs only itself. Training needs PyTorch, NumPy, pydantic, filelock and pyarrow,
the tests pytest beside them, studies all that the service does. What an environment lacks is said, and left out. Data
sets are rendered on the spot.

`--device cpu` runs the same parts, tiny, where there is no GPU, and writes nothing.
"""

import argparse
import collections
import datetime
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results"
TRAINING = ("torch", "numpy", "pydantic", "filelock", "pyarrow")
SERVICE = (*TRAINING, "ray", "mlflow", "optuna", "pandas", "typer", "ruamel", "matplotlib", "lightgbm", "sklearn")
TESTS = ("-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(ROOT))


class Part(NamedTuple):
    """A command of this Python, what it imports, and the seconds it may take."""

    title: str
    command: tuple[str, ...]
    needs: tuple[str, ...]
    limit: float


def parts(device: str) -> Iterator[Part]:
    """What is measured, the most telling first."""
    on_gpu = device == "cuda"
    steps = ("-m", "benchmarks.device", "--device", device)
    steps += ("--seconds", "1.5") if on_gpu else ("--seconds", "0.05", "--network", "tiny", "--round", "5")
    many = ("1", "16", "64") if on_gpu else ("1", "2")
    yield Part("Tests on a device", (*TESTS, "tests/core", "tests/trainables"), (*TRAINING, "pytest"), 70)
    yield Part("β-VAE, TF32", (*steps, "--trials", *many), TRAINING, 100)
    yield Part("β-VAE, bfloat16", (*steps, "--trials", *many[1:], "--precision", "bf16"), TRAINING, 80)
    yield Part("β-VAE, float32", (*steps, "--trials", "1", "--precision", "float32"), TRAINING, 40)
    yield Part("FactorVAE, TF32", (*steps, "--trials", many[1], "--model", "factor_vae"), TRAINING, 60)
    yield Part("Studies on a device", ("-m", "benchmarks.gpu", "--studies", "--device", device), SERVICE, 130)


def run(part: Part) -> tuple[str, float]:
    """What a part says, or why it says nothing, and its seconds."""
    missing = [name for name in part.needs if importlib.util.find_spec(name) is None]
    if missing:
        return f"Left out: there is no {', '.join(missing)} here.", 0.0
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+") as said:  # which outlives a part that is ended
        process = subprocess.Popen(
            [sys.executable, *part.command], cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            code: int | None = process.wait(part.limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
        said.seek(0)
        text = said.read()[-8_000:].strip()
    if code is None:
        text += f"\n\n**Ended after {part.limit:.0f} s.**"
    elif code:
        text += f"\n\n**Failed with exit code {code}.**"
    return text, time.perf_counter() - began


def head() -> tuple[str, str]:
    """The name of the device, fit for a file, and what the numbers depend on."""
    import torch

    from core.runtime import package_versions, source_revision

    there = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if there else "CPU"
    facts = {**package_versions(), "cuda": str(torch.version.cuda), **source_revision()}
    lines = [
        f"# {name}, {datetime.date.today().isoformat()}",
        "",
        "`make gpu`; " + ", ".join(f"{k} {v}" for k, v in facts.items() if k != "host"),
    ]
    return "-".join("".join(c if c.isalnum() else " " for c in name).lower().split()), "\n".join(lines)


STUDY = {
    "dataset": "dsprites.quick",
    "models": {"beta_vae": {"beta": [1, 4]}, "factor_vae": {"gamma": [5, 20]}},
    "defaults": {"network": "small", "batch_size": 64},
    "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
    "search": {"sampler": "grid"},
    "seeds": 1,
}


def studies(device: str) -> None:
    """A study with measured shares, one whose trials train together, and one that changes the device twice."""
    share = {"gpu": "auto"} if device == "cuda" else {}
    stack = {"gpu": 1, "stack": 16, "cpu": 0.25} if device == "cuda" else {}
    steps = 2_000 if device == "cuda" else 4
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, resources in (("auto", share), ("stack", stack), ("moved", share)):
            budget = {"steps": steps, "evaluate_every": steps // 2}
            study = {**STUDY, "name": name, "budget": budget, "resources": resources}
            (root / f"{name}.json").write_text(json.dumps(study))
        tell("gpu: auto", root, "auto", "launch", str(root / "auto.json"))
        tell("stack: 16", root, "stack", "launch", str(root / "stack.json"))
        tell("one on the CPU", root, "moved", "launch", str(root / "moved.json"), hidden=True)
        tell("… which goes on on the GPU", root, "moved", "extend", "moved", "--steps", str(2 * steps))
        tell("… and on the CPU again", root, "moved", "extend", "moved", "--steps", str(5 * steps // 2), hidden=True)


def tell(title: str, root: pathlib.Path, name: str, *command: str, hidden: bool = False) -> None:
    """Run a command of the service, and say what became of its trials; `hidden` is the GPU, then."""
    from core.record.history import History

    environment = os.environ | ({"CUDA_VISIBLE_DEVICES": "-1"} if hidden else {})
    began = time.perf_counter()
    arguments = [sys.executable, "-m", "studies.cli", *command, "--root", str(root)]
    done = subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = time.perf_counter() - began
    found = [trial for each in History.read(root / name).configurations.values() for trial in each.trials.values()]
    where = {f"{trial.ledger.get('device')} in {trial.ledger.get('precision')}" for trial in found}
    states = collections.Counter(trial.state for trial in found)
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    print(
        f"- {title}: {counted}; {' and '.join(sorted(where))}; {seconds:.0f} s, exit code {done.returncode}", flush=True
    )
    if done.returncode:
        print(f"\n{done.stdout[-2_000:]}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--studies", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.studies:
        studies(options.device)
        return
    missing = [name for name in TRAINING if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Nothing can be measured: there is no {', '.join(missing)} here.")
        return
    name, text = head()
    if options.device == "cuda" and name == "cpu":
        print("There is no CUDA device on this machine: nothing is measured here.")
        return
    print(text)
    for part in parts(options.device):
        said, seconds = run(part)
        section = f"\n\n## {part.title}\n\n{said}\n\n{seconds:.0f} s."
        print(section, flush=True)
        text += section
        if options.device == "cuda":
            (RESULTS / f"{name}.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
