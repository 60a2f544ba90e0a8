"""Code of a user's own: found, told by its digest, run once, and known only while it is active."""

import pathlib
import sys
from collections.abc import Iterator

import pytest

from core import extensions
from core.configuration import Extension
from core.mistakes import ExtensionError
from tests.extensions import write

COUNTS = "import builtins\nbuiltins.runs_of_extensions = getattr(builtins, 'runs_of_extensions', 0) + 1\nVALUE = {}\n"


@pytest.fixture(autouse=True)
def _nothing_stays_active() -> Iterator[None]:
    yield
    extensions.activate(())


def values(name: str = "VALUE") -> list[object]:
    return [each.value for each in extensions.constants(name)]


def load(path: pathlib.Path) -> Extension:
    return extensions.load(extensions.find(str(path), path.parent))


def test_a_file_is_run_once_and_known_while_it_is_active(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, "counted_once.py", COUNTS.format(1))
    import builtins

    before = getattr(builtins, "runs_of_extensions", 0)
    identity = load(path)
    assert load(path) == identity
    assert builtins.runs_of_extensions == before + 1  # type: ignore[attr-defined]
    assert values() == []
    extensions.activate([identity])
    assert values() == [1]
    extensions.activate(())
    assert values() == []


def test_two_versions_of_a_file_are_told_apart(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, "two_versions.py", "VALUE = 1\n")
    first = load(path)
    path.write_text("VALUE = 2\n")
    second = load(path)
    assert first.module == second.module
    assert first.sha256 != second.sha256
    for identity, value in ((first, 1), (second, 2), (first, 1)):
        extensions.activate([identity])
        assert values() == [value]
        assert value == sys.modules["two_versions"].VALUE  # type: ignore[attr-defined]


def test_a_package_brings_its_modules_but_no_programs_and_tests(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "a_package/__init__.py", "")
    write(tmp_path, "a_package/inner/__init__.py", "from a_package.inner.deep import VALUE as OTHER\n")
    write(tmp_path, "a_package/inner/deep.py", "from a_package import shared\nVALUE = shared.NUMBER\n")
    write(tmp_path, "a_package/shared.py", "NUMBER = 7\n")
    for name in ("__main__", "conftest", "test_all"):
        write(tmp_path, f"a_package/{name}.py", "raise RuntimeError\n")
    extensions.activate([load(tmp_path / "a_package")])
    assert values() == [7]
    deep = extensions.find("a_package", tmp_path)
    extensions.activate([extensions.load(extensions.Source("a_package.shared", deep.path))])
    assert values() == []
    assert values("NUMBER") == [7]


def test_compiled_and_hidden_files_are_no_part_of_a_package(tmp_path: pathlib.Path) -> None:
    write(tmp_path, "clean_package/__init__.py", "VALUE = 1\n")
    before = extensions.find("clean_package", tmp_path).identity
    write(tmp_path, "clean_package/__pycache__/__init__.cpython-311.pyc", "junk")
    write(tmp_path, "clean_package/.git/config", "junk")
    assert extensions.find("clean_package", tmp_path).identity == before
    write(tmp_path, "clean_package/table.csv", "1")
    assert extensions.find("clean_package", tmp_path).identity != before
    load(tmp_path / "clean_package")
    assert [each.name for each in (tmp_path / "clean_package" / "__pycache__").iterdir()] == [
        "__init__.cpython-311.pyc"  # neither read nor written
    ]


def test_a_study_uses_its_copy_and_never_one_that_was_changed(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, "copied_code.py", "VALUE = 1\n")
    source = extensions.find("copied_code.py", tmp_path)
    copy = extensions.keep(source, tmp_path / "kept")
    assert extensions.keep(source, tmp_path / "kept") == copy
    path.unlink()
    extensions.use([source.identity], tmp_path / "kept")
    assert values() == [1]
    other = extensions.keep(extensions.Source("other_code", write(tmp_path, "other_code.py", "VALUE = 2\n")), tmp_path)
    identity = extensions.Source("other_code", other).identity
    other.write_text("VALUE = 3\n")
    with pytest.raises(ExtensionError, match="its files were changed"):
        extensions.use([identity], tmp_path)
    with pytest.raises(ExtensionError, match="there is no copy of it"):
        extensions.use([Extension("nowhere_at_all", "0" * 64)], tmp_path)


def test_what_ray_has_put_on_the_path_is_found(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "sent_code.py", "VALUE = 5\n")
    identity = extensions.Source("sent_code", path).identity
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    extensions.use([identity], tmp_path / "not there")
    assert values() == [5]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("import numpy\n\nimport not_there\n", 3, "No module named 'not_there'"),
        ("x = 1\ny = (\n", 2, "SyntaxError"),
        ("def f():\n    return 1 / 0\n\n\nf()\n", 2, "division by zero"),
        ("import sys\nsys.exit(3)\n", 2, "ends the program"),
    ],
)
def test_a_file_that_does_not_import_is_one_sentence_with_its_line(
    text: str, line: int, why: str, tmp_path: pathlib.Path
) -> None:
    path = write(tmp_path, "broken_code.py", text)
    with pytest.raises(ExtensionError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert why in str(caught.value)
    assert "broken_code" not in sys.modules


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("gone.py", "there is no file"),
        ("no_such_module_at_all", "neither a file"),
        ("random.py", "is the name of another module"),
        ("numpy.py", "is the name of another module"),
        ("core.py", "is the name of another module"),
        ("my-model.py", "is no name of a module"),
        ("empty/", "has no __init__.py"),
        ("notes.txt/../notes.txt", "is no Python file"),
    ],
)
def test_what_cannot_be_an_extension_is_one_sentence(entry: str, why: str, tmp_path: pathlib.Path) -> None:
    for name in ("random.py", "numpy.py", "core.py", "my-model.py", "notes.txt"):
        write(tmp_path, name, "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExtensionError, match=why):
        extensions.load(extensions.find(entry, tmp_path))
