"""Read a study file: YAML with the line of every key, so that a mistake can be pointed at."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from core.extensions import is_path
from core.mistakes import StudyError, close_to
from studies import catalogue

Path = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True)
class Problem:
    """One mistake: where (key path, and line where a file is known) and what to write instead."""

    path: Path
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = ".".join(str(part) for part in self.path)
        return f"{where}: {self.message}" if where else self.message


def sentence(refusal: ErrorDetails) -> str:
    """What pydantic refuses, as `-1 is not possible: it must be greater than 0`.

    Values that do not go together are no fault of a single one, and their class says in its own words what is wrong.
    """
    if not refusal["loc"]:
        return str(refusal["ctx"]["error"])
    text = refusal["msg"].removeprefix("Input ").removeprefix("Value error, ").replace("should be", "must be")
    return f"{refusal['input']!r} is not possible: it {text}"


class StudyFileError(StudyError):
    """All mistakes of one study file."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [f"{source}{f':{problem.line}' if problem.line else ''}: {problem}" for problem in problems]
        super().__init__("\n".join(lines))


@dataclasses.dataclass(frozen=True)
class Document:
    """The mapping in a study file, and what it takes to find a line in it.

    Attributes:
        data: the mapping.
        source: path of the file.
        marks: the mapping with the lines of its keys; None where there is no file.
        text: of the file, as it is or as a command changed it.
    """

    data: dict[str, Any]
    source: str
    marks: CommentedMap | None = None
    text: str | None = None

    @property
    def folder(self) -> pathlib.Path:
        """What paths in it are relative to: the folder of the file, or this directory where there is none."""
        return pathlib.Path.cwd() if self.marks is None else pathlib.Path(self.source).absolute().parent

    def extended(self, extensions: Sequence[str]) -> "Document":
        """With further extensions, whose paths are relative to this directory."""
        here = pathlib.Path.cwd()
        further = [str(here / each) if is_path(each, here) else each for each in extensions]
        written = self.data.get("extensions") or []
        both = [*(written if isinstance(written, list) else [written]), *further]
        return dataclasses.replace(self, data={**self.data, "extensions": both})

    def line(self, path: Path) -> int | None:
        """Line (from 1) of the deepest part of a key path that is in the file."""
        node: Any = self.marks
        line = None
        for part in path:
            try:
                if isinstance(node, CommentedMap):
                    line = node.lc.key(part)[0] + 1
                elif isinstance(node, CommentedSeq):
                    line = node.lc.item(part)[0] + 1
                else:
                    break
                node = node[part]
            except (KeyError, IndexError, TypeError):
                break
        return line

    def fail(self, problems: Sequence[Problem]) -> StudyFileError:
        """The error that reports all problems, in the order of the file."""
        located = [dataclasses.replace(problem, line=self.line(problem.path)) for problem in problems]
        return StudyFileError(self.source, sorted(located, key=lambda problem: problem.line or 0))


def read(path: str | os.PathLike[str]) -> Document:
    """Read a study file, or the shipped one of that name where there is no such file.

    Raises:
        StudyFileError: missing, empty, not YAML (with the line), a key given twice, or not a mapping.
    """
    source = os.fspath(path)

    def refuse(message: str, line: int | None = None) -> StudyFileError:
        return StudyFileError(source, [Problem((), message, line)])

    if not os.path.lexists(source) and source in (shipped := catalogue.files()):
        source = str(shipped[source])
    try:
        text = pathlib.Path(source).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise refuse(f"there is no such study file{_of_the_catalogue(source)}") from None
    except IsADirectoryError:
        raise refuse("this is a directory, not a study file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise refuse(f"the file cannot be read: {error}") from None
    try:
        marks = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refuse(f"not valid YAML: {error.problem or error.context}", mark.line + 1 if mark else None) from None
    except (YAMLError, ValueError) as error:
        raise refuse(f"not valid YAML: {error}") from None
    if marks is None:
        raise refuse("the study file is empty; see studies/quickstart.yaml for an example")
    if not isinstance(marks, CommentedMap):
        raise refuse("a study file is a mapping of keys to values, such as 'name: my-study'", 1)
    return Document(plain(marks), source, marks, text)


def _of_the_catalogue(source: str) -> str:
    """What to write instead of the path of no file, where a shipped study has nearly that name."""
    near = close_to(pathlib.Path(source).name.removesuffix(".yaml"), catalogue.files())
    return f"; a shipped one is called '{near}', and others are in `studies catalogue list`" if near else ""


def from_mapping(data: Any) -> Document:
    """A study given as a dictionary in Python."""
    if not isinstance(data, dict):
        raise StudyError(f"a study is a path to a study file or a mapping, not {type(data).__name__}")
    return Document(data, "study")


def plain(node: Any) -> Any:
    """Round-trip YAML nodes as plain Python values."""
    if isinstance(node, CommentedMap):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node
