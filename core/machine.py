"""What this process was granted of its machine, which may be less than the machine has: cores, memory, GPUs."""

import dataclasses
import os
import pathlib
import re
import socket
from collections.abc import Iterator, Mapping

ROOT = pathlib.Path("/")
LOOPBACK = "127.0.0.1"
GPU_FILES = ("dev/nvidiactl", "dev/dxg", "dev/kfd")  # of NVIDIA's driver, of that under Windows, of AMD's
GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")  # by which Ray gives a process its GPUs
SLURM = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")  # what a job's task was granted; else, what the job was


@dataclasses.dataclass(frozen=True)
class Grant:
    """So much of something, and what it is that grants no more.

    Attributes:
        amount: whole cores, or bytes.
        reason: a sentence without its full stop.
    """

    amount: int
    reason: str


def granted_cores(root: pathlib.Path = ROOT, environ: Mapping[str, str] = os.environ) -> Grant:
    """Cores that this process may use, at least one.

    The smallest of: the machine, the affinity mask (`taskset`, cpusets), the CPU quotas of the process's control group
    and of those above it (`docker --cpus`, Kubernetes), a Slurm job. A quota of 1.5 cores is one core: a second trial
    would slow the first one down by the half of a core that it lacks.

    Args:
        root: directory under which the process's `proc` and `sys` are.
        environ: variables in which Slurm says what it grants.
    """
    there = os.cpu_count() or 1
    limits = [(float(there), f"the machine has {there}")]
    if hasattr(os, "sched_getaffinity"):  # on Linux alone
        mask = len(os.sched_getaffinity(0))
        limits.append((mask, f"the affinity mask of the process (taskset, a cpuset) has {mask} of {there}"))
    for group in _control_groups(root, "cpu"):
        quota = _quota(group)
        if quota is not None:
            limits.append((quota, f"the control group {group} has a CPU quota of {quota:g}"))
    if "SLURM_JOB_ID" in environ:
        name = next((name for name in SLURM if environ.get(name, "").isdigit()), None)
        if name is not None:
            limits.append((int(environ[name]), f"job {environ['SLURM_JOB_ID']} of Slurm has {name}={environ[name]}"))
    least, reason = min(limits, key=lambda limit: limit[0])
    return Grant(max(1, int(least)), reason)


def granted_memory(root: pathlib.Path = ROOT) -> Grant:
    """Bytes of memory that this process may use: the machine's, or less by a control group.

    Args:
        root: directory under which the process's `proc` and `sys` are.
    """
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [(there, f"the machine has {there / 1e9:.1f} GB")]
    for group in _control_groups(root, "memory"):
        for word in _words(group / "memory.max", group / "memory.limit_in_bytes"):
            if word.isdigit():
                limits.append((int(word), f"the control group {group} has a limit of {int(word) / 1e9:.1f} GB"))
    return Grant(*min(limits, key=lambda limit: limit[0]))


def port_is_free(port: int) -> bool:
    """Whether a server may listen at a port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def has_gpu_driver(root: pathlib.Path = ROOT) -> bool:
    """Whether the machine has the driver of a GPU, by the files that it puts into `dev`."""
    return any((root / file).exists() for file in GPU_FILES)


def visible_gpus() -> tuple[tuple[str, str], ...]:
    """The variables that say which GPUs this process sees, with what they say; AMD's has a name of its own."""
    return tuple((name, os.environ[name]) for name in GPU_VARIABLES if name in os.environ)


def granted_gpus(root: pathlib.Path = ROOT) -> int:
    """GPUs that PyTorch can use in processes like this one, if each of them is given one.

    `CUDA_VISIBLE_DEVICES` names them by number, UUID or MIG instance, and ends at the first word that names none, such
    as -1. A process uses one MIG instance only, so PyTorch says 1 of any number of them.

    Args:
        root: directory under which the machine's `dev` is; without a driver, PyTorch is not even imported.
    """
    if not has_gpu_driver(root):
        return 0
    import torch

    usable = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    instances = next((n for n, word in enumerate(visible) if not word.startswith("MIG-")), len(visible))
    return max(usable, instances) if usable else 0


def _control_groups(root: pathlib.Path, controller: str) -> Iterator[pathlib.Path]:
    """Folders of the groups by which a controller limits this process: its own, then those above it.

    A machine may have both versions; of the second, every controller is in one hierarchy. In a container the mount
    begins somewhere inside of the hierarchy.
    """
    own: dict[str, pathlib.PurePath] = {}  # by controller; "" is the second version
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        own |= dict.fromkeys(controllers.split(","), pathlib.PurePath(path))
    for line in _lines(root / "proc/self/mountinfo"):
        mount, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        name = {"cgroup2": "", "cgroup": controller}.get(kind)
        if name not in own or (name and name not in options.split(",")):
            continue
        begins, at = (re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), word) for word in mount.split(" ")[3:5])
        top = root / at.lstrip("/")
        inside = own[name].is_relative_to(begins) and ".." not in own[name].parts
        group = top / own[name].relative_to(begins) if inside else top
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _quota(group: pathlib.Path) -> float | None:
    """Cores that a group may keep busy; None if it has no limit: "max" in version 2, -1 in version 1."""
    words = _words(group / "cpu.max", group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us")
    if len(words) != 2 or not words[0].isdigit():
        return None
    return int(words[0]) / int(words[1])


def _words(*files: pathlib.Path) -> list[str]:
    """Words of those files that can be read."""
    return [word for file in files for line in _lines(file) for word in line.split()]


def _lines(file: pathlib.Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
