"""How long a training step takes on this machine's processor, without any data."""

import time
from typing import Any

from core.data import DatasetInfo

TIMED_STEPS = 3


def step_seconds(model_class: Any, hyperparameters: Any, info: DatasetInfo) -> float:
    """Seconds of a training step on noise, after all schedules of the model; 0 for one that is not trained.

    Models that learn from annotated images are shown random factors.
    """
    import torch

    from core.data.batches import Batch

    if not hasattr(model_class, "configure_optimizers"):
        return 0.0
    model = model_class(hyperparameters, info).to(memory_format=torch.channels_last)
    model.configure_optimizers()
    size = hyperparameters.batch_size
    images = torch.rand(size, *info.image_shape).contiguous(memory_format=torch.channels_last)
    index = torch.zeros(size, dtype=torch.int64)
    factors = (
        torch.stack([torch.randint(count, (size,)) for count in info.factor_sizes], 1) if info.has_factors else None
    )
    batches = [Batch(images, index, None if name == "all" else factors) for name in model_class.streams]
    late = model_class.warm_up_steps(hyperparameters) + 1
    model.before_step(late)
    model.steps_done.fill_(late)
    model.train()
    model.training_step(batches)
    began = time.perf_counter()
    for _ in range(TIMED_STEPS):
        model.training_step(batches)
    return (time.perf_counter() - began) / TIMED_STEPS
