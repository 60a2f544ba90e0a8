"""The code of a user's own that a study runs: the copies in its folder, and what they are compared with."""

import pathlib
from collections.abc import Mapping
from typing import Literal

from core import extensions
from core.extensions import Source
from core.mistakes import ExtensionError, StudyError
from core.record.events import CodeChanged
from core.record.journal import Journal
from studies.record.folder import Record
from studies.study_file.own_code import read_extensions
from studies.study_file.spec import OwnCode, StudySpec

Decision = Literal["ask", "accept", "keep"]


def use(record: Record) -> None:
    """Have a study's code known in this process, from its copies.

    Raises:
        ExtensionError: a copy is missing or not what it was.
    """
    extensions.use([each.identity for each in record.spec.extensions], record.folder.code)


def settle(record: Record, decision: Decision) -> Record:
    """Say which code a study goes on with: that of its copies, unless files have changed and the user accepts it.

    Args:
        record: of a study that nobody drives.
        decision: on code that has changed: refuse it, take it, or go on with the study's copies.

    Raises:
        StudyError: it has changed, and nobody said what to do.
        ExtensionError: it has, was accepted, and cannot be run.
    """
    changed = changes(record.spec)
    if not changed or decision == "keep":
        return record
    if decision == "ask":
        raise StudyError(refusal(record.folder.name, changed))
    with record.folder.driving():
        return _accept(record.folder.adopt(record))


def changes(spec: StudySpec) -> dict[str, Source]:
    """The extensions whose files are no more what the study was launched with, by module; what is gone is unchanged."""
    sources = {each.module: (each.identity, each.at_source()) for each in spec.extensions}
    return {module: now for module, (then, now) in sources.items() if now is not None and now.identity != then}


def refusal(name: str, changed: Mapping[str, Source]) -> str:
    """Why a study does not go on."""
    files = ", ".join(str(source.path) for source in changed.values())
    return (
        f"the code of study '{name}' has changed since it was launched: {files}; "
        f"`studies resume {name} --accept-changed-code` goes on with it as it is now, `--keep-code` with the copy"
    )


def _accept(record: Record) -> Record:
    """Run the code as it is now, keep copies of it beside the earlier ones, and note the change."""
    changed, before = changes(record.spec), {each.module: each for each in record.spec.extensions}
    entries = [
        {"module": name, "source": str(changed[name].path if name in changed else _copy(record, each))}
        for name, each in before.items()
    ]
    found, problems = read_extensions({"extensions": entries})
    if problems:
        raise ExtensionError("; ".join(problem.message for problem in problems))
    codes = [
        _with_points(each, before[each.module]) if each.module in changed else before[each.module] for each in found
    ]
    spec = record.spec.model_copy(update={"extensions": codes})
    record.folder.keep_code(spec)
    note = ", ".join(
        f"{each.module}: {before[each.module].sha256[:12]} → {each.sha256[:12]}"
        for each in codes
        if each.module in changed
    )
    record = record.folder.revise(record, spec, f"changed code accepted, {note}")
    journal = Journal(record.folder.path)
    journal.write(CodeChanged({each.module: each.sha256 for each in codes}))
    journal.close()
    return record


def _copy(record: Record, code: OwnCode) -> pathlib.Path:
    return extensions.copy_of(code.identity, record.folder.code)


def _with_points(code: OwnCode, before: OwnCode) -> OwnCode:
    models = {name: before.models.get(name, own) for name, own in code.models.items()}
    return code.model_copy(update={"models": models})
