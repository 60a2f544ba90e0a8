"""Small things about files and URIs."""

import os
import pathlib
import re


def child_uri(uri: str, *names: str) -> str:
    """The URI of a place inside another one; a query (`?…`) of a remote store stays behind the path."""
    path, question, query = uri.partition("?") if "://" in uri else (uri, "", "")
    return "/".join([path.rstrip("/"), *names]) + question + query


def write_whole(path: pathlib.Path, content: str | bytes, *, private: bool = False, durable: bool = False) -> None:
    """Write a file that is seen whole or as it was before.

    Args:
        path: of the file.
        content: text as UTF-8, or bytes.
        private: its owner alone may read it.
        durable: it is on the disk when this returns, which takes milliseconds.

    Raises:
        OSError: the disk is full or cannot be written; nothing half-made is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if private:
            temporary.touch(mode=0o600)
        with temporary.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def redact(uri: str) -> str:
    """A URI without the password in it, be it before the host or among the options."""
    hidden = re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", uri)
    return re.sub(r"([?&][^=&\s]*(?:password|secret|token|key)[^=&\s]*=)[^&\s]*", r"\1***", hidden, flags=re.IGNORECASE)
