"""What a user hears while no trial starts: Ray itself would wait for ever without a word."""

import pathlib
import re
import time
from collections.abc import Callable

_ERROR = re.compile(r"^\S*(?:Error|Exception|error):.*$", re.MULTILINE)  # as Python and shells end
PATIENCE = 60.0  # seconds without a start, to the first word and between two


class StartWatch:
    """Says why no trial has started yet.

    Args:
        say: a message for the user.
        clock: in seconds.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._began = self._spoke = clock()
        self._waiting = True

    def started(self) -> None:
        """A trial has started; nothing more is said."""
        self._waiting = False

    def look(self) -> None:
        """Called often."""
        now = self._clock()
        if self._waiting and now - self._spoke >= PATIENCE:
            self._spoke = now
            self._say(f"no trial has started for {now - self._began:.0f} s: {why_nothing_starts()}")


def why_nothing_starts() -> str:
    """Ray's own reason: there is no room, or what a worker process of this machine said last."""
    import ray
    from ray.util import placement_group_table

    waiting = [group for group in placement_group_table().values() if group["state"] == "PENDING"]
    if waiting:
        wanted = " and ".join(str(bundle) for bundle in waiting[0]["bundles"].values())
        free = {key: value for key, value in ray.available_resources().items() if key in ("CPU", "GPU")}
        reason = waiting[0]["stats"]["scheduling_state"].lower().replace("_", " ")
        return f"a trial needs {wanted}, free are {free} (Ray: {reason})"
    context = ray.get_runtime_context()
    logs = pathlib.Path(context.get_temp_dir(), context.get_session_name(), "logs")
    said = last_words(logs)
    reason = f"no worker process of Ray comes up ({said})" if said else "no worker process of Ray is ready yet"
    return f"{reason}; Ray's logs are in {logs}"


def last_words(logs: pathlib.Path) -> str:
    """The last error that a worker process printed, before it was known to Ray or after."""
    files = [
        file for pattern in ("raylet.err", "worker-*.err", "runtime_env_setup-*.log") for file in logs.glob(pattern)
    ]
    for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True):
        errors = _ERROR.findall(file.read_text(encoding="utf-8", errors="replace"))
        if errors:
            return str(errors[-1])[:500]
    return ""
