"""Study files that come with the package: one per experiment of the papers and scale, and the first study."""

import pathlib

SCALES = ("smoke", "recorded", "laptop", "paper")


def files() -> dict[str, pathlib.Path]:
    """Every shipped study file by its name: those without a paper first, then by experiment and scale."""
    here = pathlib.Path(__file__).resolve().parent
    found = {path.stem: path for path in sorted(here.parent.glob("*.yaml"))}
    ordered = sorted(here.glob("*.yaml"), key=lambda path: (path.stem.partition("-")[0], _rank(path.stem), path.stem))
    return found | {path.stem: path for path in ordered}


def scale_of(name: str) -> str | None:
    """How much a shipped study computes, one of `SCALES`; None where its name says nothing of it.

    `recorded` replays what was trained: everything of it, in a minute.
    """
    return next((part for part in name.split("-")[1:] if part in SCALES), None)


def _rank(name: str) -> int:
    scale = scale_of(name)
    return len(SCALES) if scale is None else SCALES.index(scale)
