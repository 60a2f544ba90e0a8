"""Relation accuracy: does an edit of a code change one factor as asked and leave the others (modular autoencoder)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.metrics.metric import Metric, Protocol, Scale, Settings
from core.metrics.quadratic import quadratic_hits
from core.mistakes import MetricError

Ints = NDArray[np.int64]
Codes = NDArray[Any]


def compute(
    settings: Settings,
    rng: np.random.Generator,
    *,
    relations: Sequence[tuple[str, int, Sequence[int]]],
    value_counts: Sequence[int],
    sample_prior: Callable[[Ints, np.random.Generator], Codes],
    apply_relation: Callable[[Codes, Ints], Codes],
    classify: Callable[[Codes], Ints],
    reencode: Callable[[Codes], Codes] | None = None,
    judge: Callable[[Codes], Ints] | None = None,
    image_codes: Codes | None = None,
    image_values: Ints | None = None,
    partitions: int | None = None,
) -> dict[str, float]:
    """Shares in [0, 1] of edited codes whose values are as asked; every share has its binomial error.

    relations: (name, factor, new value of each value, -1 where it does not apply); value_counts (K,).
    sample_prior(values (N, K), rng) gives codes (N, D) from these prior components, apply_relation(codes,
    relation numbers (N,)) the edited codes, classify(codes) the values (N, K) of the partitions, reencode(codes)
    the codes of their decoded images, judge(codes) the values an independent classifier sees in these images.
    image_codes (N, D) and image_values (N, K) are of real test images; `partitions` equal parts P make up a code.

    From the prior: `relation_accuracy` (joint: the factor changed and all others kept), `_affected`, `_kept`,
    `relation_accuracy_of_<name>`, `_identity` (joint without the edit), `_chance` (1 / Π values); after
    decoding `_prior_reencoded` and `_prior_judged`, and without an edit `generation_accuracy`. From real images,
    edited and decoded: `_reencoded` and `_judged`, the last being the one that a wrong decoder cannot flatter;
    unedited: `factor_accuracy` (mean over factors) and `factor_accuracy_of_<k>`, and decoded
    `reconstruction_judged` (joint), above which no edit can be judged where a factor cannot be told from pixels.

    What a code holds, whatever the priors say: `refit_accuracy_of_<k>` of Gaussians fitted anew to factor k in its
    partition, and, with a partition per factor, `leak_of_<k>_in_<p>` of the same in another factor's partition p
    (1 / values: nothing leaks), each fitted to half of the test images and asked about the rest, and their means
    `refit_accuracy` and `leak`. MetricError: relations that do not fit the values, codes that have no such parts.
    """
    sizes = np.asarray(value_counts, dtype=np.int64)
    tables = [_table(relation, sizes) for relation in relations]
    if not tables:
        raise MetricError("there is no relation")
    numbers = np.repeat(np.arange(len(tables)), settings["samples_per_relation"])
    values = np.stack([rng.integers(size, size=len(numbers)) for size in sizes], axis=1)
    values, numbers, wanted, factor = _edited(values, numbers, tables)
    codes = sample_prior(values, rng)
    edited = apply_relation(codes, numbers)
    right = _same_shape(classify(edited), wanted) == wanted
    own = np.arange(len(numbers)), factor
    joint = right.all(axis=1)
    right_elsewhere = right.copy()
    right_elsewhere[own] = True
    outcomes: dict[str, NDArray[Any]] = {
        "relation_accuracy": joint,
        "relation_accuracy_affected": right[own],
        "relation_accuracy_kept": right_elsewhere.all(axis=1),
        "relation_accuracy_identity": (_same_shape(classify(codes), wanted) == wanted).all(axis=1),
    }
    outcomes |= {f"relation_accuracy_of_{name}": joint[numbers == i] for i, (name, _, _) in enumerate(relations)}
    outcomes |= _decoded("relation_accuracy_prior", edited, wanted, classify, reencode, judge)
    if judge is not None:
        outcomes["generation_accuracy"] = (_same_shape(judge(codes), values) == values).all(axis=1)
    if image_codes is not None and image_values is not None:
        truth = np.asarray(image_values, dtype=np.int64)
        read = _same_shape(classify(image_codes), truth) == truth
        outcomes["factor_accuracy"] = read.mean(axis=1)
        outcomes |= {f"factor_accuracy_of_{k}": hits for k, hits in enumerate(read.T)}
        if judge is not None:
            outcomes["reconstruction_judged"] = (_same_shape(judge(image_codes), truth) == truth).all(axis=1)
        rows = np.arange(len(image_codes))
        _, drawn, image_wanted, _, rows = _edited(truth, rows % len(tables), tables, rows)
        image_edited = apply_relation(image_codes[rows], drawn)
        outcomes |= _decoded("relation_accuracy", image_edited, image_wanted, classify, reencode, judge)
        if partitions is not None and len(truth) > 1:
            outcomes |= _held(image_codes, truth, partitions, rng)
    results = {key: float(hits.mean()) for key, hits in outcomes.items()}
    errors = {
        f"{key}_se": float(np.sqrt(results[key] * (1 - results[key]) / len(hits))) for key, hits in outcomes.items()
    }
    chance = {"relation_accuracy_chance": float(1 / np.prod(sizes)), "relation_accuracy_chance_se": 0.0}
    return results | errors | chance


def _table(relation: tuple[str, int, Sequence[int]], sizes: Ints) -> tuple[int, Ints]:
    name, factor, mapping = relation
    table = np.asarray(mapping, dtype=np.int64)
    if not 0 <= factor < len(sizes) or table.shape != (sizes[factor],):
        raise MetricError(f"relation {name!r} does not map the values of factor {factor}")
    if table.min() < -1 or table.max() >= sizes[factor]:
        raise MetricError(f"relation {name!r} leads to a value that factor {factor} does not have")
    return factor, table


def _edited(values: Ints, numbers: Ints, tables: list[tuple[int, Ints]], *others: Ints) -> tuple[Ints, ...]:
    """Values (N, K), relation (N,), values after it and the factor (N,) that it changes, where it applies.

    `others` are rows that follow, reduced in the same way.
    """
    wanted = values.copy()
    factors = np.array([factor for factor, _ in tables])[numbers]
    for number, (factor, table) in enumerate(tables):
        rows = numbers == number
        wanted[rows, factor] = table[values[rows, factor]]
    applies = wanted.min(axis=1) >= 0
    return tuple(part[applies] for part in (values, numbers, wanted, factors, *others))


def _decoded(
    prefix: str,
    edited: Codes,
    wanted: Ints,
    classify: Callable[[Codes], Ints],
    reencode: Callable[[Codes], Codes] | None,
    judge: Callable[[Codes], Ints] | None,
) -> dict[str, NDArray[np.bool_]]:
    """Joint success (N,) after decoding, seen by the model's own encoder and by the judge, where given."""
    outcomes = {}
    if reencode is not None:
        outcomes[f"{prefix}_reencoded"] = (_same_shape(classify(reencode(edited)), wanted) == wanted).all(axis=1)
    if judge is not None:
        outcomes[f"{prefix}_judged"] = (_same_shape(judge(edited), wanted) == wanted).all(axis=1)
    return outcomes


