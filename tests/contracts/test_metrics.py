"""What every metric promises; a new file in core/metrics is tested here the moment it exists."""

import os
import pathlib
import subprocess
import sys

import pytest

import core.metrics
from core.metrics import MetricError
from studies.testing import metrics
from studies.testing.contract import Bench, NotApplicable
from studies.testing.representations import everything

REQUESTS = [f"{name}/{protocol}" for name in core.metrics.names() for protocol in core.metrics.get(name).protocols]
CASES = [(request, check) for request in REQUESTS for check in metrics.OF_PROTOCOLS]
CASES += [(name, check) for name in core.metrics.names() for check in metrics.OF_METRICS]
SLOW = [(request, check) for request in REQUESTS for check in metrics.SLOW_OF_PROTOCOLS]


def case(request, check):
    slow = (request, check) in SLOW and core.metrics.parse(request)[0].cost == "slow"
    return pytest.param(request, check, marks=[pytest.mark.slow] * slow, id=f"{request}-{check.__name__}")


@pytest.mark.parametrize(("request_", "check"), [case(*each) for each in CASES + SLOW])
def test_a_metric_keeps_the_contract(request_, check, tmp_path: pathlib.Path):
    try:
        check(Bench(request_, tmp_path, tmp_path))
    except NotApplicable as reason:
        pytest.skip(str(reason))


def test_one_bag_serves_many_requests_and_suffixes_the_named_protocols():
    values = core.metrics.evaluate(["mig", "factor_vae_score/fast", "kl"], seed=1, **everything())
    assert {"mig", "factor_vae_score/fast", "kl", "kl_dim_0"} <= set(values)
    assert "factor_vae_score" not in values
    alone = core.metrics.evaluate(["mig"], seed=1, **everything())
    assert alone == {"mig": values["mig"]}


@pytest.mark.parametrize(
    ("call", "wrong", "nearest"),
    [
        (core.metrics.parse, "factor_score", "factor_vae_score"),
        (core.metrics.parse, "dci/lgbm", "dci_lgbm"),
        (core.metrics.parse, "factor_vae_score/chvae", "factor_vae_score/chyvae"),
        (core.metrics.find_key, "sap_scv", "sap_svc"),
        (core.metrics.get, "mgi", "mig"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(call, wrong, nearest):
    with pytest.raises(MetricError, match=f"'{nearest}'"):
        call(wrong)


def test_objectives_are_found_by_their_key():
    assert core.metrics.find_key("sap_svc")[0].name == "sap"
    assert core.metrics.find_key("factor_vae_score/cascade")[1] == "cascade"
    assert core.metrics.find_key("dci_lgbm_completeness")[0].name == "dci_lgbm"
    with pytest.raises(MetricError, match="no protocol 'lgbm'"):
        core.metrics.find_key("mig/lgbm")


def test_importing_metrics_loads_no_heavy_library():
    program = (
        "import sys, core.metrics; core.metrics.names(); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'sklearn', 'lightgbm', 'scipy', 'ray')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.slow
def test_values_do_not_depend_on_the_number_of_threads():
    program = """
import numpy as np, core.metrics
from studies.testing.representations import pool
factors = pool((3, 6, 10), 6000)
rng = np.random.default_rng(1)
codes = factors @ rng.normal(size=(3, 8)) + rng.normal(size=(6000, 8))
bag = {"codes": codes, "factors": factors, "posterior_mean": codes, "num_images": 10**5,
       "posterior_log_variance": np.full(codes.shape, -2.0), "codes_by_seed": [codes, codes[:, ::-1] ** 3]}
names = ["mig", "mig/btc", "sap", "modularity", "explicitness", "irs", "dci_lgbm", "factor_vae_score/fast",
         "beta_vae_score/fast", "infomec", "kl", "total_correlation", "mutual_information", "udr"]
print(core.metrics.evaluate(names, **bag))
"""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for count in ("1", "2")
    }
    assert len(outputs) == 1
