import os
import subprocess
import sys

import numpy as np
import pytest

import core.metrics
from core.metrics.importances import disentanglement
from studies.testing.representations import pool, rotated


def lgbm(codes, factors, **options):
    return core.metrics.compute("dci_lgbm", codes=codes, factors=factors, **options)


def test_disentanglement_is_the_weighted_entropy_of_the_rows():
    importance = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.5, 0.5]])
    row = 1 - np.log(2) / np.log(3)
    assert disentanglement(importance) == pytest.approx((1 + 2 * row) / 3, abs=1e-6)
    assert disentanglement(np.eye(4)) == pytest.approx(1.0, abs=1e-8)
    assert disentanglement(np.ones((4, 3))) == pytest.approx(0.0, abs=1e-8)


def test_logarithms_to_the_base_one_and_no_importance_are_defined():
    assert disentanglement(np.ones((4, 1))) == 1.0
    assert disentanglement(np.zeros((4, 3))) == 0.0


@pytest.mark.parametrize("name", ["dci_lgbm", pytest.param("dci", marks=pytest.mark.slow)])
def test_perfect_and_permuted_codes_reach_one(name):
    factors = pool(count=600)
    values = core.metrics.compute(name, codes=factors[:, [2, 0, 3, 1]].astype(float), factors=factors)
    for key in ("disentanglement", "completeness", "informativeness"):
        assert values[f"{name}_{key}"] == pytest.approx(1.0, abs=0.01)


def test_redundant_codes_stay_disentangled_and_rotated_ones_do_not():
    factors = pool((6, 6, 6, 6), count=1200)
    noise = np.random.default_rng(1).normal(size=(2, *factors.shape)) * 0.3
    redundant = lgbm(np.hstack(list(factors + noise)), factors)
    assert redundant["dci_lgbm_disentanglement"] > 0.85
    assert redundant["dci_lgbm_completeness"] < 0.7
    turned = lgbm(rotated(factors.astype(float)), factors)
    assert turned["dci_lgbm_disentanglement"] < 0.6
    assert turned["dci_lgbm_informativeness"] > 0.9


def test_random_codes_inform_by_chance_only():
    values = lgbm(np.random.default_rng(1).normal(size=(3000, 5)), pool((4, 4)))
    assert values["dci_lgbm_disentanglement"] < 0.1
    assert values["dci_lgbm_informativeness"] == pytest.approx(0.25, abs=0.05)


@pytest.mark.slow
def test_gradient_boosting_gives_the_same_in_any_number_of_processes():
    program = (
        "import core.metrics; from studies.testing.representations import pool; f = pool((3, 4), 300);"
        "print(core.metrics.compute('dci', codes=f + 0.3 * pool((5, 7), 300, 1), factors=f))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(outputs) == 1
