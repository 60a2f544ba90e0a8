"""The identity of a piece of work: a configuration, and a trial of it.

A trial is (study, configuration hash, seed index), on any machine and after any crash. Checkpoint folder, MLflow tag
and Ray trial are all named by it; nothing is keyed by a random id.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

Precision = Literal["auto", "float32", "tf32", "bf16"]


@dataclasses.dataclass(frozen=True)
class Configuration:
    """One model with one complete set of hyperparameters (JSON values, defaults written out)."""

    model: str
    hyperparameters: Mapping[str, Any]

    @functools.cached_property
    def hash(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the canonical JSON."""
        text = json.dumps([self.model, dict(self.hyperparameters)], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def identity_of(configuration: str, seed: int) -> str:
    """`<configuration hash>-s<seed>`: the identity of a trial, unique within its study."""
    return f"{configuration}-s{seed}"


def split_identity(identity: str) -> tuple[str, int]:
    """Configuration hash and seed of a trial's identity.

    Raises:
        ValueError: it is none.
    """
    configuration, mark, seed = identity.rpartition("-s")
    if not (mark and configuration and seed.isdigit()):
        raise ValueError(f"'{identity}' is not a trial, <configuration>-s<seed>")
    return configuration, int(seed)


@dataclasses.dataclass(frozen=True)
class Extension:
    """Code of a user's own that a study needs: the module to import, and the SHA-256 of its files."""

    module: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class TrialConfig:
    """Everything a process needs to run one trial, as plain data.

    Attributes:
        study: name of the study.
        configuration: model and hyperparameters.
        seed: index of the replicate, 0, 1, ….
        study_seed: seed of the study; replicate `seed` of every configuration shares initialisation and data order
            (common random numbers), so that configurations can be compared in pairs.
        dataset: a data set name, or a mapping with `name`, `factors`, `fix`, `keep`.
        data_root: directory of original files and caches.
        steps: optimiser steps of the model (discriminator steps are not counted).
        evaluate_every: steps between two evaluations, reports and checkpoints.
        metrics: requests computed at every evaluation, such as `factor_vae_score/fast`.
        final_metrics: requests computed at the end.
        folder: URI of the trial's folder of checkpoints and pictures.
        device_share: fraction of a GPU whose memory this trial may use; 0 without a GPU.
        threads: CPU threads of the trial.
        stacked: the trial is trained together with others of its GPU, where its model allows it.
        precision: in which numbers a GPU computes: float32, tf32, bf16, or auto (`core.networks.precision`).
        extensions: code of the user's own that the study needs (`core.extensions`).
        code: folder with the study's copies of it; a process that does not see it was sent them.
        pulse: seconds after which a trial says where it is, between two results.
    """

    study: str
    configuration: Configuration
    seed: int
    study_seed: int
    dataset: Any
    data_root: str
    steps: int
    evaluate_every: int
    metrics: tuple[str, ...]
    final_metrics: tuple[str, ...]
    folder: str
    device_share: float = 0.0
    threads: int = 1
    stacked: bool = False
    precision: Precision = "auto"
    extensions: tuple[Extension, ...] = ()
    code: str = ""
    pulse: float = 2.0

    @property
    def identity(self) -> str:
        """Of the trial, see `identity_of`."""
        return identity_of(self.configuration.hash, self.seed)

    @property
    def training_seed(self) -> int:
        """Seed of initialisation, data order and noise; differs between replicates."""
        return self.study_seed + self.seed

    def to_json(self) -> dict[str, Any]:
        """Plain data for Ray, checkpoints and the journal."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TrialConfig":
        """Inverse of `to_json`, also after a round trip through JSON text."""
        values = dict(data)
        values["configuration"] = Configuration(**values["configuration"])
        for key in ("metrics", "final_metrics"):
            values[key] = tuple(values[key])
        values["extensions"] = tuple(Extension(**each) for each in values.get("extensions", ()))
        return cls(**values)
