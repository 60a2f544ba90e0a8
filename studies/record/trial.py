"""A trial of a study, as a process is handed it: what the record says, for one configuration and seed."""

import dataclasses

from core.configuration import Configuration, TrialConfig
from studies.record.folder import Record

PULSE = 2.0  # seconds between two signs of life of a trial, at least


def make_trial(
    record: Record, configuration: Configuration, seed: int, share: float, pulse: float = PULSE
) -> TrialConfig:
    """Everything that a process needs to run one trial of a study.

    Args:
        record: of the study.
        configuration: of the trial.
        seed: of the trial.
        share: of a GPU that it has; 0 trains on the CPU.
        pulse: seconds between two signs of life.
    """
    spec = record.spec
    trial = TrialConfig(
        study=spec.name,
        configuration=configuration,
        seed=seed,
        study_seed=spec.seed,
        dataset=spec.dataset,
        data_root=record.stores.data,
        steps=spec.budget.steps,
        evaluate_every=spec.budget.evaluate_every,
        metrics=tuple(spec.metrics.during),
        final_metrics=tuple(spec.metrics.final),
        folder="",
        device_share=share,
        threads=spec.resources.threads,
        stacked=spec.resources.stack > 1,
        precision=spec.resources.precision,
        extensions=tuple(each.identity for each in spec.extensions),
        code=str(record.folder.code) if spec.extensions else "",
        pulse=pulse,
    )
    return dataclasses.replace(trial, folder=record.written.trial_uri(trial.identity))
