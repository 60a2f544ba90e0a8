"""Masks, quotas and allocations, of the kernel where it grants them, and as files of other machines."""

import os
import pathlib
import subprocess
import sys

import pytest

from core.machine import GPU_VARIABLES, granted_cores, granted_gpus, granted_memory, visible_gpus
from tests.kernel import control_group

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SECOND = "0::{path}\n", "30 23 0:26 {begins} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
FIRST = (
    "7:memory:{path}\n4:cpu,cpuacct:{path}\n0::/\n",
    "33 23 0:29 {begins} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 23 0:30 {begins} /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n",
)


def machine(
    folder: pathlib.Path, version: tuple[str, str], files: dict[str, str], path: str = "/", begins: str = "/"
) -> pathlib.Path:
    """A root with the files by which Linux tells a process its control groups."""
    own, mounts = version
    files = {
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
        "proc/self/cgroup": own.format(path=path),
        "proc/self/mountinfo": "22 1 254:0 / / rw - ext4 /dev/root rw\n" + mounts.format(begins=begins),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(autouse=True)
def _eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.parametrize(
    ("quota", "cores"), [("max", 8), ("50000", 1), ("150000", 1), ("300000", 3), ("399999", 3), ("6400000", 8)]
)
def test_a_quota_grants_whole_cores_and_at_least_one(tmp_path: pathlib.Path, quota: str, cores: int) -> None:
    second = machine(tmp_path / "2", SECOND, {"cpu.max": f"{quota} 100000\n"})
    assert granted_cores(second, {}).amount == cores
    files = {"cpu,cpuacct/cpu.cfs_quota_us": quota.replace("max", "-1"), "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}
    assert granted_cores(machine(tmp_path / "1", FIRST, files), {}).amount == cores


def test_the_smallest_quota_of_the_groups_above_counts(tmp_path: pathlib.Path) -> None:
    """As under systemd and Kubernetes; groups beside one's own do not count, nor is there a file in the root."""
    files = {
        "pods/cpu.max": "250000 100000\n",
        "pods/mine/cpu.max": "max 100000\n",
        "pods/other/cpu.max": "100000 100000\n",
    }
    granted = granted_cores(machine(tmp_path, SECOND, files, path="/pods/mine/deep"), {})
    assert granted.amount == 2
    assert granted.reason == f"the control group {tmp_path}/sys/fs/cgroup/pods has a CPU quota of 2.5"


@pytest.mark.parametrize(
    ("path", "begins"),
    [("/docker/c0ffee", "/docker/c0ffee"), ("/docker/c0ffee/within", "/docker/c0ffee"), ("/", "/"), ("/../..", "/")],
)
@pytest.mark.parametrize("version", [FIRST, SECOND])
def test_a_container_whose_mount_begins_inside_of_the_hierarchy(
    tmp_path: pathlib.Path, version: tuple[str, str], path: str, begins: str
) -> None:
    quota = {
        "cpu.max": "200000 100000",
        "cpu,cpuacct/cpu.cfs_quota_us": "200000",
        "cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    (tmp_path / "sys/fs/cgroup/docker").mkdir(parents=True)
    assert granted_cores(machine(tmp_path, version, quota, path, begins), {}).amount == 2


def test_a_machine_without_control_groups_grants_what_it_has(tmp_path: pathlib.Path) -> None:
    assert granted_cores(tmp_path, {}).amount == 8
    assert granted_cores(tmp_path, {}).reason == "the machine has 8"


@pytest.mark.parametrize(
    ("variables", "cores"),
    [
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "2", "SLURM_CPUS_ON_NODE": "4"}, 2),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "4"}, 4),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "16"}, 8),
        ({"SLURM_JOB_ID": "7"}, 8),
        ({"SLURM_CPUS_PER_TASK": "2"}, 8),  # a default for jobs, in the shell of a login node
    ],
)
def test_an_allocation_of_slurm(tmp_path: pathlib.Path, variables: dict[str, str], cores: int) -> None:
    granted = granted_cores(tmp_path, variables)
    assert granted.amount == cores
    assert ("job 7 of Slurm has SLURM_CPUS" in granted.reason) == (cores < 8)


def test_memory_is_what_the_group_may_have(tmp_path: pathlib.Path) -> None:
    unlimited = {"mem ory/memory.limit_in_bytes": "9223372036854771712", "memory.max": "max"}
    there = granted_memory(tmp_path).amount
    assert granted_memory(machine(tmp_path / "no", FIRST, unlimited)).amount == there > 2**20
    first = machine(tmp_path / "1", FIRST, {"mem ory/job/memory.limit_in_bytes": str(2**20)}, path="/job/step")
    assert granted_memory(first).amount == 2**20
    second = machine(tmp_path / "2", SECOND, {"job/memory.max": str(2**20)}, path="/job")
    assert "/job has a limit of 0.0 GB" in granted_memory(second).reason


def cores_of_a_process(before: str) -> str:
    code = f"import os\n{before}\nfrom core.machine import granted_cores\nprint(granted_cores(environ={{}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_mask_of_a_real_process() -> None:
    told = cores_of_a_process("os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})")
    assert "Grant(amount=1, " in told
    assert "affinity mask" in told or os.cpu_count() == 1


def test_the_quota_of_a_real_process() -> None:
    """The parent's counts too: the process is in a group of its own below."""
    first = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"}
    with control_group("cpu", first, {"cpu.max": "50000 100000"}) as group:
        below = group / "below"
        below.mkdir()
        try:
            told = cores_of_a_process(f"open('{below}/cgroup.procs', 'w').write(str(os.getpid()))")
        finally:
            below.rmdir()
    assert told == f"Grant(amount=1, reason='the control group {group} has a CPU quota of 0.5')\n"


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        (None, 2),
        ("", 0),
        ("-1", 0),
        ("NoDevFiles", 0),
        ("1", 1),
        ("1,0", 2),
        ("0,-1,1", 1),
        ("0,7", 1),
        ("0,0", 0),
        ("GPU-aaaa", 1),
        ("GPU-bbbb,GPU-aaaa", 2),
        ("GPU-cccc", 0),
        ("MIG-1,MIG-2,MIG-3", 3),
        ("MIG-1,-1,MIG-3", 1),
    ],
)
def test_gpus_as_cuda_counts_them(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, gpus: int
) -> None:
    """PyTorch's own reading of the variable, on a machine whose driver says that it has two GPUs."""
    import torch

    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    monkeypatch.setattr(torch.cuda, "_is_compiled", lambda: True)
    monkeypatch.setattr(torch.cuda, "_raw_device_count_nvml", lambda: 2)
    monkeypatch.setattr(torch.cuda, "_raw_device_uuid_nvml", lambda: ["GPU-aaaa-1", "GPU-bbbb-2"])
    monkeypatch.setattr(torch._C, "_cuda_getDeviceCount", lambda: 1, raising=False)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert granted_gpus(tmp_path) == gpus
    assert granted_gpus(tmp_path / "without a driver") == 0


@pytest.mark.parametrize("name", ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"])
def test_two_gpus_of_a_node_are_told_apart_whoever_made_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in GPU_VARIABLES:
        monkeypatch.delenv(each, raising=False)
    assert visible_gpus() == ()
    monkeypatch.setenv(name, "3")
    assert visible_gpus() == ((name, "3"),)
