"""Folders by URI: a local directory, or any file system that pyarrow or fsspec can reach.

Everything that must survive a trial (checkpoints, pictures) is written through a `Folder`, so that a study on a
laptop and one on a cluster with an object store take the same path through the code.
"""

import hashlib
import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Mapping

from pyarrow import fs

from core.files import child_uri

MANIFEST = "manifest.json"


class CorruptEntryError(Exception):
    """A stored entry lacks a file or holds other bytes than its manifest says."""


class Folder:
    """A place that holds entries; an entry is a small set of files that appears whole or not at all.

    A local entry is written under a temporary name and renamed. An object store cannot rename, so there the manifest
    (sizes and SHA-256 of every file) is written last; an entry without a matching manifest does not count.
    """

    def __init__(self, uri: str | os.PathLike[str]) -> None:
        text = os.fspath(uri)
        if "://" not in text:
            text = str(pathlib.Path(text).resolve())
        self.uri = text
        self._filesystem, self._base = fs.FileSystem.from_uri(text)

    @property
    def local(self) -> pathlib.Path | None:
        """The directory, when the folder is on this machine's file system."""
        return pathlib.Path(self._base) if isinstance(self._filesystem, fs.LocalFileSystem) else None

    def child(self, name: str) -> "Folder":
        """The folder `name` inside this one; a name never climbs out."""
        if not name or name in (".", "..") or "/" in name or "\\" in name:
            raise ValueError(f"'{name}' is not a folder name")
        return Folder(child_uri(self.uri, name))

    def entries(self) -> list[str]:
        """Names of the entries, sorted; unfinished ones (temporary names) are left out."""
        selector = fs.FileSelector(self._base, allow_not_found=True)
        names = (info.base_name for info in self._filesystem.get_file_info(selector))
        return sorted(name for name in names if not name.startswith("."))

    def write(self, name: str, files: Mapping[str, bytes]) -> None:
        """Write an entry, replacing one of the same name.

        Raises:
            OSError: the disk is full or the store cannot be reached; nothing half-made is left.
        """
        manifest = {file: _fingerprint(data) for file, data in files.items()}
        whole = {**files, MANIFEST: json.dumps(manifest, sort_keys=True).encode()}
        if self.local is None:
            self._filesystem.create_dir(f"{self._base}/{name}", recursive=True)
            for file, data in whole.items():
                with self._filesystem.open_output_stream(f"{self._base}/{name}/{file}") as stream:
                    stream.write(data)
            return
        self.local.mkdir(parents=True, exist_ok=True)
        temporary = self.local / f".{name}.{uuid.uuid4().hex}"
        try:
            temporary.mkdir()
            for file, data in whole.items():
                with (temporary / file).open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
            target = self.local / name
            if target.exists():
                shutil.rmtree(target)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def read(self, name: str) -> dict[str, bytes]:
        """All files of an entry, checked against its manifest.

        Raises:
            CorruptEntryError: a file is missing, truncated or altered.
        """
        try:
            manifest = json.loads(self._read_file(f"{name}/{MANIFEST}"))
            files = {file: self._read_file(f"{name}/{file}") for file in manifest}
        except (OSError, ValueError) as error:
            raise CorruptEntryError(f"{self.uri}: entry '{name}' cannot be read: {error}") from error
        for file, data in files.items():
            if _fingerprint(data) != manifest[file]:
                raise CorruptEntryError(f"{self.uri}: '{name}/{file}' does not hold the bytes that were written")
        return files

    def delete(self, name: str) -> None:
        """Remove an entry; one that is not there is no error."""
        try:
            self._filesystem.delete_dir(f"{self._base}/{name}")
        except FileNotFoundError:
            return

    def _read_file(self, path: str) -> bytes:
        with self._filesystem.open_input_stream(f"{self._base}/{path}") as stream:
            return bytes(stream.read())


def _fingerprint(data: bytes) -> dict[str, object]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
