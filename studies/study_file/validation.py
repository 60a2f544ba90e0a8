"""Check a study file: every mistake at once, each one sentence with its line."""

import contextlib
from collections.abc import Iterator

import core.data
from studies.study_file import auto
from studies.study_file.checks.derived import check_derived
from studies.study_file.checks.extensions import check_columns
from studies.study_file.checks.metrics import check_objectives, check_requests
from studies.study_file.checks.models import check_defaults, check_models
from studies.study_file.checks.points import check_points
from studies.study_file.checks.sampler import check_learning, check_sampler
from studies.study_file.checks.trials import check_cpus, check_intervals, check_known_curves, check_share, check_stack
from studies.study_file.document import Document, Problem
from studies.study_file.draft import KEYS, Draft, read_draft
from studies.study_file.own_code import with_points
from studies.study_file.requests import complete_metrics
from studies.study_file.spec import DIRECTIONS, StudySpec


def validate(document: Document, *, data_root: str | None = None) -> StudySpec:
    """Check a whole study file.

    Raises:
        StudyFileError: with every mistake found, and its line.
    """
    data = dict(document.data)
    with contextlib.suppress(core.data.DataError):  # which is told where the data set is read
        data["dataset"] = core.data.anchored(data.get("dataset"), document.folder)
    study, problems = read_draft(data, data_root, document.folder)
    of_extensions = [problem for problem in problems if problem.path[:1] == ("extensions",)]
    if of_extensions:  # without which nobody knows what else is wrong
        raise document.fail(of_extensions)
    problems += check(study)
    metrics, costs, problems_of_metrics = complete_metrics(study)
    problems += problems_of_metrics
    if metrics:
        problems += check_requests(metrics, study.models, study.info)
    if problems:
        raise document.fail(problems)
    values = {key: getattr(study, key) for key in KEYS}
    values["dataset"] = core.data.pinned(study.dataset, core.data.data_root(data_root))
    values |= {"metrics": metrics, "costs": costs}
    spec = StudySpec(**values)
    if spec.search.sampler == "grid" and "configurations" not in spec.search.model_fields_set:
        whole_grid = spec.search.model_copy(update={"configurations": spec.grid_size})
        spec = StudySpec(**{**values, "search": whole_grid})
    return with_points(spec.model_copy(update={"search": auto.chosen(spec)}))


def check(study: Draft) -> Iterator[Problem]:
    """What is wrong with the sections of a study, each as it is written; those that cannot be read are left out."""
    yield from check_columns(study.extensions, study.models)
    yield from check_models(study)
    yield from check_defaults(study)
    yield from check_objectives(study.objectives, study.written_derived, study.legal_costs)
    yield from check_derived(study.derived, study.models, study.objectives, study.early_stop)
    if study.budget:
        yield from check_intervals(study.budget)
        yield from check_known_curves(study.budget, study.models)
    if study.search:
        directions = study.objectives.values() if isinstance(study.objectives, dict) else ()
        yield from check_sampler(study.search.sampler, [each for each in directions if each in DIRECTIONS])
        yield from check_learning(study.search)
        yield from check_points(study.search, study.models)
    if study.resources:
        yield from check_stack(study.resources)
        yield from check_share(study.resources)


def require_local_resources(spec: StudySpec, document: Document) -> None:
    """Refuse what this machine can never give a trial.

    Raises:
        StudyFileError: more CPUs than the machine has.
    """
    problems = list(check_cpus(spec.resources))
    if problems:
        raise document.fail(problems)
