"""The typed hyperparameters of a model: bounds, default, symbol and source, in one place, beside the model.

The class is the legal search space: a study file may give any field a value or a range inside its bounds.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from core.data import DatasetInfo


def whole(value: Any) -> Any:
    """`1e3`, which YAML reads as a real number, as the whole number that it is; all else as it was."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def hyperparameter(
    default: Any,
    description: str,
    *,
    symbol: str,
    source: str,
    grid: tuple[Any, ...] = (),
    **bounds: Any,
) -> Any:
    """A field of a `Hyperparameters` class.

    Args:
        default: its value when a study file is silent.
        description: one sentence on what it means.
        symbol: how papers and figures write it, such as β.
        source: paper, equation or table.
        grid: values that the paper tried.
        **bounds: `gt`, `ge`, `lt`, `le` as of pydantic.
    """
    extra: Any = {"symbol": symbol, "source": source, "grid": list(grid)}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


class Hyperparameters(BaseModel):
    """What every model has; a model's own class adds its weights."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    num_latents: int = hyperparameter(
        10, "Number of latent dimensions.", symbol="d", source="all papers", grid=(5, 6, 10, 32), ge=1, le=256
    )
    learning_rate: float = hyperparameter(
        1e-4, "Learning rate of Adam.", symbol="η", source="CHyVAE A.1; disentanglement_lib", gt=0.0, le=0.1
    )
    batch_size: int = hyperparameter(
        64, "Images per batch.", symbol="B", source="disentanglement_lib; CHyVAE uses 50", ge=2, le=65536
    )
    network: Literal["full", "wide", "small", "tiny", "mlp"] = hyperparameter(
        "full", "Widths of encoder and decoder (core/networks/builders.py).", symbol="network", source="CHyVAE A.1"
    )
    initialisation: Literal["kaiming", "glorot", "torch"] = hyperparameter(
        "kaiming", "How weights are drawn.", symbol="init", source="CascadeVAE's code"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _whole_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        """A whole number may be written `1e5`."""
        field = cls.model_fields[str(info.field_name)]
        return whole(value) if field.annotation is int else value

    def refuse(self, dataset: DatasetInfo) -> str | None:  # noqa: ARG002 - for models to override
        """Why these values cannot be trained on that data set, as a sentence; None when they can."""
        return None
