"""Results of other studies that the sampler starts from (`search: {warm_start: …}`)."""

import pathlib

from analysis.results import Results
from core.configuration import Configuration
from core.mistakes import StudyError
from studies.record.state import StudyState
from studies.search.forms import TrialForm
from studies.study_file.spec import StudySpec


def add_prior_results(spec: StudySpec, state: StudyState, root: pathlib.Path) -> list[str]:
    """Note the results of the studies that the file names, once; sentences on what could not be used.

    Raises:
        StudyError: there is no such study under the root, or it did not measure the objectives.
    """
    form, notes = TrialForm(spec), []
    for name in spec.search.warm_start:
        results = results_of(name, root, list(spec.objectives))
        inside = [(configuration, values) for configuration, values in results if form.fits(configuration)]
        for configuration, values in inside:
            state.add_prior_result(f"{name}/{configuration.hash}", configuration, values)
        unused = len(results) - len(inside)
        if unused:
            notes.append(f"warm start from '{name}': {unused} configurations are outside this study's space")
    return notes


def results_of(name: str, root: pathlib.Path, objectives: list[str]) -> list[tuple[Configuration, list[float]]]:
    """Completed configurations of a study, with the means of some objectives.

    Raises:
        StudyError: there is no such study, or it did not measure these objectives.
    """
    results = Results(name, root)
    table = results.configurations()
    columns = [f"{objective}_mean" for objective in objectives]
    if not set(columns) <= set(table.columns):
        raise StudyError(f"study '{name}' cannot warm-start this one: it did not measure {', '.join(objectives)}")
    settings = results.tables.settings
    return [
        (Configuration(*settings[row["configuration"]]), [float(row[column]) for column in columns])
        for _, row in table[table["state"] == "COMPLETED"].iterrows()
    ]
