"""The key `extensions` of a study file."""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import core.data
import core.metrics
import trainables
from core import extensions
from core.mistakes import UserError
from studies import service
from studies.study_file.document import StudyFileError, from_mapping, read
from studies.study_file.spec import StudySpec
from studies.study_file.validation import validate
from tests.extensions import SPARSE_VAE, write
from trainables.labels.labellers import label

STUDY: dict[str, Any] = {
    "name": "own",
    "dataset": "mine",
    "models": {"sparse_vae": {"sparsity": [0.1, 1.0]}},
    "objectives": {"small_codes": "maximize"},
    "budget": {"steps": 10, "evaluate_every": 5},
}
SHIPPED = {**STUDY, "dataset": "dsprites.quick", "models": {"vae": {}}, "objectives": {"mig": "maximize"}}


def with_streams(streams: str) -> str:
    """The model, with other streams."""
    title = '    title: ClassVar[str] = "Sparse VAE"\n'
    return SPARSE_VAE.replace(title, f"{title}    streams: ClassVar[tuple[str, ...]] = {streams}\n")


@pytest.fixture(autouse=True)
def _nothing_stays_active() -> Iterator[None]:
    yield
    extensions.activate(())


def checked(folder: pathlib.Path, text: str = SPARSE_VAE, *, file: str = "sparse_vae.py", **changes: Any) -> StudySpec:
    path = write(folder, file, text)
    return validate(from_mapping({**STUDY, "extensions": [str(path)], **changes}))


def faults(folder: pathlib.Path, text: str, **changes: Any) -> list[str]:
    with pytest.raises(StudyFileError) as caught:
        checked(folder, text, file="faulty_code.py", **{**SHIPPED, **changes})
    return [problem.message for problem in caught.value.problems]


def test_all_that_a_file_defines_is_known_and_remembered(tmp_path: pathlib.Path) -> None:
    spec = checked(tmp_path, models={"sparse_vae": None, "few_labels": {"labeller": "lazy"}})
    (code,) = spec.extensions
    assert (code.module, code.source) == ("sparse_vae", str(tmp_path / "sparse_vae.py"))
    assert code.directions == {"small_codes": "maximize"}
    assert {name: own.title for name, own in code.models.items()} == {"sparse_vae": "Sparse VAE"}
    assert "sparse_vae" in trainables.names()
    assert core.metrics.compute("small_codes", codes=np.array([[0.0, 1.0]] * 2)) == {"small_codes": 0.5}
    assert "mine" in core.data.names()
    assert not label("lazy", np.ones((3, 2)), (2, 2), 0).classes.any()


def test_a_study_knows_no_code_of_another(tmp_path: pathlib.Path) -> None:
    checked(tmp_path)
    with pytest.raises(StudyFileError) as caught:
        validate(from_mapping(STUDY))
    assert {problem.path for problem in caught.value.problems} >= {("models", "sparse_vae"), ("dataset",)}
    with pytest.raises(UserError, match="unknown model 'sparse_vae'"):
        trainables.get("sparse_vae")


def test_paths_are_relative_to_the_study_file_and_further_ones_to_here(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "files" / "mine", "sparse_vae.py")
    file = write(tmp_path / "files", "own.yaml", "")
    file.write_text(str({**STUDY, "extensions": ["mine/sparse_vae.py"]}))
    assert validate(read(file)).extensions[0].source == str(tmp_path / "files" / "mine" / "sparse_vae.py")
    monkeypatch.chdir(tmp_path / "files")
    spec, _ = service.load(STUDY, extensions=[pathlib.Path("mine/sparse_vae.py")])
    assert spec.extensions[0].source == str(tmp_path / "files" / "mine" / "sparse_vae.py")


def test_the_plan_of_a_study_is_known_without_its_code(tmp_path: pathlib.Path) -> None:
    """As `studies status` asks for it."""
    spec = checked(tmp_path, search={"configurations": 5})
    ranged = checked(tmp_path, models={"sparse_vae": {"sparsity": {"log": [0.1, 1.0]}}}, search={"configurations": 5})
    extensions.activate(())
    for each, planned in ((spec, 2), (ranged, 5)):
        assert StudySpec.model_validate(each.model_dump(mode="json")).num_configurations == planned


def test_a_model_is_known_by_class_and_not_by_what_it_imports(tmp_path: pathlib.Path) -> None:
    """A base without a name, and shipped models and metrics under other names, are no definitions."""
    text = (
        SPARSE_VAE
        + "\nfrom trainables.models.beta_vae import BetaVAE\nfrom core.metrics.measures import mig\nM = mig.METRIC\n"
    )
    text += "\n\nclass Shared(SparseVAE):\n    extra = 1\n\n\nclass Other(Shared):\n    name = 'other_vae'\n"
    assert set(checked(tmp_path, text).extensions[0].models) == {"sparse_vae", "other_vae"}


