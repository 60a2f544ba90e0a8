"""Checkpoints of a trial: safetensors for weights, JSON for what they are, nothing that needs unpickling.

A checkpoint is one entry `step-<number>` of the trial's folder (`core.storage`), holding

- `model.safetensors`: the model's weights and buffers;
- `training.pt`: optimiser and generator state, loaded with `weights_only=True`;
- `checkpoint.json`: step, configuration, data set facts, and the ledger so far.

The newest checkpoint on disk that is whole is the truth about where a trial stands.
"""

import contextlib
import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from core.storage import CorruptEntryError, Folder

FORMAT = 1
KEPT = 2  # the newest, and the one before it in case the newest is damaged
PREFIX = "step-"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What one entry holds; `weights` and `training` are encoded (see `encode_tensors`, `encode_training`)."""

    step: int
    description: Mapping[str, Any]
    weights: bytes = b""
    training: bytes = b""


def save(folder: Folder, checkpoint: Checkpoint) -> None:
    """Write a checkpoint and drop all but the newest two.

    Raises:
        OSError: the disk is full or the store is away; the earlier checkpoints stay.
    """
    description = {"format": FORMAT, "step": checkpoint.step, **checkpoint.description}
    files = {"checkpoint.json": json.dumps(description, indent=1).encode()}
    if checkpoint.weights:
        files["model.safetensors"] = checkpoint.weights
    if checkpoint.training:
        files["training.pt"] = checkpoint.training
    folder.write(f"{PREFIX}{checkpoint.step:09d}", files)
    for name in names(folder)[:-KEPT]:
        folder.delete(name)


def names(folder: Folder) -> list[str]:
    """Names of the checkpoints in a trial's folder, oldest first."""
    return [name for name in folder.entries() if name.startswith(PREFIX)]


def newest(folder: Folder, *, up_to: int | None = None) -> Checkpoint | None:
    """The newest checkpoint that is whole (at or before step `up_to`), or None."""
    return next(_whole(folder, up_to), None)


def _whole(folder: Folder, up_to: int | None) -> Iterator[Checkpoint]:
    for name in reversed(names(folder)):
        if up_to is not None and int(name.removeprefix(PREFIX)) > up_to:
            continue
        try:
            yield load(folder, name)
        except CorruptEntryError:
            continue


def load(folder: Folder, name: str) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        CorruptEntryError: it is damaged, or of a newer format than this version knows.
    """
    files = folder.read(name)
    description = json.loads(files["checkpoint.json"])
    if description["format"] > FORMAT:
        raise CorruptEntryError(f"{folder.uri}/{name} was written by a newer version (format {description['format']})")
    return Checkpoint(
        step=description["step"],
        description=description,
        weights=files.get("model.safetensors", b""),
        training=files.get("training.pt", b""),
    )


def drop_failed(folder: Folder) -> None:
    """Delete the checkpoints of a trial in which it had failed, so that it goes on from before that."""
    for name in names(folder):
        with contextlib.suppress(CorruptEntryError):
            report = load(folder, name).description["report"]
            if report and report.get("failure"):
                folder.delete(name)


def encode_tensors(tensors: Mapping[str, Any]) -> bytes:
    """Named tensors as safetensors bytes."""
    from safetensors.torch import save as to_bytes

    return to_bytes({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def decode_tensors(data: bytes) -> dict[str, Any]:
    """Inverse of `encode_tensors`, on the CPU."""
    from safetensors.torch import load as from_bytes

    return from_bytes(data)


def encode_training(state: Mapping[str, Any]) -> bytes:
    """Optimiser and generator state (tensors, numbers, strings, lists, dicts) as bytes."""
    import torch

    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def decode_training(data: bytes, device: Any = "cpu") -> dict[str, Any]:
    """Inverse of `encode_training`; refuses anything but plain data, so that no code can hide in a checkpoint."""
    import torch

    state: dict[str, Any] = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
    return state
