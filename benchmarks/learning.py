"""Every model trained for a small fixed budget on one core: `python -m benchmarks.learning [--minutes-per-model M]`.

Three tables. All models on `dsprites.quick` beside an untrained encoder and a β = 1 VAE, and the modular autoencoder
and its presets: one seed each, so that differences of the size of the seeds' (MIG ± 0.05, FactorVAE score ± 0.1) mean
nothing. The modular autoencoder against its predecessor, with the same number of steps, annotated images and
additions, over several seeds. Rows that were not asked for (`--only`) are kept from the last run; with `--folder` an
interrupted run goes on where it was.
"""

import argparse
import datetime
import json
import os
import pathlib
import tempfile
import time
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import core.data
import core.metrics
import trainables
from core.configuration import Configuration, TrialConfig
from core.machine import granted_cores
from core.storage import Folder
from trainables.labels.annotated import combination, leave_out
from trainables.training.run import TrainingRun

RESULTS = pathlib.Path(__file__).parent / "results"
SMALL = {"network": "small", "batch_size": 32, "learning_rate": 1e-3}
HALF = {"network": "small"}
STEPS = 1_000


class Row(NamedTuple):
    """One training run; `name` is what `--only` selects. A seed draws weights, batches and the annotated images."""

    name: str
    model: str
    hyperparameters: dict[str, Any]
    steps: int = STEPS
    dataset: str = "dsprites.quick"
    seed: int = 0

    @property
    def key(self) -> str:
        """Where its numbers are kept."""
        return f"{self.name}, seed {self.seed}" if self.seed else self.name


QUICK = [
    Row("untrained", "vae", {}, 0),
    Row("β = 1", "vae", {}),
    Row("β = 4", "beta_vae", {"beta": 4.0}),
    Row("β = 16", "beta_vae", {"beta": 16.0}),
    Row("C = 12", "beta_vae", {"beta": 100.0, "capacity": 12.0, "capacity_steps": 1_000}),
    Row("β = 6", "beta_tcvae", {"beta": 6.0}),
    Row("I, λ_od = 10", "dip_vae", {"kind": "i", "lambda_od": 10.0}),
    Row("II, λ_od = 10", "dip_vae", {"kind": "ii", "lambda_od": 10.0}),
    Row("γ = 10, 4 × 256", "factor_vae", {"gamma": 10.0, "discriminator_layers": 4, "discriminator_units": 256,
                                           "discriminator_learning_rate": 3e-4}),
    Row("ν = 33", "chyvae", {"nu": 33.0}),
    Row("β_l = 1, stage 133", "cascade_vae_c", {"stage_steps": 133}),
    Row("β_l = 1, stage 133, t_d = 4", "cascade_vae", {"stage_steps": 133}),
    Row("C_z = 12, C_c = 1.1", "joint_vae", {"capacity": 12.0, "capacity_steps": 1_000}),
    Row("β = 4, xent, 1,000 labels", "few_labels", {}),
    Row("600 + 200 + 200 steps, 1,000 labels", "zero_dim", {"latent_steps": 600, "regression_steps": 200,
                                                            "entropy_start": 100}),
]  # fmt: skip

LITERAL = {**HALF, "warm_up": 1_000}
MODULAR = [
    Row("default", "modular", {}, dataset="dsprites.v2"),
    Row("half width", "modular", HALF, dataset="dsprites.v2"),
    Row("half width, weak", "weak", LITERAL, 2 * STEPS, "dsprites.v2"),
    Row("paper_literal", "modular", {**LITERAL, "preset": "paper_literal"}, 2 * STEPS, "dsprites.v2"),
    Row("label_conditioned", "modular", {**LITERAL, "preset": "label_conditioned"}, 2 * STEPS, "dsprites.v2"),
    Row("anchored", "modular", {**LITERAL, "preset": "anchored"}, 2 * STEPS, "dsprites.v2"),
    Row("cycled", "modular", {**LITERAL, "preset": "cycled"}, 2 * STEPS, "dsprites.v2"),
]  # fmt: skip


class Case(NamedTuple):
    """What the modular autoencoder and its predecessor are compared on; steps and annotated images are equal."""

    name: str
    dataset: str
    hyperparameters: dict[str, Any]
    seeds: int = 2


CASES = [
    Case("100 annotated", "dsprites.v2", {"num_annotated": 100}),
    Case("9 of 27 left out", "dsprites.v2", {"left_out": 9}),
    Case("v3", "dsprites.v3", {}),
    Case("v4", "dsprites.v4", {"num_annotated": 1_080}),
]
WAYS = {
    "default": ("modular", HALF),  # no warm-up: all steps are of its full phase
    "cycled": ("modular", {**LITERAL, "preset": "cycled"}),  # all that the predecessor has, and nothing more
    "weak": ("weak", LITERAL),
}
COMPARED = [
    Row(f"{case.name}, {way}", model, {**values, **case.hyperparameters}, 2 * STEPS, case.dataset, seed)
    for seed in range(max(case.seeds for case in CASES))
    for case in CASES
    for way, (model, values) in WAYS.items()
    if seed < case.seeds and not (model == "weak" and "left_out" in case.hyperparameters)
]
REFUSED = [
    ("9 of 27 left out, one image of each other combination", "weak", "dsprites.v2", {"num_annotated": 18}),
    ("v4 with 1,000 annotated", "weak", "dsprites.v4", {}),
]


