"""The metrics that a study computes: those that its file asks for, and those that other keys of the file need."""

from collections.abc import Container, Iterable

import core.metrics
from core.formulas.bounds import FRONT, FormulaError, parse_bounds, parse_until
from studies.study_file.checks.costs import named_costs
from studies.study_file.checks.derived import needed
from studies.study_file.document import Path, Problem
from studies.study_file.draft import Draft
from studies.study_file.spec import EarlyStop, Metrics, Search, Seeds


def complete_metrics(study: Draft) -> tuple[Metrics | None, list[str], list[Problem]]:
    """The section `metrics` with what objectives, formulas and early stopping need, None where it cannot be read; and
    the study's costs, with those that are named there.
    """
    objectives = [str(key) for key in study.objectives] if isinstance(study.objectives, dict) else []
    constrained, problems_of_where = results_of_where(study.search)
    awaited, problems_of_until = results_of_until(study.seeds)
    problems = problems_of_where + problems_of_until
    if study.metrics is None:
        return None, study.costs, problems
    watched = results_of_early_stop(study.early_stop, objectives)
    derived = study.derived
    named = named_costs([*objectives, *constrained, *awaited, *watched, *derived], derived, study.legal_costs)
    told = [*objectives, *study.written_derived, *named]  # checks of their own say what is wrong with them
    during, unknown_during = with_results(study.metrics.during, needed(watched, derived), ("early_stop",), told)
    wanted = needed([*objectives, *constrained, *derived], derived)
    final, unknown_final = with_results(study.metrics.final, wanted, ("search", "where"), told)
    final, unknown_awaited = with_results(final, needed(awaited, derived), ("seeds", "until"), told)
    costs = list(dict.fromkeys([*study.costs, *named]))
    return Metrics(during=during, final=final), costs, problems + unknown_during + unknown_final + unknown_awaited


def results_of_where(search: Search | None) -> tuple[list[str], list[Problem]]:
    """Result keys in the constraint of the search, or that it cannot be understood."""
    try:
        return [bound.metric for bound in parse_bounds(search.where if search else None)], []
    except FormulaError as error:
        return [], [Problem(("search", "where"), str(error))]


def results_of_until(seeds: Seeds | None) -> tuple[list[str], list[Problem]]:
    """Result key in the condition on seeds, or that it cannot be understood."""
    if seeds is None or seeds.until in (None, FRONT):
        return [], []
    try:
        return [parse_until(seeds.until)[0]], []
    except FormulaError as error:
        return [], [Problem(("seeds", "until"), str(error))]


def results_of_early_stop(rule: EarlyStop | None, objectives: list[str]) -> list[str]:
    """Result keys that early stopping looks at: all objectives, its metric, or the first objective without one."""
    if rule is None:
        return []
    if rule.rule == "dominated":
        return objectives
    return [rule.metric] if rule.metric else objectives[:1]


def with_results(
    requests: Iterable[str], results: Iterable[str], path: Path, told: Container[str]
) -> tuple[list[str], list[Problem]]:
    """Requests, with those added that give the result keys.

    Args:
        requests: such as `mig` or `factor_vae_score/fast`.
        results: keys such as `sap_svc`.
        path: where the file names the results.
        told: results that nothing is said of when no metric gives them.
    """
    complete, problems = list(requests), []
    for key in results:
        try:
            metric, protocol = core.metrics.find_key(key)
        except core.metrics.MetricError as error:
            if key not in told:
                problems.append(Problem(path, str(error)))
            continue
        request = f"{metric.name}/{protocol}" if "/" in key else metric.name
        if request not in complete:
            complete.append(request)
    return complete, problems
