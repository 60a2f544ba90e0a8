"""Where Ray on this machine keeps sockets and logs: a short path that is this user's own."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

import psutil

from core.mistakes import StudyError

MARK = ".studies"  # of a session that we started; whoever drives it holds its lock
LONGEST = 40  # bytes; the names of Ray's sockets below it are up to 66 long, and a socket's path at most 107


def temporary_folder() -> pathlib.Path:
    """Ray's own default (`$RAY_TMPDIR`, `$TMPDIR` or `/tmp`), or another one where that is too long or somebody else's.

    Raises:
        StudyError: there is none.
    """
    tried = list(_candidates())
    found = next((folder for folder in tried if _usable(folder)), None)
    if found is None:
        raise StudyError(
            f"Ray can keep its sockets nowhere (tried {', '.join(map(str, tried))}): set RAY_TMPDIR to a directory of "
            f"at most {LONGEST - len('/ray')} characters that you can write to"
        )
    return found


def _candidates() -> Iterator[pathlib.Path]:
    given = (os.environ.get(name) for name in ("RAY_TMPDIR", "TMPDIR"))
    places = dict.fromkeys((*given, "/tmp", os.environ.get("XDG_RUNTIME_DIR"), "/var/tmp", "/dev/shm"))
    for place in filter(None, places):
        yield pathlib.Path(place) / "ray"
        yield pathlib.Path(place) / f"ray-{os.geteuid()}"


def _usable(folder: pathlib.Path) -> bool:
    """Whether it is short, and exists or can be made as a directory of this user's own."""
    if len(os.fsencode(folder)) > LONGEST or not folder.is_absolute():
        return False
    try:
        folder.mkdir(exist_ok=True)
        return folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


@contextlib.contextmanager
def marked(session: pathlib.Path) -> Iterator[None]:
    """Mark a session's folder of Ray as ours, and as in use while the context lasts."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a folder that is not marked is not cleared away, and no more
            mark = stack.enter_context((session / MARK).open("w"))
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def ended_sessions() -> Iterator[pathlib.Path]:
    """Folders of Ray's sessions that we started, and that no process uses any more."""
    found = [path.parent for folder in _candidates() for path in folder.glob(f"session_*/{MARK}")]
    ended = [session for session in dict.fromkeys(found) if not session.is_symlink() and _has_ended(session)]
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    yield from (session for session in ended if not any(session.name in command for command in commands))


def _has_ended(session: pathlib.Path) -> bool:
    """Whether it is this user's, and its driver's lock has fallen."""
    try:
        with (session / MARK).open("r+b") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return session.stat().st_uid == os.geteuid()
    except OSError:
        return False
