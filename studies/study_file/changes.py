"""What a command changes in a study file: `--set budget.steps=200`, `--seeds 3`, `--smoke`."""

import copy
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from core.mistakes import StudyError
from studies.study_file.document import Document, plain

SMOKE_STEPS = 20
SMOKE_CONFIGURATIONS = 2


def changed(
    document: Document, settings: Sequence[str] = (), seeds: int | None = None, smoke: bool = False
) -> Document:
    """A study file with other values; `settings` count most, then `seeds`, then `smoke`.

    Args:
        document: as it was read.
        settings: each `KEY=VALUE`, the key with dots between its parts, the value as YAML.
        seeds: trials of every configuration.
        smoke: few steps, one seed, few configurations, under a name of its own.

    Raises:
        StudyError: a setting is no `KEY=VALUE`, its value is no YAML, or its key goes through what is no mapping.
    """
    if not (settings or seeds is not None or smoke):
        return document
    written = copy.deepcopy(document.marks if document.marks is not None else document.data)
    if smoke:
        for key, value in _smoke(document.data).items():
            _put(written, key, value)
    if seeds is not None:
        _put(written, "seeds", seeds)
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            raise StudyError(f"'{setting}' is not KEY=VALUE, such as budget.steps=200")
        try:
            value = YAML(typ="rt").load(text)
        except (YAMLError, ValueError):
            raise StudyError(f"'{text}', of --set {key}, is not valid YAML") from None
        _put(written, key, value)
    text_now = None
    if isinstance(written, CommentedMap):
        stream = io.StringIO()
        YAML(typ="rt").dump(written, stream)
        text_now = stream.getvalue()
    marks = written if isinstance(written, CommentedMap) else None
    return dataclasses.replace(document, data=plain(written), marks=marks, text=text_now)


def _put(written: dict[str, Any], key: str, value: Any) -> None:
    """Set one value; mappings on the way to it are made where there is nothing."""
    *way, last = key.split(".")
    node: Any = written
    for depth, part in enumerate(way, 1):
        if node.get(part) is None:
            node[part] = {}
        node = node[part]
        if not isinstance(node, dict):
            outer = ".".join(way[:depth])
            raise StudyError(f"--set {key}: '{outer}' is {plain(node)!r}, no mapping; give it as a whole: {outer}=…")
    node[last] = value


def _smoke(data: Mapping[str, Any]) -> dict[str, Any]:
    """The whole line in a minute; what cannot be read is left for the checks to tell."""
    values: dict[str, Any] = {"seeds": 1}
    name, budget, search = data.get("name"), data.get("budget"), data.get("search")
    if isinstance(name, str) and not name.endswith("-smoke"):
        values["name"] = f"{name}-smoke"
    if isinstance(budget, dict):
        values["budget.steps"] = _at_most(budget.get("steps"), SMOKE_STEPS)
        values["budget.evaluate_every"] = values["budget.steps"]
    if search is None or isinstance(search, dict):
        values["search.configurations"] = _at_most((search or {}).get("configurations"), SMOKE_CONFIGURATIONS)
    return values


def _at_most(value: Any, most: int) -> int:
    return min(int(value), most) if isinstance(value, int | float) and 1 <= value < most else most
