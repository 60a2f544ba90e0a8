"""What a study is for, in its author's words."""

import itertools
import pathlib


def purpose(folder: pathlib.Path) -> str:
    """The comment at the head of the study file in a study's folder; empty without one."""
    path = folder / "study.yaml"
    return head_comment(path.read_text(encoding="utf-8")) if path.exists() else ""


def head_comment(text: str) -> str:
    """The comment at the head of a study file, as one line; empty without one."""
    head = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.lstrip("# ") for line in head).strip()
