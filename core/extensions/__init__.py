"""Code of a user's own: models, metrics, data sets and labellers of a file, a package, or an installed distribution.

    >>> source = find("sparse_vae.py", pathlib.Path("my-repository"))        # doctest: +SKIP
    >>> activate([load(source)])                                             # doctest: +SKIP

What is defined there has the same form as in this repository, and nothing registers itself: the registries look through
the modules of the extensions that are active. One is told by its module and the SHA-256 of its files, so that a process
never takes other code for that of a study. Nothing here runs without being asked for by `load`, `use` or
`load_installed`.
"""

from core.extensions.activity import (
    GROUP,
    Definition,
    activate,
    active,
    active_sources,
    constants,
    definitions,
    generation,
    is_loaded,
    load,
    load_installed,
    use,
    use_for,
)
from core.extensions.source import FOLDER, Source, copy_folder, copy_of, find, is_path, keep

__all__ = [
    "FOLDER",
    "GROUP",
    "Definition",
    "Source",
    "activate",
    "active",
    "active_sources",
    "constants",
    "copy_folder",
    "copy_of",
    "definitions",
    "find",
    "generation",
    "is_loaded",
    "is_path",
    "keep",
    "load",
    "load_installed",
    "use",
    "use_for",
]
