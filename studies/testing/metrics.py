"""The contract of every metric, protocol by protocol."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import core.metrics
from core.metrics import Metric, MetricError
from studies.testing.contract import Bench, Check, NotApplicable, hold, identical, refuses
from studies.testing.representations import everything

ROUNDING = 1e-6
ARRAYS = ("codes", "factors", "posterior_mean", "posterior_log_variance", "sampled_codes", "discrete_codes")


def _parsed(bench: Bench) -> tuple[Metric, str]:
    metric, protocol, _ = core.metrics.parse(bench.name)
    return metric, protocol


def _served(metric: Metric, bag: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in bag.items() if name in metric.accepts}


def values_are_finite_and_named(bench: Bench) -> None:
    """Values are finite floats under keys that the metric declares, and a function of the seed."""
    metric, protocol = _parsed(bench)
    values = metric.compute(protocol=protocol, seed=3, **_served(metric, everything()))
    hold(values, "it gives no result")
    for key, value in values.items():
        hold(isinstance(value, float) and np.isfinite(value), f"'{key}' is {value!r}")
        hold(core.metrics.find_key(key)[0] is metric, f"'{key}' is not among its directions")
        hold(core.metrics.find_key(f"{key}/{protocol}") == (metric, protocol), f"'{key}/{protocol}' is not found")
        scale = metric.scales.get(key)
        within = scale is None or (
            (scale.low is None or value >= scale.low - ROUNDING)
            and (scale.high is None or value <= scale.high + ROUNDING)
        )
        hold(within, f"'{key}' is {value:.4g}, beyond its scale {scale.text if scale else ''}")
    again = metric.compute(protocol=protocol, seed=3, **_served(metric, everything()))
    hold(values == again, "the same seed gives other values: draw from the generator that it is given")


def inputs_stay_as_they_are(bench: Bench) -> None:
    """The arrays that it is given are not changed."""
    metric, protocol = _parsed(bench)
    bag = everything()
    before = {name: np.array(bag[name]) for name in ARRAYS}
    metric.compute(protocol=protocol, **_served(metric, bag))
    changed = [name for name, value in before.items() if not identical(np.asarray(bag[name]), value)]
    hold(not changed, f"it changes {', '.join(changed)} in place")


def errors_change_no_value(bench: Bench) -> None:
    """Every value has a standard error, which does not change it."""
    metric, protocol = _parsed(bench)
    bag = _served(metric, everything())
    plain = metric.compute(protocol=protocol, **bag)
    found = metric.compute(protocol=protocol, standard_error=True, **bag)
    errors = {key: value for key, value in found.items() if key.endswith("_se")}
    hold({key: value for key, value in found.items() if key not in errors} == plain, "values change with their errors")
    keys = {f"{key}_se" for key in plain}
    hold(
        set(errors) == (keys if metric.name != "udr" else {"udr_se"}),
        f"{', '.join(sorted(keys - set(errors)))} is missing",
    )
    hold(all(value >= 0 for value in errors.values()), "a standard error is negative")


def order_of_dimensions(bench: Bench) -> None:
    """The order and the signs of the dimensions of a code change no score."""
    metric, protocol = _parsed(bench)
    if not metric.protocol(protocol).inputs[0] <= {"codes", "factors"}:
        raise NotApplicable("it takes more than codes and factors")
    bag = everything()
    codes, factors = np.asarray(bag["codes"]), bag["factors"]
    given = {"factors": factors} if "factors" in metric.accepts else {}
    plain = metric.compute(protocol=protocol, codes=codes, **given)
    turned = metric.compute(protocol=protocol, codes=-codes[:, ::-1], **given)
    for key, value in plain.items():
        if key in metric.directions and key in turned and metric.directions[key]:
            hold(
                abs(turned[key] - value) < TOLERANCE,
                f"'{key}' is {value:.3g}, and {turned[key]:.3g} for the same code turned",
            )


TOLERANCE = 0.1  # boosted trees break ties by the order of the dimensions


def settings_are_plain(bench: Bench) -> None:
    """The settings of a protocol can be logged, and not changed."""
    metric, protocol = _parsed(bench)
    settings = metric.settings(protocol)
    hold(json.loads(json.dumps(settings)) == settings, "the settings do not come back from JSON as they were")
    hold(settings["protocol"] == protocol and settings["version"] >= 1, "the settings do not say protocol and version")
    frozen: Any = metric.protocols[protocol].settings
    refuses(lambda: frozen.update(version=2), AttributeError, "update", "a change of settings")


def describes_itself(bench: Bench) -> None:
    """Source, docstring, directions and inputs agree."""
    metric, _ = _parsed(bench)
    hold(metric.source, "it has no source")
    hold(metric.function.__doc__, "its function has no docstring")
    hold(set(metric.directions.values()) <= {"maximize", "minimize", None}, "a direction is no direction")
    hold(set(metric.scales) <= set(metric.directions), "a scale is of no key that it gives")
    hold(metric.requires <= metric.accepts, "it requires what it does not accept")
    needs = bool({"factors", "dataset"} & metric.requires)
    hold(metric.needs_factors == needs, f"needs_factors is {metric.needs_factors}, its inputs say {needs}")
    hold(metric.settings()["protocol"] == metric.default_protocol, "the default protocol is not the first")


def wrong_inputs(bench: Bench) -> None:
    """Unknown and missing inputs, protocols and seeds are refused with a sentence."""
    metric, _ = _parsed(bench)
    bag = _served(metric, everything())
    calls: tuple[tuple[str, Callable[[], object], str], ...] = (
        ("an unknown input", lambda: metric.compute(colour=1, **bag), "takes no input 'colour'"),
        ("a missing input", metric.compute, "needs"),
        ("an unknown protocol", lambda: metric.compute(protocol="nonsense", **bag), "no protocol 'nonsense'"),
        ("a negative seed", lambda: metric.compute(seed=-1, **bag), "negative"),
    )
    for what, call, saying in calls:
        refuses(call, MetricError, saying, what)


def codes_that_are_no_numbers(bench: Bench) -> None:
    """Codes with NaN or infinity are refused with a sentence."""
    metric, protocol = _parsed(bench)
    if metric.name in ("relation_accuracy", "unsupervised_accuracy"):
        raise NotApplicable("it takes no real-valued codes")
    for value in (np.nan, np.inf):
        bag = everything()
        for name in ("codes", "posterior_mean", "sampled_codes"):
            bag[name] = bag[name].copy()
            bag[name][7, 1] = value
        bag["codes_by_seed"] = [bag["codes"], bag["codes"]]
        bag["encode"] = lambda images, value=value: np.full((len(images), 2), value)
        bag["logits"] = lambda images, _, value=value: np.full(images.shape, value, dtype=np.float32)
        served = _served(metric, bag)
        call = functools.partial(metric.compute, protocol=protocol, **served)
        refuses(call, MetricError, "NaN", f"a code of {value}")


UNFIT: tuple[tuple[dict[str, np.ndarray], str], ...] = (
    ({"factors": np.zeros((10, 2), dtype=int)}, "rows"),
    ({"codes": np.zeros((240, 0))}, "no latent dimension"),
    ({"codes": np.zeros(240)}, "shape"),
    ({"factors": np.zeros((240, 3), dtype=int)}, "one class only"),
    ({"factors": np.full((240, 3), 0.5)}, "whole class numbers"),
    ({"codes": np.array([["a"]] * 240)}, "real numbers"),
)


def arrays_that_do_not_fit(bench: Bench) -> None:
    """Arrays of another shape or type are refused with a sentence."""
    metric, _ = _parsed(bench)
    if "codes" not in metric.requires:
        raise NotApplicable("it takes no codes")
    bag = everything()
    for change, saying in UNFIT:
        if set(change) <= metric.requires:
            given = {key: bag[key] for key in metric.requires} | change
            refuses(
                functools.partial(metric.compute, **given), MetricError, saying, f"{', '.join(change)} that do not fit"
            )


def degenerate_codes(bench: Bench) -> None:
    """One dimension, dead dimensions, and both give a defined value."""
    metric, _ = _parsed(bench)
    if not {"codes"} <= metric.requires <= {"codes", "factors"}:
        raise NotApplicable("it takes no codes, or more than codes and factors")
    bag = everything()
    given = {"factors": bag["factors"]} if "factors" in metric.accepts else {}
    one = bag["codes"][:, :1]
    for what, codes in (
        ("one dimension", one),
        ("dead dimensions", np.zeros((240, 3))),
        ("one dimension that is not dead", np.hstack([one, np.zeros((240, 2))])),
    ):
        try:
            values = metric.compute(codes=codes.astype(np.float32), **given)
        except MetricError as error:
            raise AssertionError(f"of {what}: {error}") from None
        hold(all(np.isfinite(value) for value in values.values()), f"of {what} a value is not finite")


OF_PROTOCOLS: tuple[Check, ...] = (
    values_are_finite_and_named,
    inputs_stay_as_they_are,
    order_of_dimensions,
    settings_are_plain,
    codes_that_are_no_numbers,
)
SLOW_OF_PROTOCOLS: tuple[Check, ...] = (errors_change_no_value,)
OF_METRICS: tuple[Check, ...] = (describes_itself, wrong_inputs, arrays_that_do_not_fit, degenerate_codes)
