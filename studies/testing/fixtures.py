"""The contracts as tests of pytest, for a repository of one's own.

    from studies.testing.fixtures import pytest_generate_tests

    EXTENSION = "sparse_vae.py"  # relative to this file

    def test_it_keeps_the_contract(contract_case, tmp_path):
        contract_case(tmp_path)

A module may also say `DATASET`, that models are trained on, and `DATA`, the directory of data sets.
"""

import pathlib
import tempfile
from typing import Any

import pytest

from studies.testing.contract import NotApplicable
from studies.testing.extension import Case, cases

__all__ = ["pytest_generate_tests"]


class PytestCase:
    """A case whose check is skipped where it does not apply."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def __call__(self, folder: pathlib.Path) -> None:
        """Run the check in an empty folder."""
        try:
            self.case(folder)
        except NotApplicable as reason:
            pytest.skip(str(reason))


def pytest_generate_tests(metafunc: Any) -> None:
    """A test for every check of the module's `EXTENSION`, where it asks for `contract_case`."""
    if "contract_case" not in metafunc.fixturenames:
        return
    module = metafunc.module
    folder = pathlib.Path(module.__file__).parent
    data = pathlib.Path(getattr(module, "DATA", None) or pathlib.Path(tempfile.gettempdir(), "studies-testing"))
    every = [PytestCase(case) for case in cases(module.EXTENSION, folder, data, getattr(module, "DATASET", None))]
    metafunc.parametrize("contract_case", every, ids=[str(each.case) for each in every])
