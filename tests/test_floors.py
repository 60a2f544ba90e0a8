"""The four floors: imports go down only, without a cycle, and only the top floor and one wrapper know Ray."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FLOORS = {"core": 0, "trainables": 1, "analysis": 2, "studies": 3}
WITHOUT_RAY = ("core", "analysis", "trainables")
RAY_WRAPPER = "trainables.ray_trainable"


def modules() -> dict[str, pathlib.Path]:
    found = {}
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: pathlib.Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_no_floor_imports_a_floor_above() -> None:
    upward = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imports(path)
        if FLOORS.get(name.split(".")[0], -1) > FLOORS[module.split(".")[0]]
    ]
    assert upward == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    known = modules()
    graph = {module: imports(path, top_level_only=True) & set(known) - {module} for module, path in known.items()}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join([*trail, module])
        if module not in done:
            for name in graph[module]:
                package = name.split(".")[0]
                if name != package:  # a package's face may import its own modules
                    visit(name, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_only_the_wrapper_below_the_top_floor_imports_ray() -> None:
    guilty = [
        module
        for module, path in modules().items()
        if module.split(".")[0] in WITHOUT_RAY and any(name.split(".")[0] == "ray" for name in imports(path))
    ]
    assert guilty == [RAY_WRAPPER]


@pytest.mark.timeout(60)
def test_models_load_and_studies_open_without_ray_installed() -> None:
    """A notebook on a machine without Ray can import every model and every analysis module."""
    names = [
        module
        for module in modules()
        if module.split(".")[0] in WITHOUT_RAY and module != RAY_WRAPPER and not module.endswith("__main__")
    ]
    code = (
        f"import sys; sys.modules['ray'] = None\nimport importlib\nfor name in {names!r}: importlib.import_module(name)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
