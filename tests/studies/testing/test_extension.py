"""The contracts on code of somebody's own: what is right passes, and every planted fault is found and named."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from core import extensions
from core.mistakes import ExtensionError
from studies.testing.extension import Case, cases
from tests.extensions import SPARSE_VAE, write

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _nothing_stays_active() -> Iterator[None]:
    yield
    extensions.activate(())


def made(folder: pathlib.Path, text: str = SPARSE_VAE, only: str | None = None) -> list[Case]:
    write(folder, "tested_code.py", text)
    return list(cases("tested_code.py", folder, folder / "data", only=only))


def failures(every: list[Case], *checks: str) -> dict[str, str]:
    results = {case.check.__name__: case.result() for case in every if not checks or case.check.__name__ in checks}
    return {name: why for name, (result, why) in results.items() if result == "failed"}


def test_every_definition_is_tried_by_every_check_of_its_kind(tmp_path: pathlib.Path) -> None:
    every = made(tmp_path)
    assert {(case.kind, case.name) for case in every} == {
        ("model", "sparse_vae"),
        ("metric", "small_codes"),
        ("metric", "small_codes/plain"),
        ("data set", "mine"),
        ("labeller", "lazy"),
    }
    assert {case.kind for case in made(tmp_path, only="small_codes")} == {"metric"}


def test_a_metric_and_a_labeller_that_are_right_pass(tmp_path: pathlib.Path) -> None:
    assert failures([*made(tmp_path, only="small_codes"), *made(tmp_path, only="lazy")]) == {}


@pytest.mark.parametrize(
    ("old", "new", "check", "why"),
    [
        ("l1 = posterior.mean", "l1 = float(posterior.mean.sum()) + posterior.mean", "no_host_reads", "host"),
        ("return posterior", "self.x = posterior.mean.cpu().sum(); return posterior", "steps_stay_on_the_device", ""),
        ("l1 = posterior.mean.abs()", "l1 = (posterior.mean * np.random.rand()).abs()", "seeds", "same seed differ"),
        ("l1 = posterior.mean.abs()", "self.n = getattr(self, 'n', 0) + 1; l1 = self.n * posterior.mean.abs()",
         "restored_bit_identically", "restored, it differs in"),
        ("l1 = posterior.mean.abs()", "assert self.hyperparameters.sparsity < 9; l1 = posterior.mean.abs()", "extremes",
         "with sparsity = 10"),
        ('float = hyperparameter(0.1, "Weight of |z|.", symbol="s", source="here", ge=0.0, le=10.0)', "float = 0.1",
         "types_symbols_and_bounds", "not made with hyperparameter"),
    ],
)  # fmt: skip
def test_a_fault_of_a_model_is_found(old: str, new: str, check: str, why: str, tmp_path: pathlib.Path) -> None:
    assert old in SPARSE_VAE
    found = failures(made(tmp_path, SPARSE_VAE.replace(old, new), only="sparse_vae"), check)
    assert set(found) == {check}
    assert why in found[check]


@pytest.mark.parametrize(
    ("old", "new", "check", "why"),
    [
        ('    return {"small', '    codes *= 2\n    return {"small', "inputs_stay_as_they_are", "changes codes"),
        ("(np.abs(codes) <", "(np.abs(codes) * np.random.rand() <", "values_are_finite_and_named",
         "same seed gives other"),
        ("np.abs(codes) <", "codes[:, :1] <", "order_of_dimensions", "for the same code turned"),
        ('    """Share of codes below a threshold."""\n', "", "describes_itself", "no docstring"),
        ("return Labels(classes * 0,", "classes *= 0; classes += len(classes) // 100 % 3; return Labels(classes,",
         "few_are_a_prefix_of_many", "number of images"),
        ("tuple(range(len(sizes))), sizes)", "tuple(range(len(sizes))), tuple(2 for _ in sizes))", "sizes_are_foretold",
         "is foretold"),
    ],
)  # fmt: skip
def test_a_fault_of_a_metric_or_a_labeller_is_found(
    old: str, new: str, check: str, why: str, tmp_path: pathlib.Path
) -> None:
    assert old in SPARSE_VAE
    found = failures(made(tmp_path, SPARSE_VAE.replace(old, new)), check)
    assert set(found) == {check}
    assert why in found[check]


def test_a_fault_of_a_data_set_is_found(tmp_path: pathlib.Path) -> None:
    """This one is described by another's name, and takes no notice of options."""
    found = failures(made(tmp_path, only="mine"), "description", "outside", "unknown_option")
    assert set(found) == {"description"}
    assert found["description"] == "it is described as 'dsprites.quick' and opened as 'dsprites.quick'"


def test_what_keeps_half_of_a_contract_is_not_tried(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ExtensionError, match=r"tested_code\.py:23: model 'sparse_vae' does not define penalty"):
        made(tmp_path, SPARSE_VAE.replace("def penalty", "def penalti"))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_command_line_has_a_table_and_an_exit_code(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "tested_code.py", SPARSE_VAE.replace('    """Share of codes below a threshold."""\n', ""))
    command = [sys.executable, "-m", "studies.cli", "test-extension", "tested_code.py", "--only"]
    place = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}}
    failed = subprocess.run([*command, "small_codes"], capture_output=True, text=True, check=False, **place)  # type: ignore[call-overload]
    assert failed.returncode == 1, failed.stderr
    assert "its function has no docstring" in failed.stdout
    passed = subprocess.run([*command, "lazy"], capture_output=True, text=True, check=False, **place)  # type: ignore[call-overload]
    assert passed.returncode == 0, passed.stderr
    absent = subprocess.run([*command, "lasy"], capture_output=True, text=True, check=False, **place)  # type: ignore[call-overload]
    assert (absent.returncode, absent.stdout) == (2, "")


@pytest.mark.timeout(120)
def test_the_contracts_are_tests_of_somebody_elses_pytest(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "tested_code.py")
    write(
        tmp_path,
        "test_mine.py",
        "from studies.testing.fixtures import pytest_generate_tests\n\nEXTENSION = 'tested_code.py'\n\n\n"
        "def test_it_keeps_the_contract(contract_case, tmp_path):\n    contract_case(tmp_path)\n",
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        "lazy or small_codes",
        "test_mine.py",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "14 passed" in done.stdout
