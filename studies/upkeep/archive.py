"""Put a study aside in one file, from which it can be taken up again."""

import pathlib
import shlex
import tarfile

from core.files import redact
from core.mistakes import StudyError
from studies.record.folder import Record
from studies.upkeep.delete import remove_folder
from studies.upkeep.plan import Plan, Step
from studies.upkeep.stores import hide_experiment, trials_elsewhere

OF_A_DRIVER = (".lock", ".driver")


def archiving(record: Record, target: pathlib.Path | None = None, *, keep_mlflow: bool = False) -> Plan:
    """Plan to pack a study into `target` (default `<root>/<name>.tar.gz`), and to take it from its root.

    Raises:
        StudyError: the file exists or cannot be written, or MLflow cannot be reached.
    """
    folder = record.folder
    file = (target or folder.root / f"{folder.name}.tar.gz").expanduser().absolute()
    if file.exists():
        raise StudyError(f"{file} exists already; give another --to")
    if file.is_relative_to(folder.path):
        raise StudyError(f"{file} is inside of the study; give another --to")

    def act() -> None:
        try:
            _pack(folder.path, file)
        except OSError as error:
            raise StudyError(f"{file} cannot be written: {error.strerror or error}") from None

    pack = Step(f"pack {folder.path} into {file}", act)
    hidden = [] if keep_mlflow else hide_experiment(record)
    back = shlex.join(["tar", "-xf", str(file), "-C", str(folder.root)])
    afterwards = [f"`{back}` and `studies resume {folder.name}` bring it back"]
    elsewhere = trials_elsewhere(record)
    if elsewhere is not None:
        afterwards.append(f"its checkpoints stay in {redact(elsewhere.uri)}")
    return Plan(folder, [pack, *hidden, remove_folder(folder)], afterwards)


def _pack(folder: pathlib.Path, file: pathlib.Path) -> None:
    """Write the archive, read it again, and only then give it its name."""
    part = file.with_name(f".{file.name}.part")
    try:
        with tarfile.open(part, "w:gz", compresslevel=1) as archive:
            archive.add(folder, folder.name, filter=lambda info: None if _leave_out(info) else info)
        with tarfile.open(part, "r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                while stream is not None and stream.read(1 << 24):
                    pass
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _leave_out(info: tarfile.TarInfo) -> bool:
    return info.name.count("/") == 1 and pathlib.PurePosixPath(info.name).name in OF_A_DRIVER
