"""What a study is for, in its author's words."""

import itertools
import pathlib


def purpose(folder: pathlib.Path) -> str:
    """The comment at the head of the study file in a study's folder; empty without one."""
    path = folder / "study.yaml"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    head = itertools.takewhile(lambda line: line.startswith("#"), lines)
    return " ".join(line.lstrip("# ") for line in head).strip()
