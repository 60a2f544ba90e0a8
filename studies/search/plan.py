"""How much of a study's plan is there."""

from core.record.history import History
from studies.search.seeds import in_doubt
from studies.study_file.spec import StudySpec


def is_complete(spec: StudySpec, history: History) -> bool:
    """Whether all that was asked for is there, so that a driver has nothing to run and nothing to tell.

    A space with fewer points than were asked for is not counted here: its driver looks for itself.
    """
    configurations = history.configurations.values()
    return (
        len(configurations) >= spec.search.configurations
        and all(
            each.closed
            and (each.given_up or len(each.trials) >= spec.seeds.min)
            and all(trial.state != "COMPLETED" or trial.step >= spec.budget.steps for trial in each.trials.values())
            for each in configurations
        )
        and not in_doubt(spec, history)
    )
