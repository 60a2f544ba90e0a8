"""What is known of a study in the form of Optuna's trials: for the sampler, and for the storage that users open."""

from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from core.configuration import Configuration
from core.formulas.bounds import parse_bounds
from core.record.events import PriorResult
from core.record.history import ConfigurationHistory
from studies.study_file.spec import StudySpec


class TrialForm:
    """Configurations of a study in the form of Optuna's trials."""

    def __init__(self, spec: StudySpec) -> None:
        self._spaces = spec.spaces
        self._bounds = parse_bounds(spec.search.where)

    def trial(self, configuration: ConfigurationHistory, **attributes: Any) -> FrozenTrial:
        """A configuration: running, or with the means of its objectives once all its seeds ended."""
        parameters, distributions = self._parameters(configuration.configuration) or ({}, {})
        state = (
            TrialState[configuration.outcome] if configuration.closed and configuration.outcome else TrialState.RUNNING
        )
        return optuna.trial.create_trial(
            params=parameters,
            distributions=distributions,
            values=configuration.values if state == TrialState.COMPLETE else None,
            state=state,
            user_attrs={"configuration": configuration.hash, **attributes},
            system_attrs=dict(configuration.notes),
            constraints=self._violations(configuration) if state == TrialState.COMPLETE else None,
        )

    def prior_result(self, result: PriorResult) -> FrozenTrial:
        """A result of another study."""
        parameters, distributions = self._parameters(result.described) or ({}, {})
        return optuna.trial.create_trial(
            params=parameters,
            distributions=distributions,
            values=result.values,
            user_attrs={"warm_start": result.origin},
        )

    def fits(self, configuration: Configuration) -> bool:
        """Whether a configuration is in the study's space."""
        return self._parameters(configuration) is not None

    def _violations(self, configuration: ConfigurationHistory) -> dict[str, float] | None:
        """By how much the means are on the wrong side of each bound; feasible at most 0; None without bounds."""
        violations = {}
        for bound in self._bounds:
            seeds = [
                trial.metrics[bound.metric] for trial in configuration.trials.values() if bound.metric in trial.metrics
            ]
            mean = sum(seeds) / len(seeds) if seeds else float("inf")
            violations[bound.text] = bound.violation({bound.metric: mean})
        return violations or None

    def _parameters(self, configuration: Configuration) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Parameters and distributions of a configuration; None when it is outside the space."""
        space = self._spaces.get(configuration.model)
        if space is None:
            return None
        distributions: dict[str, Any] = {}
        if len(self._spaces) > 1:
            distributions["model"] = optuna.distributions.CategoricalDistribution(tuple(self._spaces))
        distributions |= space.distributions()
        given = {f"{configuration.model}.{name}": value for name, value in configuration.hyperparameters.items()}
        parameters = {name: {"model": configuration.model, **given}.get(name) for name in distributions}
        fixed = space.fixed()
        if any(configuration.hyperparameters.get(name) != value for name, value in fixed.items()):
            return None
        try:  # Optuna's public way to ask whether a distribution holds a value
            optuna.trial.create_trial(params=parameters, distributions=distributions, state=TrialState.RUNNING)
        except (ValueError, TypeError):
            return None
        return parameters, distributions


def finish_trial(
    study: optuna.Study, storage: optuna.storages.BaseStorage, running: FrozenTrial, final: FrozenTrial
) -> FrozenTrial:
    """Say how a running trial of a study ended: attributes, constraints, values and state, unless it has ended.

    Args:
        study: that the trial is of.
        storage: of the study.
        running: the trial as it stands in the storage.
        final: what came of it.
    """
    study_id = storage.get_study_id_from_name(study.study_name)
    trial = optuna.Trial(study, storage.get_trial_id_from_study_id_trial_number(study_id, running.number))
    for name, value in final.user_attrs.items():
        if running.user_attrs.get(name) != value:
            trial.set_user_attr(name, value)
    for name, violation in final.constraints.items():
        if name not in running.constraints:
            trial.set_constraint(name, violation)
    return study.tell(running.number, final.values, state=final.state, skip_if_finished=True)
