"""What every metric promises; a new file in core/metrics is tested here the moment it exists."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import core.metrics
from core.metrics import MetricError
from tests.core.metrics.fakes import everything

REQUESTS = [f"{name}/{protocol}" for name in core.metrics.names() for protocol in core.metrics.get(name).protocols]


def served(metric, bag):
    return {name: value for name, value in bag.items() if name in metric.accepts}


@pytest.mark.parametrize("request_", REQUESTS)
def test_values_are_finite_named_and_a_function_of_the_seed(request_):
    metric, protocol, suffix = core.metrics.parse(request_)
    assert suffix == f"/{protocol}"
    values = metric.compute(protocol=protocol, seed=3, **served(metric, everything()))
    assert values
    for key, value in values.items():
        assert isinstance(value, float)
        assert np.isfinite(value)
        assert core.metrics.find_key(key)[0] is metric
        assert core.metrics.find_key(f"{key}/{protocol}") == (metric, protocol)
    assert values == metric.compute(protocol=protocol, seed=3, **served(metric, everything()))


@pytest.mark.parametrize(
    "request_",
    [pytest.param(r, marks=[pytest.mark.slow] if core.metrics.parse(r)[0].cost == "slow" else []) for r in REQUESTS],
)
def test_every_value_has_a_standard_error_that_does_not_change_it(request_):
    metric, protocol, _ = core.metrics.parse(request_)
    bag = served(metric, everything())
    plain = metric.compute(protocol=protocol, **bag)
    found = metric.compute(protocol=protocol, standard_error=True, **bag)
    errors = {key: value for key, value in found.items() if key.endswith("_se")}
    assert {key: value for key, value in found.items() if key not in errors} == plain
    keys = {f"{key}_se" for key in plain}
    assert set(errors) == (keys if metric.name != "udr" else {"udr_se"})
    assert all(value >= 0 for value in errors.values())


@pytest.mark.parametrize("request_", REQUESTS)
def test_settings_can_be_logged_and_not_changed(request_):
    metric, protocol, _ = core.metrics.parse(request_)
    settings = metric.settings(protocol)
    assert json.loads(json.dumps(settings)) == settings
    assert settings["protocol"] == protocol
    assert settings["version"] >= 1
    with pytest.raises(TypeError):
        metric.protocols[protocol].settings["version"] = 2


@pytest.mark.parametrize("name", core.metrics.names())
def test_metric_describes_itself(name):
    metric = core.metrics.get(name)
    assert metric.name == name
    assert metric.source
    assert metric.function.__doc__
    assert set(metric.directions.values()) <= {"maximize", "minimize", None}
    assert metric.requires <= metric.accepts
    assert metric.needs_factors == bool({"factors", "dataset"} & metric.requires)
    assert metric.settings()["protocol"] == metric.default_protocol


@pytest.mark.parametrize("name", core.metrics.names())
def test_unknown_and_missing_inputs_are_refused(name):
    metric = core.metrics.get(name)
    with pytest.raises(MetricError, match="takes no input 'colour'"):
        core.metrics.compute(name, colour=1, **served(metric, everything()))
    with pytest.raises(MetricError, match="needs"):
        core.metrics.compute(name)
    with pytest.raises(MetricError, match="no protocol 'nonsense'"):
        core.metrics.compute(name, protocol="nonsense", **served(metric, everything()))
    with pytest.raises(MetricError, match="negative"):
        core.metrics.compute(name, seed=-1, **served(metric, everything()))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "request_",
    [r for r in REQUESTS if r.split("/")[0] not in ("relation_accuracy", "unsupervised_accuracy")],
)
def test_codes_that_are_not_finite_are_refused(request_, value):
    metric, protocol, _ = core.metrics.parse(request_)
    bag = everything()
    for name in ("codes", "posterior_mean", "sampled_codes"):
        bag[name] = bag[name].copy()
        bag[name][7, 1] = value
    bag["codes_by_seed"] = [bag["codes"], bag["codes"]]
    bag["encode"] = lambda images: np.full((len(images), 2), value)
    bag["logits"] = lambda images, _: np.full(images.shape, value, dtype=np.float32)
    with pytest.raises(MetricError, match="NaN"):
        metric.compute(protocol=protocol, **served(metric, bag))


@pytest.mark.parametrize("name", [n for n in core.metrics.names() if "codes" in core.metrics.get(n).requires])
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"factors": np.zeros((10, 2), dtype=int)}, "rows"),
        ({"codes": np.zeros((240, 0))}, "no latent dimension"),
        ({"codes": np.zeros(240)}, "shape"),
        ({"factors": np.zeros((240, 3), dtype=int)}, "one class only"),
        ({"factors": np.full((240, 3), 0.5)}, "whole class numbers"),
        ({"codes": np.array([["a"]] * 240)}, "real numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, change, match):
    metric = core.metrics.get(name)
    with pytest.raises(MetricError, match=match):
        core.metrics.compute(name, **({k: everything()[k] for k in metric.requires} | change))


@pytest.mark.parametrize("name", [n for n in core.metrics.names() if "codes" in core.metrics.get(n).requires])
def test_degenerate_codes_give_a_defined_value(name):
    bag = everything()
    for codes in (bag["codes"][:, :1], np.zeros((240, 3)), np.hstack([bag["codes"][:, :1], np.zeros((240, 2))])):
        values = core.metrics.compute(name, codes=codes.astype(np.float32), factors=bag["factors"])
        assert all(np.isfinite(value) for value in values.values())


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
from tests.core.metrics.fakes import pool
factors = pool((3, 6, 10), 6000)
rng = np.random.default_rng(1)
codes = factors @ rng.normal(size=(3, 8)) + rng.normal(size=(6000, 8))
bag = {"codes": codes, "factors": factors, "posterior_mean": codes, "num_images": 10**5,
       "posterior_log_variance": np.full(codes.shape, -2.0), "codes_by_seed": [codes, codes[:, ::-1] ** 3]}
names = ["mig", "mig/btc", "sap", "modularity", "explicitness", "irs", "dci_lgbm", "factor_vae_score/fast",
         "beta_vae_score/fast", "kl", "total_correlation", "mutual_information", "udr"]
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
