"""Hyperparameter studies of disentangled representations.

>>> import studies                                                    # doctest: +SKIP
>>> study = studies.launch("studies/quickstart.yaml")                 # doctest: +SKIP
>>> study.best("mig", top=5, where="reconstruction_error < 100")      # doctest: +SKIP
>>> model = study.best("mig")[0].load()                               # doctest: +SKIP
"""

import importlib.util
import os
import pathlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.study import Study, Trial

__all__ = ["Study", "Trial", "launch", "open", "resume"]


def _require_own_packages() -> None:
    """Refuse to go on with a `core`, `trainables` or `analysis` that is somebody else's.

    Raises:
        ImportError: with the folder that hides ours.
    """
    ours = pathlib.Path(__file__).resolve().parents[1]
    if sys.argv[:1] == ["-m"]:  # `python -m studies.cli`, which looks into the current directory first
        sys.path.insert(0, str(ours))
    for name in ("core", "trainables", "analysis"):
        found = importlib.util.find_spec(name)
        origin = pathlib.Path(found.origin).resolve() if found and found.origin else None
        if origin != ours / name / "__init__.py":
            raise ImportError(f"'{name}' is {origin}, which hides {ours / name}: rename it, or start Python elsewhere")


_require_own_packages()


def launch(path_or_spec: Any, **overrides: Any) -> "Study":
    """Run a study to its end and return it; see `studies.service.launch` for the arguments."""
    from studies.service import launch as start

    return start(path_or_spec, **overrides)


def resume(name: str, **overrides: Any) -> "Study":
    """Run what is missing of a study; see `studies.service.resume`."""
    from studies.service import resume as go_on

    return go_on(name, **overrides)


def open(name: str, root: str | os.PathLike[str] = "runs") -> "Study":  # noqa: A001 - the public name
    """A study that was launched before, finished or running."""
    from analysis.study import Study

    return Study(name, root)


def __getattr__(name: str) -> Any:
    """`Study` and `Trial`, imported when they are asked for, so that the command line starts without pandas."""
    if name in ("Study", "Trial"):
        import analysis.study

        return getattr(analysis.study, name)
    raise AttributeError(f"module 'studies' has no attribute '{name}'")
