"""What a study file gets that leaves the search to the service, by the evidence in `benchmarks/results/search.md`.

`search_again/search.md` has it once more, with other seeds; what a user is told to expect covers both.

The choice is made once, when the file is read, and stands in the study's record: a later version that chooses otherwise
does not change a study that is there.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.formulas.bounds import FRONT
from studies.study_file.space import Fixed, Range
from studies.study_file.spec import Search, Seeds, StudySpec

GP_AT_MOST = 100  # configurations: each one takes a Gaussian process a second or more
GP_OBJECTIVES = 2  # with three it was no better than random
STEPS = 1000  # of a trial: shorter ones are not worth a second of thought
SPREAD_SHARE = 0.4  # of the configurations begin the search, spread evenly,
SPREAD = (8, 16)  # so many at least, and at most; the fewest before a Gaussian process, which needs no more
OF_EACH_MODEL = 2  # of these at least, where there are several
LEARN_SHARE = 0.6
TPE_TOGETHER = 2  # objectives up to which TPE models all knobs together; with three that was no better than random
MISSING = {10: (18.0, 46.0), 40: (5.0, 24.0), 200: (3.0, 22.0), 1000: (2.0, 8.0)}  # per cent; see `missing`
MISSING_AT_RANDOM = {10: (19.0, 44.0), 40: (12.0, 28.0), 200: (5.0, 18.0), 1000: (2.0, 12.0)}
CLAIMED = {1: (1.0, 46.0), 3: (0.0, 23.0), 5: (0.0, 12.0)}  # per cent, by seeds; see `claimed`
CLAIMED_BY_EXPECTED = {1: (0.0, 18.0), 3: (0.0, 4.0), 5: (0.0, 1.0)}
SEEDS = Seeds(min=1, max=5, until=FRONT)  # `seeds: auto`


def chosen(spec: StudySpec) -> Search:
    """The search of a study with its sampler, its startup and what it learns from settled."""
    sampler, startup = spec.search.sampler, spec.search.startup
    gaussian = sampler == "auto" and _suits_a_gaussian_process(spec)
    if startup is None:
        startup = _startup(spec, gaussian) if sampler in ("auto", "tpe") else 0
    takes_out_luck = sampler == "auto" and not gaussian and spec.budget.steps >= STEPS
    by = spec.search.by or ("expected" if takes_out_luck else "mean")
    if sampler == "auto":
        sampler = gaussian_process(startup) if gaussian else _tpe(spec, startup)
    return spec.search.model_copy(update={"sampler": sampler, "startup": startup, "by": by})


def as_chosen_before(spec: StudySpec, before: Search, written: Mapping[str, Any]) -> StudySpec:
    """A study that is launched again, with what its file leaves to the service as it was chosen the first time.

    Args:
        spec: of the file as it is read now.
        before: the search in the study's record.
        written: the study file.
    """
    search = written.get("search") or {}
    left_out = [key for key in ("sampler", "startup", "by") if search.get(key, "auto") == "auto"]
    kept = spec.search.model_copy(update={key: getattr(before, key) for key in left_out})
    return spec.model_copy(update={"search": kept})


def _startup(spec: StudySpec, gaussian: bool) -> int:
    """Configurations that are spread evenly before a sampler learns."""
    low, high = SPREAD
    some = 0 if gaussian else max(OF_EACH_MODEL * len(spec.spaces), round(SPREAD_SHARE * spec.search.configurations))
    return min(spec.search.configurations, high, max(low, some))


def learns_after(startup: int) -> int:
    """Results from which a sampler learns: fewer than are spread, since some of these still run when it is asked."""
    return max(1, round(LEARN_SHARE * startup))


def gaussian_process(startup: int) -> dict[str, Any]:
    """The sampler of a Gaussian process, after so many configurations that are spread evenly."""
    options = {"n_startup_trials": learns_after(startup), "deterministic_objective": False}
    return {"class": "GPSampler", "options": options}


def _tpe(spec: StudySpec, startup: int) -> str | dict[str, Any]:
    if len(spec.objectives) > TPE_TOGETHER:
        return {"class": "TPESampler", "options": {"n_startup_trials": learns_after(startup), "constant_liar": True}}
    return "tpe"


def _suits_a_gaussian_process(spec: StudySpec) -> bool:
    """One model, whose knobs are numbers of a range, few configurations, and trials that take longer than a thought."""
    few = spec.search.configurations <= GP_AT_MOST and len(spec.objectives) <= GP_OBJECTIVES
    if len(spec.spaces) > 1 or not few or spec.budget.steps < STEPS:
        return False
    (space,) = spec.spaces.values()
    searched = [each for each in space.parameters.values() if not isinstance(each, Fixed)]
    return bool(searched) and all(isinstance(each, Range) for each in searched)


def missing(spec: StudySpec) -> tuple[float, float] | None:
    """What a front of so many configurations lacks of the best hypervolume, in per cent: from, to.

    Over the benchmark's problems, the lowest and the highest quartile of what is missing at the end; on a line in the
    logarithms of configurations and of what is missing between the sizes that were measured, and as at the nearest one
    beyond them. None of a grid, where the file names all points itself, and of one objective.
    """
    searched = spec.search.sampler != "grid" and len(spec.search.points) < spec.num_configurations
    if not searched or len(spec.objectives) < 2:
        return None
    known = MISSING_AT_RANDOM if spec.search.sampler == "random" else MISSING
    sizes = np.log(list(known))
    low, high = (
        float(np.exp(np.interp(np.log(spec.num_configurations), sizes, np.log(bounds))))
        for bounds in zip(*known.values(), strict=True)
    )
    return low, high


def claimed(spec: StudySpec, *, expected: bool = False) -> tuple[float, float]:
    """How much of the best hypervolume a front seems to have and has not, since seeds differ, in per cent: from, to.

    Over the benchmark's problems, the lowest and the highest quartile with 40 configurations; on a line between the
    numbers of seeds that were measured. Seeds that are for the front alone count as if all had them. Of the front by
    means, or by expected values (`Results.expected`).
    """
    seeds = spec.seeds.max if spec.seeds.until else spec.seeds.min
    known = CLAIMED_BY_EXPECTED if expected else CLAIMED
    low, high = (float(np.interp(seeds, list(known), bounds)) for bounds in zip(*known.values(), strict=True))
    return low, high