def measure(row: Row, metrics: tuple[str, ...], minutes: float, data_root: str | None, kept: str) -> dict[str, Any]:
    """Train a row, for `minutes` at most, and evaluate it; checkpoints are in the folder `kept`."""
    kind = trainables.get(row.model)
    values = row.hyperparameters if row.dataset != "dsprites.quick" else {**SMALL, **row.hyperparameters}
    configuration = Configuration(row.model, kind.Hyperparameters(**values).model_dump(mode="json"))
    every = max(1, row.steps // 20)
    root = data_root or str(core.data.data_root(None))
    run = TrainingRun(
        TrialConfig("learning", configuration, 0, row.seed, row.dataset, root, row.steps, every, metrics, (), kept)
    )
    folder = Folder(kept).child(f"{run.config.identity}-{row.seed}-{row.dataset}")
    run.restore(folder)
    ledger = {"parts": {}, "seconds": 0.0, **run.ledger}
    while run.step < row.steps and ledger["seconds"] < 60 * minutes:
        began = time.process_time()
        ledger["parts"] = run.train(min(run.step + every, row.steps))
        ledger["seconds"] += time.process_time() - began
        run.ledger = ledger
        run.save(folder)
    found = {**{f"train/{name}": value for name, value in ledger["parts"].items()}, **run._evaluate(done=True)}
    if row.hyperparameters.get("left_out"):
        found["left_out_judged"] = judged_on_left_out(run, row)
    return {"step": run.step, "seconds": ledger["seconds"], "warnings": run.model.warnings(found), **found}


def judged_on_left_out(run: TrainingRun, row: Row) -> float:
    """Judged relation accuracy of held-out images whose combination was never annotated."""
    sizes = run.dataset.factor_sizes
    missing = leave_out(sizes, row.hyperparameters["left_out"], run.config.study_seed)
    inputs = run.model.metric_inputs(run.dataset)
    rows = np.isin(combination(inputs["image_values"], sizes), missing)
    inputs |= {name: inputs[name][rows] for name in ("image_codes", "image_values")}
    return core.metrics.compute("relation_accuracy", **inputs)["relation_accuracy_judged"]


def requests(row: Row) -> tuple[str, ...]:
    """What is measured of a row."""
    if row in MODULAR + COMPARED:
        return ("reconstruction_error", "relation_accuracy")
    serves = trainables.get(row.model).serves
    posterior = ("kl", "total_correlation") if "posterior" in serves else ()
    discrete = ("unsupervised_accuracy",) if "discrete" in serves else ()
    return ("reconstruction_error", "mig", "factor_vae_score/fast", *posterior, *discrete)


COLUMNS = {
    "reconstruction_error": "reconstruction",
    "kl": "KL",
    "total_correlation_gaussian": "TC (Gaussian)",
    "factor_vae_score_active_dims/fast": "active dims",
    "factor_vae_score/fast": "FactorVAE score",
    "mig": "MIG",
    "unsupervised_accuracy": "shape found",
}
RELATION_COLUMNS = {
    "factor_accuracy": "factors",
    "relation_accuracy": "latent",
    "relation_accuracy_reencoded": "re-encoded",
    "relation_accuracy_judged": "judged",
    "generation_accuracy": "generated",
    "reconstruction_error": "reconstruction",
}


def table(rows: list[Row], done: dict[str, Any], columns: dict[str, str]) -> list[str]:
    """Lines of a Markdown table; what does not exist for a model is a dash."""
    lines = ["| model | setting | data | steps | seconds | " + " | ".join(columns.values()) + " |"]
    lines.append("|---|---|---|" + "---:|" * (len(columns) + 2))
    for row in rows:
        if row.key not in done:
            continue
        found = done[row.key]
        cells = [_number(found[key]) if key in found else "–" for key in columns]
        head = [trainables.get(row.model).title, row.name, row.dataset, f"{found['step']:,}", f"{found['seconds']:.0f}"]
        lines.append("| " + " | ".join([*head, *cells]) + " |")
    return lines


COMPARED_COLUMNS = {
    "factor_accuracy": "factors",
    "relation_accuracy": "latent",
    "relation_accuracy_judged": "judged",
    "reconstruction_judged": "unedited",
    "generation_accuracy": "generated",
    "left_out_judged": "judged, left out",
    "leak": "leak",
    "reconstruction_error": "reconstruction",
}


def comparison(done: dict[str, Any]) -> list[str]:
    """Lines of the table of `COMPARED`: the mean over seeds and, where there are several, each of them."""
    lines = ["| case | way | data | seeds | steps | seconds | " + " | ".join(COMPARED_COLUMNS.values()) + " |"]
    lines.append("|---|---|---|" + "---:|" * (len(COMPARED_COLUMNS) + 3))
    for case in CASES:
        for way, (model, _) in WAYS.items():
            found = [done[row.key] for row in COMPARED if row.name == f"{case.name}, {way}" and row.key in done]
            if not found:
                continue
            cells = [_seeds([each[key] for each in found if key in each]) for key in COMPARED_COLUMNS]
            seconds = sum(each["seconds"] for each in found) / len(found)
            label = f"{trainables.get(model).title}, {way}" if way != model else trainables.get(model).title
            head = [case.name, label, case.dataset, str(len(found)), f"{found[0]['step']:,}", f"{seconds:.0f}"]
            lines.append("| " + " | ".join([*head, *cells]) + " |")
    return lines


def _seeds(values: list[float]) -> str:
    if len(values) < 2:
        return _number(values[0]) if values else "–"
    return f"{_number(sum(values) / len(values))} ({', '.join(_number(value) for value in values)})"


def refusals() -> list[str]:
    """What the predecessor answers where it cannot be compared."""
    said = []
    for name, model, dataset, values in REFUSED:
        kind = trainables.get(model)
        said.append(f"- {name}: {kind.Hyperparameters(**values).refuse(core.data.describe(dataset))}.")
    return said


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def page(done: dict[str, Any]) -> str:
    """The Markdown page."""
    dates = sorted({found["date"] for found in done.values()})
    known = {row.key for row in QUICK + MODULAR + COMPARED}
    said = [f"- {name}: {text}." for name, found in done.items() if name in known for text in found["warnings"]]
    lines = [
        "# What every model learns in minutes",
        "",
        f"`python -m benchmarks.learning`, {' to '.join(dict.fromkeys([dates[0], dates[-1]]))}, one core of "
        f"{granted_cores().amount}, PyTorch {torch.__version__}, one "
        "seed unless said. Seconds: processor time of training.",
        "",
        "## All models on `dsprites.quick`",
        "",
        "5,760 images, network `small`, batch 32, learning rate 1e-3. Reconstruction and KL in nats per image. Seeds",
        "differ by about 0.05 in MIG and 0.1 in the FactorVAE score.",
        "",
        *table(QUICK, done, COLUMNS),
        "",
        "## The modular autoencoder and its predecessor",
        "",
        "1,000 annotated images unless said; `default` has the full network, all others the small one. factors: values",
        "read from codes of held-out images. latent: the paper's relation accuracy. re-encoded and judged: a held-out",
        "image through encoder, relational learner and decoder, read by the model's own encoder or by an independent",
        "classifier. generated: decoded prior samples, judged.",
        "",
        *table(MODULAR, done, RELATION_COLUMNS),
        "",
        "## Where the modular autoencoder could be ahead of its predecessor",
        "",
        "The same number of steps and of annotated images (1,000 unless said; 1,080 on `dsprites.v4`, one of every",
        "combination) and the same additions: anchor, cycle, discriminator that is told the value. `cycled` has the",
        "predecessor's recipe in all but the prior (1,000 steps of warm-up, components estimated, no batch",
        "normalisation); `default` places its components and normalises, and needs no warm-up. A seed draws weights,",
        "batches, annotated images and what is left out; in parentheses, the seeds. unedited: the same images without",
        "an edit, judged, which is as good as edits can be: on `dsprites.v4` a square looks the same after a quarter",
        "turn and an ellipse after half of one, so that the judge names 0.51 of the orientations of real images (0.58",
        "at most). left out: held-out images of combinations that were never annotated. leak: share of images whose",
        "factor is told by the partition of another one, averaged.",
        "",
        *comparison(done),
        "",
        "The predecessor has a component for every combination, each estimated from annotated images of its own. It",
        "cannot be trained where combinations are left out or there are fewer images than combinations:",
        "",
        *refusals(),
    ]
    return "\n".join([*lines, *(["", "Said by the trials themselves:", "", *said] if said else [])]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes-per-model", type=float, default=15.0, metavar="M")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="names of rows; default all")
    parser.add_argument("--data-root", default=None)
    parser.add_argument("--folder", default=None, help="keep checkpoints here, and go on from them")
    options = parser.parse_args()
    store = RESULTS / "learning.json"
    done = json.loads(store.read_text()) if store.exists() else {}
    rows = QUICK + MODULAR + COMPARED
    for row in rows:
        trainables.get(row.model)  # all models as they are now, however long the rows before take
    for row in rows:
        if options.only and row.name not in options.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            kept = options.folder or folder
            done[row.key] = measure(row, requests(row), options.minutes_per_model, options.data_root, kept)
        done[row.key]["date"] = datetime.date.today().isoformat()
        RESULTS.mkdir(exist_ok=True)
        store.write_text(json.dumps(done, indent=1, ensure_ascii=False))
        (RESULTS / "learning.md").write_text(page(done))
        print(row.model, row.key, {k: v for k, v in done[row.key].items() if k in {**COLUMNS, **RELATION_COLUMNS}})


if __name__ == "__main__":
    main()
