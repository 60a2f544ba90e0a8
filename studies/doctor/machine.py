"""What this machine gives: cores, memory, shared memory, open files, PyTorch and the GPUs that it can use."""

import csv
import os
import pathlib
import resource
import shutil
import subprocess
import warnings
from collections.abc import Iterator

import psutil

from core.machine import granted_cores, granted_gpus, granted_memory, has_gpu_driver
from core.mistakes import reason_of
from studies.doctor.finding import Asked, Finding, ok, warning

FEW_FILES = 1024
LEAST_MEMORY_OF_A_TRIAL = 1_000_000_000
LEAST_SHARED_MEMORY = 100_000_000
SHARED_MEMORY = pathlib.Path("/dev/shm")
MPS_PIPES = "/tmp/nvidia-mps"  # unless $CUDA_MPS_PIPE_DIRECTORY says another folder
SMI_FIELDS = ("index", "name", "memory.total", "memory.used", "compute_mode", "driver_version")  # of nvidia-smi


def open_files(_: Asked) -> Iterator[Finding]:
    """Each trial costs Ray some tens of open files; it raises the soft limit to the hard one by itself."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= FEW_FILES:
        yield ok("open files", "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard} for a process")
    else:
        fix = "raise nofile in /etc/security/limits.conf, or start the container with `--ulimit nofile=65536`"
        yield warning("open files", f"at most {hard} for a process, too few for many trials at the same time", fix)


def cores(_: Asked) -> Iterator[Finding]:
    """Cores that the process was granted; so many trials train at the same time on this machine."""
    granted = granted_cores()
    yield ok("cores", f"{granted.amount} granted: {granted.reason}")


def memory(_: Asked) -> Iterator[Finding]:
    """Memory that the process was granted, and what is free of it."""
    granted, slots = granted_memory(), granted_cores().amount
    free = min(psutil.virtual_memory().available, granted.amount)
    text = f"{granted.amount / 1e9:.1f} GB granted: {granted.reason}; {free / 1e9:.1f} GB are free"
    if free < slots * LEAST_MEMORY_OF_A_TRIAL:
        fix = "end other programs, ask for more memory, or give each trial more cores (resources: {cpu: 2})"
        yield warning("memory", f"{text}, little for {slots} trials at the same time", fix)
    else:
        yield ok("memory", text)


def shared_memory(_: Asked) -> Iterator[Finding]:
    """Ray keeps its objects in `/dev/shm`, else in files."""
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        yield warning("shared memory", f"there is no {SHARED_MEMORY}; Ray uses files instead", "mount a tmpfs there")
        return
    text = f"{free / 1e9:.2f} GB are free in {SHARED_MEMORY}"
    if free < LEAST_SHARED_MEMORY:
        fix = "delete files there, or enlarge it: `docker run --shm-size=2g`, `mount -o remount,size=2g /dev/shm`"
        yield warning("shared memory", f"{text}; Ray uses slower files instead", fix)
    else:
        yield ok("shared memory", text)


def pytorch(_: Asked) -> Iterator[Finding]:
    """The build of PyTorch fits the driver."""
    import torch

    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU"
    text = f"{torch.__version__}, built for {build}"
    if not has_gpu_driver():
        yield ok("PyTorch", text)
        return
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if usable:
        yield ok("PyTorch", text)
    elif torch.version.cuda is None and torch.version.hip is None:
        fix = "`pip install torch` from the index of PyTorch that fits the driver"
        yield warning("PyTorch", f"{text}; the GPUs of this machine stay idle", fix)
    elif hidden is not None:
        fix = "unset CUDA_VISIBLE_DEVICES, or set it to GPUs that `nvidia-smi -L` lists"
        yield warning("PyTorch", f"{text}; CUDA_VISIBLE_DEVICES={hidden} leaves it no GPU", fix)
    else:
        reason = reason_of(said[0].message) if said and isinstance(said[0].message, Warning) else "no reason is given"
        fix = "update the driver, or install a PyTorch that is built for it"
        yield warning("PyTorch", f"{text}, and cannot use the GPUs of this machine: {reason}", fix)


def gpus(_: Asked) -> Iterator[Finding]:
    """GPUs with their memory and compute mode, and how many trials may have one."""
    if not has_gpu_driver():
        yield ok("GPUs", "none; trials train on the CPU")
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible})"
    rows = _smi()
    silent = "" if rows else "; nvidia-smi, which knows their memory and compute mode, does not answer"
    yield ok("GPUs", f"{granted_gpus()} can be used by PyTorch{named}{silent}")
    for index, name, total, used, mode, driver in rows:
        text = f"{name}, {used} of {total} MiB in use, compute mode {mode}, driver {driver}"
        check, fix = f"GPU {index}", f"`nvidia-smi -i {index} -c DEFAULT` as root"
        if mode == "Prohibited":
            yield warning(check, f"{text}: no process may use it", fix)
        elif mode == "Exclusive_Process":
            yield warning(check, f"{text}: trials cannot share it", f"{fix}, or give each trial a whole one (gpu: 1)")
        else:
            yield ok(check, text)
    if rows:
        yield _mps()


def _mps() -> Finding:
    """Whether processes that share a GPU run at the same time: by the pipe of the daemon of NVIDIA's MPS."""
    pipes = pathlib.Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or MPS_PIPES)
    if (pipes / "control").exists():
        return ok("sharing of GPUs", f"MPS runs ({pipes}): processes that share a GPU use it at the same time")
    fix = "start `nvidia-cuda-mps-control -d`, or let trials train in one process (resources: {gpu: 1, stack: 16})"
    return warning("sharing of GPUs", "MPS does not run: trials that share a GPU as processes take turns on it", fix)


def _smi() -> list[list[str]]:
    """A row per GPU from nvidia-smi; none where it is missing or fails."""
    command = ["nvidia-smi", f"--query-gpu={','.join(SMI_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = csv.reader(done.stdout.splitlines(), skipinitialspace=True)
    return [row for row in rows if len(row) == len(SMI_FIELDS)]
