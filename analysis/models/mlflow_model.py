"""A winner as an MLflow model: its encoder as a traced graph that loads without this project."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from analysis.reading.trial import Trial
from analysis.results import Results
from core.mistakes import QueryError, reason_of
from core.record import journal
from core.record.adoption import adopt


def log_model(
    study: Results,
    trial: Trial,
    *,
    name: str = "encoder",
    tracking_uri: str | None = None,
    allow_code: bool = False,
    register: str | None = None,
    alias: str | None = None,
) -> str:
    """Log the encoder of a trial on its MLflow run; the model's URI.

    The model maps images (N, C, H, W), float32 in [0, 1], to codes (N, D), posterior means. It is stored as an exported
    graph (pt2, which holds no Python code), with its signature and the PyTorch version that exported it;
    `mlflow.pyfunc.load_model(uri).predict(images)` and MLflow's scoring server run it anywhere.

    Args:
        study: the trial's study.
        trial: a completed trial of it.
        name: the model's name among those of the run.
        tracking_uri: MLflow's store; default the study's.
        allow_code: as of `Trial.load`.
        register: a name in MLflow's registry of models, of which this becomes the newest version.
        alias: of that version; MLflow takes it from the one that had it before.

    Raises:
        FileNotFoundError: the trial has no whole checkpoint.
        QueryError: the trial was never delivered to MLflow, or MLflow does not take the name or the alias.
    """
    import mlflow
    import mlflow.pytorch
    import torch
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    if alias is not None and register is None:
        raise QueryError(f"the alias '{alias}' is of a registered model; say of which with register")
    record = adopt(study.record)  # the artifacts of a study that was moved are under this root
    run = journal.run_ids(study.path).get(trial.identity)
    if run is None:
        raise QueryError(f"trial {trial.identity} of study '{study.name}' has no run in MLflow")
    encoder = encoder_of(trial.load(allow_code=allow_code))
    example = np.zeros((2, *encoder.model.dataset.image_shape), dtype=np.float32)
    codes = encoder(torch.from_numpy(example))
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), (-1, *example.shape[1:]))]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, codes.shape[1]))]),
    )
    with tracking_at(tracking_uri or record.stores.tracking), mlflow.start_run(run_id=run):
        logged = mlflow.pytorch.log_model(
            encoder,
            name=name,
            serialization_format="pt2",
            signature=signature,
            input_example=example,
            pip_requirements=[f"{package.__name__}=={package.__version__.split('+')[0]}" for package in (torch, np)],
            metadata={"study": study.name, "trial": trial.identity, "model": trial.model},
        )
        if register is None:
            return str(logged.model_uri)
        try:
            version = mlflow.register_model(logged.model_uri, register).version
            if alias is not None:
                mlflow.MlflowClient().set_registered_model_alias(register, alias, version)
        except MlflowException as error:
            raise QueryError(f"MLflow does not register '{register}': {reason_of(error)}") from None
        return f"models:/{register}@{alias}" if alias else f"models:/{register}/{version}"


@contextlib.contextmanager
def tracking_at(uri: str) -> Iterator[None]:
    """Another store for MLflow's own functions, for a while.

    MLflow keeps it in the environment too, where a study that is launched next would find it: so it is unset again.
    """
    import mlflow

    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # None unsets it


def encoder_of(model: Any) -> Any:
    """The encoder of a loaded model as a module of its own: images (N, C, H, W) in [0, 1] to codes (N, D)."""
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model.to(memory_format=torch.contiguous_format)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            codes: torch.Tensor = self.model.codes(images)
            return codes

    return Encoder().eval()
