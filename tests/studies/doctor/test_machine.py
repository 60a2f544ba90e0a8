"""A machine that gives too little, or whose GPUs cannot be used."""

import os
import pathlib
import sys

import pytest
import torch

from studies.doctor import machine
from studies.doctor.finding import Asked, State
from tests.kernel import control_group, with_mounts
from tests.studies.doctor.kit import asked, elsewhere, one, states


@pytest.fixture
def given(tmp_path: pathlib.Path) -> Asked:
    return asked(tmp_path)


def limited(what: str) -> list[str]:
    """The beginning of a command that a limit of the kernel holds for."""
    code = f"import os, resource, sys\n{what}\nos.execvp(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-c", code]


def test_few_open_files(tmp_path: pathlib.Path) -> None:
    prefix = limited("resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))")
    (found,) = elsewhere("machine.open_files", tmp_path, prefix)
    assert (found.state, found.says.partition(",")[0]) == (State.WARNING, "at most 256 for a process")
    soft = limited("resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))")
    assert elsewhere("machine.open_files", tmp_path, soft)[0].state is State.OK  # Ray raises it


def test_cores_with_the_reason(tmp_path: pathlib.Path) -> None:
    (found,) = elsewhere("machine.cores", tmp_path, limited("os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"))
    assert found.says.startswith("1 granted: ")
    assert "affinity mask" in found.says or os.cpu_count() == 1


def test_memory_of_a_control_group(tmp_path: pathlib.Path) -> None:
    limit = 400 * 2**20
    with control_group("memory", {"memory.limit_in_bytes": str(limit)}, {"memory.max": str(limit)}) as group:
        prefix = limited(f"open('{group}/cgroup.procs', 'w').write(str(os.getpid()))")
        (found,) = elsewhere("machine.memory", tmp_path, prefix)
    assert found.state is State.WARNING
    assert found.says.startswith(f"0.4 GB granted: the control group {group} has a limit of 0.4 GB")


def test_little_shared_memory(tmp_path: pathlib.Path) -> None:
    prefix = with_mounts("mount -t tmpfs -o size=64m none /dev/shm")
    (found,) = elsewhere("machine.shared_memory", tmp_path, prefix)
    assert (found.state, found.says.partition(";")[0]) == (State.WARNING, "0.07 GB are free in /dev/shm")


def test_a_machine_without_a_gpu(given: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "has_gpu_driver", lambda: False)
    assert one(machine.gpus, given).says == "none; trials train on the CPU"
    assert one(machine.pytorch, given).state is State.OK


@pytest.fixture
def driver(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver with three GPUs, by its program."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    rows = [
        "0, NVIDIA H100 80GB HBM3, 81559, 3, Default, 575.57.08",
        "1, NVIDIA H100 80GB HBM3, 81559, 3, Exclusive_Process, 575.57.08",
        "2, NVIDIA H100 80GB HBM3, 81559, 70000, Prohibited, 575.57.08",
    ]
    program.write_text("#!/bin/sh\ncat <<END\n" + "\n".join(rows) + "\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(machine, "has_gpu_driver", lambda: True)
    monkeypatch.setattr(machine, "granted_gpus", lambda: 2)


@pytest.mark.usefixtures("driver")
def test_gpus_that_trials_cannot_share(given: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    found = list(machine.gpus(given))
    assert found[0].says == "2 can be used by PyTorch (CUDA_VISIBLE_DEVICES=0,1)"
    assert states(found[1:4]) == {"GPU 0": State.OK, "GPU 1": State.WARNING, "GPU 2": State.WARNING}
    assert found[1].says == "NVIDIA H100 80GB HBM3, 3 of 81559 MiB in use, compute mode Default, driver 575.57.08"
    assert found[2].fix.startswith("`nvidia-smi -i 1 -c DEFAULT` as root, or give each trial a whole one")


@pytest.mark.usefixtures("driver")
def test_whether_processes_share_a_gpu_at_the_same_time(
    given: Asked, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    alone = list(machine.gpus(given))[-1]
    assert (alone.check, alone.state) == ("sharing of GPUs", State.WARNING)
    assert "take turns" in alone.says
    (tmp_path / "control").touch()
    assert list(machine.gpus(given))[-1].state is State.OK


def test_a_driver_whose_program_fails(given: Asked, driver: None, tmp_path: pathlib.Path) -> None:  # noqa: ARG001
    (tmp_path / "bin" / "nvidia-smi").write_text("#!/bin/sh\necho 'Failed to initialize NVML'\nexit 9\n")
    assert "nvidia-smi, which knows their memory and compute mode, does not answer" in one(machine.gpus, given).says


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("cuda", "usable", "visible", "says"),
    [
        (None, False, None, "the GPUs of this machine stay idle"),
        ("13.0", False, "-1", "CUDA_VISIBLE_DEVICES=-1 leaves it no GPU"),
        ("13.0", True, "0", "built for CUDA 13.0"),
    ],
)
def test_a_pytorch_that_does_not_fit_the_driver(
    given: Asked, monkeypatch: pytest.MonkeyPatch, cuda: str | None, usable: bool, visible: str | None, says: str
) -> None:
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = one(machine.pytorch, given)
    assert (says in found.says, found.state) == (True, State.OK if usable else State.WARNING), found.says


@pytest.mark.usefixtures("driver")
def test_what_pytorch_says_of_a_driver_that_is_too_old(given: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    import warnings

    def is_available() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old (found 9000)", stacklevel=1)
        return False

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "driver on your system is too old (found 9000)" in one(machine.pytorch, given).says
