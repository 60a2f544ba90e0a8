"""The service as a container runs it: an installed package, any user without a name, no home, nothing writable but
the root of studies and `/tmp`, and no network."""

import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.service import Service

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ("analysis", "core", "studies", "trainables", "pyproject.toml", "README.md")
USER = 54321


def install(folder: pathlib.Path) -> pathlib.Path:
    """Build the wheel from a copy of what the Containerfile copies, and install it."""
    copy = folder / "source"
    for name in SOURCE:
        (shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy)(CHECKOUT / name, folder.joinpath(copy, name))
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, copy], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "installed", wheel], check=True)
    return folder / "installed"


def test_any_user_without_name_and_home_runs_a_study_with_code_that_is_read_only(tmp_path: pathlib.Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed (Debian: apt-get install bubblewrap)")
    (tmp_path / "source").mkdir()
    installed = install(tmp_path)
    service = Service(tmp_path)
    service.root.mkdir()
    path = service.write("contained")
    box = ["bwrap", "--unshare-all", "--uid", USER, "--gid", 0, "--die-with-parent", "--clearenv"]
    box += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm", "--tmpfs", "/tmp"]
    box += ["--ro-bind", sys.prefix, sys.prefix]  # which may be under /tmp too
    box += ["--ro-bind", installed, installed, "--ro-bind", path, path, "--bind", service.root, service.root]
    box += ["--setenv", "PYTHONPATH", installed, "--setenv", "PATH", "/usr/bin:/bin", "--chdir", "/"]

    def run(*command: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*map(str, (*box, *command))], capture_output=True, text=True, timeout=200)

    asked = run(
        sys.executable, "-c", "import os, studies; print(os.getuid(), os.environ.get('HOME'), studies.__file__)"
    )
    assert asked.stdout.split() == [str(USER), "None", str(installed / "studies" / "__init__.py")]
    studies = installed / "bin" / "studies"
    done = run(studies, "launch", path, "--root", service.root, "--data", service.root / "data")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert (service.root / "contained" / "report" / "pareto_front.png").exists()
    service.assert_exactly_once("contained", configurations=4, seeds=2)
