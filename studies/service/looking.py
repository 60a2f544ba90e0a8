"""How a study stands, and how everything stands that a launch would meet."""

import dataclasses
import os
import pathlib
from typing import Any

from core.record.history import History
from studies.doctor import examine as checks
from studies.doctor.finding import Asked, Finding
from studies.record.folder import StudyFolder, default_stores
from studies.record.standing import standing
from studies.service.driving import ROOT


def status(name: str, *, root: str | os.PathLike[str] = ROOT) -> dict[str, Any]:
    """How far a study is: trials by state, best, front and likely gain, hours spent and left, and who drives it."""
    record = StudyFolder(root, name).open()
    history = History.read(record.folder.path)
    pid = record.folder.driver()
    now = standing(record.spec, history)
    counts = dict(now.counts)
    if pid is None:
        counts["PENDING"] += counts.pop("RUNNING")
        counts["RUNNING"] = 0
    counts["PENDING"] += max(0, now.planned - sum(counts.values()))
    return {
        "study": name,
        "state": now.state(pid is not None),
        "planned": now.planned,
        **{key.lower(): value for key, value in counts.items()},
        "driver": pid,
        "best": {
            objective: {
                "value": best.value,
                "model": best.configuration.model,
                "configuration": best.configuration.hash,
                "n": best.seeds,
            }
            for objective, best in now.best.items()
        },
        "front": now.front,
        "gain": None if now.gain is None else dataclasses.asdict(now.gain),
        "share_done": now.share_done,
        "hours": now.seconds / 3600,
        "hours_left": None if now.seconds_left is None else now.seconds_left / 3600,
        "steps": record.spec.budget.steps,
        "running_trials": [
            {
                "trial": trial.identity,
                "model": history.configurations[trial.configuration].configuration.model,
                "step": history.progress(trial).step,
            }
            for trial in history.trials()
            if trial.state == "RUNNING" and pid is not None
        ],
    }


def examine(
    *,
    root: str | os.PathLike[str] = ROOT,
    address: str | None = None,
    tracking_uri: str | None = None,
    storage: str | None = None,
    data_root: str | None = None,
) -> list[Finding]:
    """How everything stands that a launch with these arguments would meet; nothing is made."""
    place = pathlib.Path(root).expanduser().resolve()
    stores = default_stores(place, "doctor", tracking=tracking_uri, storage=storage, data=data_root)
    return list(checks.examine(Asked(place, stores, address)))
