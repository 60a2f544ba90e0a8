"""What only the kernel can do to a process: rights that even root lacks, mounts of its own, control groups."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping

import pytest


def without_override() -> list[str]:
    """The beginning of a command that may see and write only what its user may, also as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("needs another user than root, or setpriv")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", "--bounding-set", rights, "--inh-caps", rights]


def with_mounts(*commands: str) -> list[str]:
    """The beginning of a command for which commands of a shell mount and name things, unseen by all others."""
    prefix = ["unshare", "--mount", "--uts"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
    script = "\n".join(["set -e", *commands])
    try:
        subprocess.run([*prefix, "sh", "-c", script], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs namespaces of its own, which containers may forbid")
    return [*prefix, "sh", "-c", f'{script}\nexec "$@"', "sh"]


@contextlib.contextmanager
def control_group(controller: str, first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[pathlib.Path]:
    """A control group below the root of a controller, with such values in files of its first or second version.

    A process joins it by writing its number to `cgroup.procs`.
    """
    name = f"studies-{uuid.uuid4().hex}"
    for top, files in ((f"/sys/fs/cgroup/{controller}", first), ("/sys/fs/cgroup", second)):
        folder = pathlib.Path(top) / name
        with contextlib.suppress(OSError):
            folder.mkdir()
            try:
                for file, text in files.items():
                    (folder / file).write_text(text)
            except OSError:
                folder.rmdir()
                continue
            try:
                yield folder
            finally:
                folder.rmdir()
            return
    pytest.skip("needs the right to make control groups, as root outside of a container has it")
