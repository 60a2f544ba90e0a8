"""The contract of a device, on a machine without one."""

import pathlib
import subprocess
import sys

import pytest
import torch


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is there")
def test_every_model_trains_on_a_device_that_is_not_there() -> None:
    """In a process of its own, since a device that is registered is that of the whole process."""
    file = pathlib.Path(__file__).with_name("on_a_fake_device.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(file)]
    done = subprocess.run(command, cwd=file.parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
