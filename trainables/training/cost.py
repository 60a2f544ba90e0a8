"""What a trial costs: memory and time of a device, and the seconds of a training step on this processor."""

import dataclasses
import tempfile
import time
from collections.abc import Iterable

import trainables
from core import extensions
from core.configuration import Configuration, TrialConfig
from core.data import DatasetInfo
from core.storage import Folder

STEPS = 20
CODED = 2048  # images encoded, as an evaluation does
CONTEXT = 600 << 20  # bytes, where NVML does not say
MARGIN = 1.2  # of memory; the allocator and cuDNN's workspaces vary between runs
MOST = 64  # processes on one device
TIMED_STEPS = 3
TIMED_IMAGES = 128  # of a batch; of a larger one, a part is timed


@dataclasses.dataclass(frozen=True)
class Footprint:
    """A trial of one process on a device of its own.

    Attributes:
        bytes_used: peak memory, the CUDA context included.
        bytes_total: memory of the device.
        busy: share of a training step's time in which a kernel runs, in [0, 1].
        step_seconds: duration of one training step.
    """

    bytes_used: int
    bytes_total: int
    busy: float
    step_seconds: float


def fitting_share(footprints: Iterable[Footprint]) -> float:
    """The share 1/k of a device for the largest k at which k such trials fit its memory and do not wait for it.

    A trial that keeps the device busy for a third of the time leaves room for two more; further ones would only slow
    each other down. Without a footprint (no device could be measured) a trial gets a whole one.
    """
    needs = [
        max(MARGIN * footprint.bytes_used / footprint.bytes_total, footprint.busy, 1 / MOST) for footprint in footprints
    ]
    return 1.0 / max(1, int(1.0 / max(needs) + 1e-9)) if needs else 1.0


def measure(config: TrialConfig) -> Footprint | None:
    """Train a few steps, encode and save, on this process's device; None without one, and for a simulation."""
    import numpy as np
    import torch

    from trainables.training.run import TrainingRun

    extensions.use_for(config)
    if not torch.cuda.is_available() or not trainables.get(config.configuration.model).learns:
        return None
    before = _used_on_device()  # the first thing that touches the device would make a context
    total = torch.cuda.mem_get_info()[1]
    run = TrainingRun(dataclasses.replace(config, device_share=1.0))
    run.train(STEPS)  # chooses algorithms, fills the allocator
    torch.cuda.synchronize()
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        began = time.perf_counter()
        run.train(2 * STEPS)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    kernels = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6
    run.model.encode(run.dataset.images(np.arange(min(CODED, len(run.dataset)))))
    with tempfile.TemporaryDirectory() as directory:
        run.save(Folder(directory))
    beside = outside_of_pytorch(before, _used_on_device(), torch.cuda.memory_reserved())
    used = min(total, torch.cuda.max_memory_reserved() + beside)
    return Footprint(used, total, share_of_time(kernels, seconds), seconds / STEPS)


def outside_of_pytorch(before: int | None, after: int | None, reserved: int) -> int:
    """Bytes of a process on a device that PyTorch's allocator does not count: the CUDA context and its kernels.

    Args:
        before: bytes in use on the device before the process had a context, as NVML says; None where it says nothing.
        after: the same with it.
        reserved: by the allocator then.
    """
    return CONTEXT if before is None or after is None else max(0, after - before - reserved)


def share_of_time(kernels: float, seconds: float) -> float:
    """In which kernels run, in [0, 1]; 1 where the profiler may not see them, so that no trial is crowded."""
    return min(1.0, kernels / seconds) if kernels else 1.0


def _used_on_device() -> int | None:
    """Bytes in use on the first visible device, by all processes; None without NVML."""
    import torch

    try:
        return int(torch.cuda.device_memory_used(0))
    except Exception:  # its bindings are not installed, or it may not be asked
        return None


def step_seconds(configuration: Configuration, info: DatasetInfo) -> float:
    """CPU seconds of a training step on noise, after all schedules of the model; 0 for a simulation.

    Models that learn from annotated images are shown random factors. Of a large batch a part is timed, and scaled: what
    grows faster than the batch (the pairs of β-TCVAE) is underestimated there, and no memory is asked for it.
    """
    import torch

    from core.data.batches import Batch
    from trainables.training.loading import build_model

    if not trainables.get(configuration.model).learns:
        return 0.0
    model = build_model(configuration, info)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.configure_optimizers()
    size = min(TIMED_IMAGES, model.hyperparameters.batch_size)
    images = torch.rand(size, *info.image_shape).contiguous(memory_format=torch.channels_last)
    index = torch.zeros(size, dtype=torch.int64)
    factors = (
        torch.stack([torch.randint(count, (size,)) for count in info.factor_sizes], 1) if info.has_factors else None
    )
    batches = [Batch(images, index, factors if name == "annotated" else None) for name in model.streams]
    late = model.warm_up_steps(model.hyperparameters) + 1
    model.before_step(late)
    model.steps_done.fill_(late)
    model.train()
    model.training_step(batches)
    began = time.process_time()
    for _ in range(TIMED_STEPS):
        model.training_step(batches)
    return (time.process_time() - began) / TIMED_STEPS * model.hyperparameters.batch_size / size


def saved_bytes(configuration: Configuration, info: DatasetInfo) -> int:
    """Bytes of a model's weights and buffers in a checkpoint; 0 for a simulation."""
    from trainables.training.loading import build_model

    if not trainables.get(configuration.model).learns:
        return 0
    tensors = build_model(configuration, info).state_dict().values()
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