def _held(codes: Codes, values: Ints, partitions: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Hits of every factor in its own partition, and in those of the others where each factor has one."""
    count, factors = values.shape
    if not np.isfinite(codes).all():
        raise MetricError("image_codes is NaN or infinite")
    if codes.shape[1] % partitions or partitions not in (1, factors):
        raise MetricError(
            f"codes with {codes.shape[1]} dimensions do not have {partitions} parts for {factors} factors"
        )
    fitted = np.zeros(count, dtype=bool)
    fitted[rng.permutation(count)[: (count + 1) // 2]] = True
    parts = np.split(np.asarray(codes), partitions, axis=1)
    outcomes: dict[str, NDArray[Any]] = {
        f"refit_accuracy_of_{k}": quadratic_hits(parts[k % partitions], values[:, k], fitted) for k in range(factors)
    }
    outcomes["refit_accuracy"] = np.mean(list(outcomes.values()), axis=0)
    leaks: dict[str, NDArray[Any]] = {
        f"leak_of_{k}_in_{p}": quadratic_hits(parts[p], values[:, k], fitted)
        for p in range(partitions)
        for k in range(factors)
        if partitions > 1 and k != p
    }
    if leaks:
        outcomes |= leaks | {"leak": np.mean(list(leaks.values()), axis=0)}
    return outcomes


def _same_shape(values: Any, wanted: Ints) -> Ints:
    array = np.asarray(values)
    if array.shape != wanted.shape:
        raise MetricError(f"values of shape {wanted.shape} were expected, the classifier gives {array.shape}")
    return array


METRIC = Metric(
    name="relation_accuracy",
    function=compute,
    directions={
        "relation_accuracy": "maximize",
        "relation_accuracy_affected": "maximize",
        "relation_accuracy_kept": "maximize",
        "relation_accuracy_reencoded": "maximize",
        "relation_accuracy_judged": "maximize",
        "relation_accuracy_prior_reencoded": "maximize",
        "relation_accuracy_prior_judged": "maximize",
        "generation_accuracy": "maximize",
        "reconstruction_judged": "maximize",
        "factor_accuracy": "maximize",
        "factor_accuracy_of_*": "maximize",
        "refit_accuracy": "maximize",
        "refit_accuracy_of_*": "maximize",
        "leak": "minimize",
        "leak_of_*": "minimize",
        "relation_accuracy_identity": None,
        "relation_accuracy_chance": None,
        "relation_accuracy_of_*": "maximize",
    },
    protocols={
        "prior": Protocol(
            {"samples_per_relation": 1_280},
            (frozenset({"relations", "value_counts", "sample_prior", "apply_relation", "classify"}),),
        )
    },
    optional=frozenset({"reencode", "judge", "image_codes", "image_values", "partitions"}),
    needs=frozenset({"relations"}),
    source="Modular autoencoder with relational learner, table 1; Valenti & Bacciu 2022, section 4",
    scales={
        **dict.fromkeys(
            ("relation_accuracy", "relation_accuracy_reencoded", "relation_accuracy_judged"),
            Scale(0, 1, "the share of edits that change the one factor as asked and leave all others"),
        ),
        "factor_accuracy": Scale(0, 1, "the share of factor values of real images that are told from the code"),
    },
)
