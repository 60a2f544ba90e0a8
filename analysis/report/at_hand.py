"""What of a study is at hand on this machine: its data set, and the pictures that its trials left."""

from analysis.reading.trial import Trial
from analysis.results import Results
from core.storage import CorruptEntryError, Folder

ENTRY = "pictures"  # of a trial's folder, written when its training ended


def cached(study: Results) -> bool:
    """Whether the data set can be opened here without rendering or downloading anything."""
    import core.data

    try:
        path = core.data.cache_path(study.spec["dataset"], study.stores["data"])
    except core.data.DataError:
        return False
    return path is not None and path.exists()


def stored(trial: Trial) -> dict[str, bytes]:
    """The PNG files that a trial left, by name (`reconstruction`, `traversal`); none when it left none."""
    try:
        files = Folder(trial.checkpoint).read(ENTRY)
    except (CorruptEntryError, OSError):
        return {}
    return {name.removesuffix(".png"): data for name, data in sorted(files.items()) if name.endswith(".png")}


def best_seed(study: Results, configuration: str) -> Trial:
    """The completed trial of a configuration that is best by the first objective."""
    metric, direction = next(iter(study.objectives.items()))
    trials = study.trials()
    own = trials[(trials["configuration"] == configuration) & (trials["state"] == "COMPLETED")]
    best = own.sort_values(metric, ascending=direction == "minimize", kind="stable").iloc[0]
    return study.trial(configuration, int(best["seed"]))
