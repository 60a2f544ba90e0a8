"""Directories with real faults: of rights, of room, of locks, of clocks, of names."""

import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from studies.cluster.temporary import temporary_folder
from studies.doctor import places
from studies.doctor.finding import State
from tests.kernel import with_mounts, without_override
from tests.studies.doctor.kit import asked, below_a_closed_folder, elsewhere, one, states

FAKETIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


def test_a_root_that_will_be_made_is_fit_and_nothing_is_made(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "deep" / "runs"
    assert states(places.root(asked(root))) == {"root": State.OK, "locks": State.OK}
    assert list(tmp_path.iterdir()) == []


def test_a_root_below_a_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    found = one(places.root, asked(tmp_path / "file" / "runs"))
    assert (found.state, found.says) == (State.FAULT, f"{tmp_path}/file cannot be written: Not a directory")


def test_a_root_without_the_right_to_write(tmp_path: pathlib.Path) -> None:
    prefix = without_override()
    tmp_path.chmod(0o555)
    (found,) = elsewhere("places.root", tmp_path / "runs", prefix)
    tmp_path.chmod(0o755)
    assert (found.state, found.says) == (State.FAULT, f"{tmp_path} cannot be written: Permission denied")


def test_a_root_below_what_cannot_be_looked_into(tmp_path: pathlib.Path) -> None:
    found = below_a_closed_folder("places.root", tmp_path)
    assert (found.state, found.says) == (State.FAULT, f"{tmp_path}/closed cannot be written: Permission denied")


def test_a_root_on_a_disk_that_only_reads(tmp_path: pathlib.Path) -> None:
    prefix = with_mounts(f"mount --bind '{tmp_path}' '{tmp_path}'", f"mount -o remount,bind,ro '{tmp_path}'")
    (found,) = elsewhere("places.root", tmp_path, prefix)
    assert (found.state, found.says) == (State.FAULT, f"{tmp_path} cannot be written: Read-only file system")


def test_a_root_on_a_full_disk(tmp_path: pathlib.Path) -> None:
    prefix = with_mounts(f"mount -t tmpfs -o size=8k none '{tmp_path}'")
    (found,) = elsewhere("places.root", tmp_path, prefix)
    assert (found.state, found.says) == (State.FAULT, f"{tmp_path} cannot be written: No space left on device")
    disk = elsewhere("places.disk", tmp_path, prefix)[0]
    assert (disk.state, disk.says) == (State.WARNING, f"0.0 GB are free in {tmp_path}")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            "return 0;",
            "two processes can hold the same lock",
        ),  # as on network file systems that lock on each host alone
        ("errno = ENOLCK; return -1;", "no file can be locked in .*: No locks available"),
    ],
)
def test_a_file_system_without_locks(tmp_path: pathlib.Path, body: str, says: str) -> None:
    """The process is given its `flock` of such a file system; the one beside it has that of the kernel."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler (Debian: apt-get install gcc)")
    source, library = tmp_path / "flock.c", tmp_path / "flock.so"
    source.write_text(
        "#include <errno.h>\n#include <stdlib.h>\n"
        '__attribute__((constructor)) static void once(void) { unsetenv("LD_PRELOAD"); }\n'
        f"int flock(int file, int operation) {{ {body} }}\n"
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    locks = elsewhere("places.root", tmp_path, variables={"LD_PRELOAD": str(library)})[1]
    assert locks.state is State.FAULT
    assert re.search(says, locks.says)


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not installed (Debian: apt-get install libfaketime)")
@pytest.mark.parametrize(("by", "says"), [("+1h", "3600 s behind"), ("-1h", "3600 s ahead")])
def test_a_clock_that_is_not_that_of_the_file_system(tmp_path: pathlib.Path, by: str, says: str) -> None:
    skewed = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": by, "NO_FAKE_STAT": "1"}
    (found,) = elsewhere("places.clock", tmp_path, variables=skewed)
    assert (found.state, says in found.says) == (State.WARNING, True), found.says
    assert one(places.clock, asked(tmp_path)).state is State.OK


def test_a_temporary_directory_whose_name_is_too_long_for_sockets(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("n" * (80 - len(str(tmp_path)) - 1))
    long.mkdir()
    assert len(str(long)) == 80
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(long))
    found = next(places.temporary(asked(tmp_path)))
    says = f"{long}/ray has a name that is too long for sockets; Ray uses {temporary_folder()}"
    assert (found.state, found.says) == (State.WARNING, says)


@pytest.fixture
def short() -> Iterator[pathlib.Path]:
    """A temporary directory with a name that sockets may have."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp") as folder:
        yield pathlib.Path(folder)


def test_a_session_directory_of_somebody_else(short: pathlib.Path) -> None:
    prefix = without_override()
    (short / "ray").mkdir(mode=0o555)
    found = elsewhere("places.temporary", short, prefix, {"TMPDIR": str(short)})[0]
    says = f"{short}/ray of {short.owner()} cannot be used; Ray uses {short}/ray-{os.geteuid()}"
    assert (found.state, found.says) == (State.WARNING, says)


def test_no_room_for_temporary_files(short: pathlib.Path) -> None:
    prefix = with_mounts(f"mount -t tmpfs -o size=8k none '{short}'")
    found = elsewhere("places.temporary", short, prefix, {"TMPDIR": str(short)})[0]
    says = f"{short}/ray cannot be written: No space left on device"
    assert (found.state, found.says) == (State.FAULT, says)


def test_no_place_for_temporary_files(short: pathlib.Path) -> None:
    read_only = "mount --bind /{0} /{0}\nmount -o remount,bind,ro /{0}"
    prefix = with_mounts(*(read_only.format(name) for name in ("tmp", "var/tmp", "dev/shm")))
    variables = {"TMPDIR": str(short), "XDG_RUNTIME_DIR": ""}
    found = elsewhere("places.temporary", short, prefix, variables)
    assert [(each.state, "Ray can keep its sockets nowhere" in each.says) for each in found] == [(State.FAULT, True)]


def test_a_home_without_the_right_to_write(tmp_path: pathlib.Path) -> None:
    prefix = without_override()
    tmp_path.chmod(0o555)
    (found,) = elsewhere("places.home", tmp_path, prefix, {"HOME": str(tmp_path)})
    tmp_path.chmod(0o755)
    assert (found.state, f"{tmp_path} cannot be written" in found.says) == (State.WARNING, True)


def test_a_home_that_is_not_there(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    assert one(places.home, asked(tmp_path)).state is State.WARNING

    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)  # as in a container that does not know its user
    found = one(places.home, asked(tmp_path))
    assert (found.state, found.says) == (State.WARNING, f"user {os.getuid()} has no home directory")


def test_data_that_only_others_write(tmp_path: pathlib.Path) -> None:
    prefix = without_override()
    (tmp_path / "data").mkdir(mode=0o555)
    (found,) = elsewhere("places.data", tmp_path / "runs", prefix)
    assert (found.state, f"{tmp_path}/data cannot be written" in found.says) == (State.WARNING, True)
    (tmp_path / "data").chmod(0o755)
    assert one(places.data, asked(tmp_path / "runs")).state is State.OK


def test_a_disk_without_room_for_files(tmp_path: pathlib.Path) -> None:
    prefix = with_mounts(f"mount -t tmpfs -o size=4g,nr_inodes=50 none '{tmp_path}'")
    disk = elsewhere("places.disk", tmp_path, prefix)[0]
    assert (disk.state, disk.says.partition(",")[2]) == (State.WARNING, " but only for 49 files")
