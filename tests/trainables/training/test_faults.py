"""Which errors end a process, and which a trial."""

import pytest
import torch

from trainables.training.faults import ends_the_process


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("HIP error: an illegal memory access was encountered"), True),
        (torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"), True),
        (torch.OutOfMemoryError("CUDA out of memory"), False),
        (RuntimeError("The size of tensor a (2) must match the size of tensor b (3)"), False),
        (ValueError("CUDA error"), False),
    ],
)
def test_only_a_lost_device_ends_the_process(error: Exception, expected: bool) -> None:
    assert ends_the_process(error) is expected