@pytest.mark.parametrize(
    ("text", "there", "why"),
    [
        ("x = 1\n", None, "defines no model, metric, data set or labeller"),
        (SPARSE_VAE.replace('"sparse_vae"', '"beta_vae"'), "class SparseVAE", "there is a model 'beta_vae' already"),
        (SPARSE_VAE.replace('name="small_codes"', 'name="mig"'), "METRIC =", "there is a metric 'mig' already"),
        (
            SPARSE_VAE.replace('{"small_codes": "maximize"}', '{"mig": "maximize"}'),
            "METRIC =",
            "as metric 'mig' does already",
        ),
        (
            SPARSE_VAE.replace('name = "mine"', 'name = "dsprites"'),
            "FAMILY =",
            "there is a data set 'dsprites' already",
        ),
        (
            SPARSE_VAE.replace('Labeller("lazy"', 'Labeller("noisy"'),
            "LABELLER =",
            "there is a labeller 'noisy' already",
        ),
        (
            SPARSE_VAE.replace('    name: ClassVar[str] = "sparse_vae"\n', ""),
            "class SparseVAE",
            "class SparseVAE has no name",
        ),
        (SPARSE_VAE.replace('    title: ClassVar[str] = "Sparse VAE"\n', ""), "class SparseVAE", "has no title"),
        (
            SPARSE_VAE.replace("    Hyperparameters: ClassVar = SparseHyperparameters\n", ""),
            "class SparseVAE",
            "no class Hyperparameters",
        ),
        (SPARSE_VAE.replace("def penalty", "def penalti"), "class SparseVAE", "does not define penalty"),
        (with_streams('("all", "couples")'), "class SparseVAE", "is 'all', 'annotated' or 'pairs', not 'couples'"),
        (with_streams('("pairs", "all")'), "class SparseVAE", "'pairs' of model 'sparse_vae' does not come after"),
        (
            with_streams('("all", "pairs")'),
            "class SparseVAE",
            "has the stream 'pairs', and no hyperparameter 'changed'",
        ),
        (
            SPARSE_VAE.replace("        0.1, ", "        -0.1, ").replace("(0.1, ", "(..., "),
            "class SparseVAE",
            "defaults of model",
        ),
        (SPARSE_VAE.replace("FAMILY = Mine()", ""), "class Mine", "write FAMILY = Mine()"),
        (
            SPARSE_VAE.replace("METRIC = Metric(", "METRIC = dict("),
            "METRIC =",
            "METRIC is no core.metrics.Metric, but of type dict",
        ),
        (SPARSE_VAE.replace('"maximize"}', '"up"}'), "METRIC =", "is 'maximize', 'minimize' or None, not 'up'"),
    ],
)
def test_half_of_a_contract_is_one_sentence_with_file_and_line(
    text: str, there: str | None, why: str, tmp_path: pathlib.Path
) -> None:
    (message,) = faults(tmp_path, text)
    assert why in message
    lines = [number for number, line in enumerate(text.splitlines(), 1) if there and line.startswith(there)]
    assert message.startswith(f"{tmp_path}/faulty_code.py" + "".join(f":{number}: " for number in lines))


def test_names_that_would_share_a_column_are_refused(tmp_path: pathlib.Path) -> None:
    metric = SPARSE_VAE.replace('{"small_codes": "max', '{"beta": "max').replace(
        '"small_codes": float', '"beta": float'
    )
    (message,) = faults(tmp_path, metric, models={"beta_vae": {}})
    assert message == "result 'beta' is named like a hyperparameter of model 'beta_vae'; rename one of the two"
    (message,) = faults(
        tmp_path, SPARSE_VAE.replace("    sparsity: float", "    state: float").replace("s.sparsity", "s.state")
    )
    assert (
        message == "hyperparameter 'state' of model 'sparse_vae' is named like another column of the tables; rename it"
    )
    (message,) = faults(tmp_path, SPARSE_VAE.replace("    sparsity: float", "    mig: float"))
    assert "is named like a result of metric 'mig'" in message


def test_two_extensions_of_one_name_and_entries_that_are_none(tmp_path: pathlib.Path) -> None:
    first, second = (write(tmp_path / name, "sparse_vae.py") for name in ("one", "two"))
    for entries, why in (
        ([str(first), str(second)], "there is an extension 'sparse_vae' already"),
        ([3], "is a file or a module, not 3"),
        ({"a": 1}, "is a list of files and modules"),
    ):
        with pytest.raises(StudyFileError, match=why):
            validate(from_mapping({**SHIPPED, "extensions": entries}))
