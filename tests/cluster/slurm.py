"""A Slurm cluster on this machine for the marked suite, in a network of its own; all files are in one directory."""

import getpass
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import tempfile
from typing import Any

import pytest

from tests.service import wait_until

BATCH = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "slurm" / "study.sbatch"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "ip", "nsenter")
CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost(10.99.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,sched_min_interval=0
KillWait=1
GresTypes=gpu
{nodes}
PartitionName=main Nodes=ALL Default=YES State=UP
"""


class Slurm:
    """Nodes `n1`, `n2`, … of so many CPUs, and of one GPU that is there in name only."""

    def __init__(self, nodes: int, cpus: int) -> None:
        path = f"{os.environ['PATH']}:/usr/sbin"
        if any(shutil.which(program, path=path) is None for program in PROGRAMS):
            pytest.skip("Slurm is not installed (Debian: apt-get install slurmctld slurmd slurm-client munge iproute2)")
        if os.geteuid() != 0:
            pytest.skip("a network of its own for Slurm and Ray needs root")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="slurm-"))  # paths of sockets are short
        self._environment = {**os.environ, "PATH": path, "SLURM_CONF": str(self.folder / "slurm.conf")}
        self._network = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self._daemons: list[subprocess.Popen[bytes]] = []
        try:
            self._begin(nodes, cpus)
        except BaseException:
            self.close()
            raise

    def _begin(self, nodes: int, cpus: int) -> None:
        ours = pathlib.Path("/proc/self/ns/net").readlink()
        wait_until(lambda: pathlib.Path(f"/proc/{self._network.pid}/ns/net").readlink() != ours)
        self.run("ip", "link", "set", "lo", "up")
        for n in range(1, nodes + 1):
            self.run("ip", "address", "add", f"10.99.0.{n}/24", "dev", "lo")
        lines = [
            f"NodeName=n{n} NodeHostname=localhost NodeAddr=10.99.0.{n} Port={6820 + n} CPUs={cpus} Gres=gpu:1"
            for n in range(1, nodes + 1)
        ]
        text = CONFIGURATION.format(user=getpass.getuser(), folder=self.folder, nodes="\n".join(lines))
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        files = {name: self.folder / f"munge.{name}" for name in ("socket", "pid", "log", "seed")}
        options = [f"--{name}-file={files[name]}" for name in ("pid", "log", "seed")]
        self._start("munged", "--foreground", "--force", f"--key-file={key}", f"--socket={files['socket']}", *options)
        wait_until(files["socket"].exists)
        self._start("slurmctld", "-D")
        for n in range(1, nodes + 1):
            self._start("slurmd", "-D", "-N", f"n{n}")
        wait_until(lambda: self.run("sinfo", "--noheader", "--states=idle", "--format=%D").stdout.strip() == str(nodes))

    def _start(self, program: str, *arguments: str) -> None:
        with (self.folder / "daemons.log").open("ab") as log:
            command = [*self._inside(), program, *arguments]
            self._daemons.append(subprocess.Popen(command, stdout=log, stderr=log, env=self._environment))

    def _inside(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._network.pid}/ns/net"]

    def run(
        self, *command: Any, folder: pathlib.Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the cluster's network."""
        return subprocess.run(
            [*self._inside(), *map(str, command)],
            cwd=folder,
            env={**self._environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def submit(self, folder: pathlib.Path, *arguments: Any, **environment: str) -> str:
        """Submit the project's batch script with options of sbatch before `--`; the job's id."""
        divide = arguments.index("--")
        command = ["sbatch", "--parsable", *arguments[:divide], BATCH, *arguments[divide + 1 :]]
        done = self.run(*command, folder=folder, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def cancel(self, job: str, *options: str) -> None:
        self.run("scancel", *options, job)

    def about(self, job: str) -> dict[str, str]:
        """What Slurm knows of a job: JobState, Restarts, Reason, ExitCode and more."""
        fields = self.run("scontrol", "show", "job", job, "--oneliner").stdout.split()
        return dict(field.split("=", 1) for field in fields if "=" in field)

    def close(self) -> None:
        """End jobs and daemons, each by its id."""
        self.run("scancel", f"--user={getpass.getuser()}")
        wait_until(lambda: not self.run("squeue", "--noheader").stdout, 30)
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=30)
        self._network.kill()
        self._network.wait()
        shutil.rmtree(self.folder)
