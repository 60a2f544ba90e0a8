"""Nothing that is read is unpickled, evaluated or served to the world, and no code of a study runs in who reads it."""

import ast
import json
import os
import pathlib
import subprocess
import sys

import pytest

from core import extensions
from core.configuration import Extension
from core.files import redact
from core.storage import Folder
from studies.testing.trials import trial_config
from tests.analysis.kit import StudyWriter
from tests.extensions import SPARSE_VAE, write
from trainables.training.run import TrainingRun

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = [path for floor in ("core", "trainables", "analysis", "studies") for path in (ROOT / floor).rglob("*.py")]
FORBIDDEN_IMPORTS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
MAY_PICKLE = {  # figures, from a process to the child that it has just started, over a pipe that nobody else holds
    "analysis/figures/press/__init__.py",
    "analysis/figures/press/__main__.py",
}
FORBIDDEN_CALLS = {"eval", "exec", "read_pickle", "to_pickle"}
RUNS_CODE = {"exec_module", "import_module", "__import__", "run_path", "run_module", "load_module"}
MAY_RUN_CODE = {  # modules of this repository by their names, or what somebody has asked for
    "core/data/registry.py",
    "core/extensions/activity.py",
    "core/extensions/running.py",
    "core/metrics/registry.py",
    "studies/study_file/checks/sampler.py",  # of whoever launches or resumes a study, not of who reads it
    "trainables/__init__.py",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_unpickles_or_evaluates(path: pathlib.Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            forbidden = {module.split(".")[0] for module in modules} & FORBIDDEN_IMPORTS
            assert not forbidden or (forbidden == {"pickle"} and str(path.relative_to(ROOT)) in MAY_PICKLE)
        if not isinstance(node, ast.Call):
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        called = ast.unparse(node.func)
        assert called.split(".")[-1] not in FORBIDDEN_CALLS or called.endswith(".eval"), (
            called
        )  # model.eval() is harmless
        if called.split(".")[-1] in RUNS_CODE:
            assert str(path.relative_to(ROOT)) in MAY_RUN_CODE, called
        if called == "torch.load":
            assert ast.unparse(keywords["weights_only"]) == "True"
        if called == "np.load":
            assert "allow_pickle" not in keywords or ast.unparse(keywords["allow_pickle"]) == "False"
        for value in keywords.values():
            assert not (isinstance(value, ast.Constant) and value.value == "0.0.0.0"), "listens on every interface"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://user:secret@host/db", "postgresql://user:***@host/db"),
        ("http://user:p%40ss@host:5000", "http://user:***@host:5000"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
        ("s3://key:word@bucket/x?region=a", "s3://key:***@bucket/x?region=a"),
        ("postgresql://host/db?user=ann&password=p%40ss&port=1", "postgresql://host/db?user=ann&password=***&port=1"),
        ("s3://bucket/x?access_key=a&secret_key=b&region=c", "s3://bucket/x?access_key=***&secret_key=***&region=c"),
    ],
)
def test_passwords_are_not_shown(uri: str, shown: str) -> None:
    assert redact(uri) == shown


READ = """
import json, sys
import studies
from studies import service
study = studies.open("own", sys.argv[1])
service.status("own", root=sys.argv[1])
trial = study.best()[0]
study.trials(), study.configurations(), study.curves(), study.front(), study.direction("small_codes")
study.export(sys.argv[2])
try:
    trial.load()
except ValueError as error:
    refused = str(error)
seen = "sparse_vae" in sys.modules
model = trial.load(allow_code=True)
again = trial.load()  # has been imported
print(json.dumps([seen, refused, type(model).__module__, type(again) is type(model)]))
"""


def test_reading_a_study_runs_none_of_its_code(tmp_path: pathlib.Path) -> None:
    """Whatever lies in its folder; a model of its own is loaded by whoever says so."""
    ran = tmp_path / "ran"
    tripwire = f"import pathlib\n\npathlib.Path({str(ran)!r}).write_text('')\n"
    source = extensions.Source("sparse_vae", write(tmp_path, "sparse_vae.py", SPARSE_VAE + tripwire))
    identity = source.identity
    code = {"module": "sparse_vae", "sha256": identity.sha256, "source": str(source.path), "directions": {}}
    models = {"sparse_vae": {"title": "Sparse VAE", "points": 1}}
    writer = StudyWriter(
        tmp_path,
        "own",
        dataset={"name": "mine"},
        models={"sparse_vae": {}},
        objectives={"reconstruction_error": "minimize"},
        seeds={"min": 1, "max": 1, "until": None},
        extensions=[{**code, "models": models, "directions": {"small_codes": "maximize"}}],
    )
    extensions.keep(source, writer.path / extensions.FOLDER)
    for name in ("conftest.py", "sitecustomize.py", "extensions/__init__.py", "extensions/other/sparse_vae.py"):
        write(writer.path, name, tripwire)
    trained_with(identity, writer)
    ran.unlink()

    place = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}}
    line = [sys.executable, "-c", READ, str(tmp_path), str(tmp_path / "exported")]
    done = subprocess.run(line, capture_output=True, text=True, check=False, **place)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    seen, refused, module, same = json.loads(done.stdout.splitlines()[-1])
    assert (seen, module, same) == (False, "sparse_vae", True)
    assert "load(allow_code=True)" in refused
    assert (tmp_path / "exported" / extensions.FOLDER / identity.sha256[:12] / "sparse_vae.py").exists()


def trained_with(identity: Extension, writer: StudyWriter) -> None:
    """A completed trial of the study's own model, in its folder and its journal."""
    extensions.use([identity], writer.path / extensions.FOLDER)
    try:
        config = trial_config("sparse_vae", writer.root, steps=2, extensions=(identity,), code="gone")
        key = writer.configuration("sparse_vae", 1, **config.configuration.hyperparameters)
        run = TrainingRun(config)
        result = run.advance()
        writer.complete(key, 0, {"small_codes": 0.5, **result.metrics})
        run.save(Folder(writer.study.checkpoint_folder(config.identity)))
    finally:
        extensions.activate(())
