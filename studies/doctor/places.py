"""Directories that a study writes to: the root, data, the temporary directory, HOME."""

import contextlib
import datetime
import fcntl
import os
import pathlib
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from core.mistakes import StudyError
from studies.cluster.temporary import LONGEST, temporary_folder
from studies.doctor.finding import Asked, Finding, fault, ok, warning

NEARLY_FULL = 1_000_000_000  # bytes
SOMETHING = bytes(65536)  # takes room on a disk
FEW_FILES = 10_000
SKEW = 2.0  # seconds
TRY_LOCK = """
import fcntl, sys
with open(sys.argv[1], "rb") as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(3)
"""
HELD = 3  # how that ends when another process has the lock


def root(asked: Asked) -> Iterator[Finding]:
    """The root can be written, and a lock that one process holds there keeps another one out.

    The lock is that of `flock`, on which `filelock` builds; on network file systems it may be missing or local.
    """
    place, fix = existing(asked.root), "give a directory with --root that you may write"
    try:
        with file_in(place) as file:
            yield ok("root", f"{asked.root} can be written")
            yield _locks(file)
    except OSError as error:
        yield fault("root", f"{place} cannot be written: {error.strerror}", fix)


def _locks(file: pathlib.Path) -> Finding:
    """Whether another process can take a lock that this one holds."""
    fix = "give a directory with --root on a file system with locks: a local disk, or NFS without the option nolock"
    with file.open("rb+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return fault("locks", f"no file can be locked in {file.parent}: {error.strerror}", fix)
        other = subprocess.run([sys.executable, "-I", "-S", "-c", TRY_LOCK, file], capture_output=True, check=False)
    if other.returncode not in (0, HELD):
        said = other.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return fault("locks", f"a second process cannot lock a file in {file.parent}: {said}", fix)
    if other.returncode == 0:
        return fault("locks", f"two processes can hold the same lock in {file.parent}", fix)
    return ok("locks", f"a lock in {file.parent} keeps a second process out")


def disk(asked: Asked) -> Iterator[Finding]:
    """Room for checkpoints under the root, and for caches of data sets."""
    yield from _space("disk of the root", asked.root, "delete old studies, or give another --root")
    yield from _space("disk of data", pathlib.Path(asked.stores.data), "delete old caches, or give another --data")


def data(asked: Asked) -> Iterator[Finding]:
    """Data sets are rendered into the directory of data, unless they are there."""
    place = existing(pathlib.Path(asked.stores.data))
    if os.access(place, os.W_OK | os.X_OK):
        yield ok("data", f"{asked.stores.data} can be written")
    else:
        fix = "give another directory with --data, unless it holds every data set that you need"
        yield warning("data", f"{place} cannot be written, so that no data set can be rendered there", fix)


def clock(asked: Asked) -> Iterator[Finding]:
    """The file system of the root has this machine's time: what is newest is told by it."""
    with contextlib.suppress(OSError), file_in(existing(asked.root)) as file:
        behind = time.time() - file.stat().st_mtime
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        if abs(behind) > SKEW:
            text = f"it is {now}, and the file system of {asked.root} is {abs(behind):.0f} s {side(-behind)}"
            yield warning("clock", text, "set both clocks by NTP")
        else:
            yield ok("clock", f"it is {now}, as for the file system of {asked.root}")


def side(seconds: float) -> str:
    """On which side of another clock one is."""
    return "ahead" if seconds > 0 else "behind"


def temporary(_: Asked) -> Iterator[Finding]:
    """Ray's sockets and logs on this machine: their usual directory can be used, and its disk has room.

    Ray does not notice a full disk before it has waited in vain for its own processes.
    """
    check, fix = "temporary directory", "set TMPDIR to a directory of your own, with a short path"
    usual = pathlib.Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp") / "ray"
    try:
        folder = temporary_folder()
    except StudyError as error:
        yield fault(check, str(error), fix)
        return
    refused = _refusal(folder)
    if refused is not None:
        yield fault(check, f"{folder} cannot be written: {refused.strerror}", fix)
    elif folder != usual:
        long = len(os.fsencode(usual)) > LONGEST
        why = "has a name that is too long for sockets" if long else f"of {_owner(existing(usual))} cannot be used"
        yield warning(check, f"{usual} {why}; Ray uses {folder}", fix)
    else:
        yield ok(check, f"{folder} can be written")
    yield from _space("disk of temporary files", folder, f"delete old sessions in {folder}, or set TMPDIR elsewhere")


def home(_: Asked) -> Iterator[Finding]:
    """Libraries keep their caches in HOME."""
    fix = "set HOME to a directory that you may write"
    try:
        place = pathlib.Path.home()
    except RuntimeError:
        yield warning("HOME", f"user {os.getuid()} has no home directory", fix)
        return
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        yield ok("HOME", f"{place} can be written")
    else:
        text = f"{place} cannot be written; libraries that keep caches there make them anew each time"
        yield warning("HOME", text, fix)


@contextlib.contextmanager
def file_in(place: pathlib.Path) -> Iterator[pathlib.Path]:
    """A new file in a directory, for a while.

    Raises:
        OSError: nothing can be written there.
    """
    with tempfile.NamedTemporaryFile(prefix=".doctor-", dir=place) as file:
        file.write(SOMETHING)
        file.flush()
        yield pathlib.Path(file.name)


def _refusal(place: pathlib.Path) -> OSError | None:
    """Why nothing can be written in a directory; None if something can."""
    try:
        with file_in(place):
            return None
    except OSError as error:
        return error


def existing(place: pathlib.Path) -> pathlib.Path:
    """A place, or the nearest one above it that exists, as far as this user can see."""
    return next((each for each in (place, *place.parents) if os.path.exists(each)), place)  # noqa: PTH110 - never raises


def _space(check: str, place: pathlib.Path, fix: str) -> Iterator[Finding]:
    """Warn where a disk is nearly full, of bytes or of files."""
    disk = os.statvfs(existing(place))
    free = disk.f_bavail * disk.f_frsize
    text = f"{free / 1e9:.1f} GB are free in {existing(place)}"
    if free < NEARLY_FULL:
        yield warning(check, text, fix)
    elif disk.f_files and disk.f_favail < FEW_FILES:
        yield warning(check, f"{text}, but only for {disk.f_favail} files", fix)
    else:
        yield ok(check, text)


def _owner(place: pathlib.Path) -> str:
    try:
        return pwd.getpwuid(place.stat().st_uid).pw_name
    except KeyError:
        return f"user {place.stat().st_uid}"
