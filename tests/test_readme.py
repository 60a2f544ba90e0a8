"""The example of the README, as somebody types it into a folder of their own."""

import pathlib
import re
from collections.abc import Iterator

import pytest

from core import extensions
from core.configuration import TrialConfig
from studies import service
from studies.study_file.space import configure
from studies.study_file.spec import StudySpec
from studies.testing.extension import cases
from tests.service import Service
from trainables.training.run import start

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    section = README.read_text().split("## Your own model, data, metric")[1].split("\n## ")[0]
    code, study = (re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL) for kind in ("python", "yaml"))
    assert code is not None
    assert study is not None
    assert len(code[1].splitlines()) < 40
    (tmp_path / "sparse_vae.py").write_text(code[1])
    (tmp_path / "sparse.yaml").write_text(study[1])
    yield tmp_path
    extensions.activate(())


def test_a_trial_of_the_example_is_trained_and_measured(folder: pathlib.Path) -> None:
    spec, _ = service.load(folder / "sparse.yaml", str(folder / "data"))
    result = start(trial(spec, folder)).advance()
    assert result.done
    assert {"small_codes", "reconstruction_error", "train/l1"} <= set(result.metrics)


def trial(spec: StudySpec, folder: pathlib.Path) -> TrialConfig:
    """A short one of a study."""
    return TrialConfig(
        study=spec.name,
        configuration=configure("sparse_vae", {"sparsity": 1.0, "network": "tiny", "batch_size": 16}),
        seed=0,
        study_seed=0,
        dataset=spec.dataset,
        data_root=str(folder / "data"),
        steps=2,
        evaluate_every=2,
        metrics=tuple(spec.metrics.during),
        final_metrics=tuple(spec.metrics.final),
        folder=str(folder / "trial"),
        extensions=tuple(each.identity for each in spec.extensions),
    )


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_example_keeps_the_contracts(folder: pathlib.Path) -> None:
    every = list(cases("sparse_vae.py", folder, folder / "data"))
    results = {str(case): case.result() for case in every}
    assert {name: why for name, (result, why) in results.items() if result == "failed"} == {}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_example_is_launched_extended_and_loaded(folder: pathlib.Path) -> None:
    own = Service(folder)
    launched = own.run("launch", folder / "sparse.yaml")
    assert launched.returncode == 0, launched.stderr
    extended = own.run("extend", "sparse", "--seeds", 2)
    assert extended.returncode == 0, extended.stderr
    own.assert_agreement("sparse")
    study = own.study("sparse")
    assert list(study.trials()["state"]) == ["COMPLETED"] * 8
    model = study.best()[0].load(allow_code=True)
    assert type(model).__name__ == "SparseVAE"
