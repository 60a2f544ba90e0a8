"""The house: four floors, rooms on each, and imports that go down only; inside functions and for types alike."""

import ast
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

# From the bottom up. Rooms of one line know nothing of each other; a room imports only what stands on lines before it.
FLOORS = ("core", "trainables", "analysis", "studies")
ROOMS = {
    "core": (
        ("", "files", "papers", "pareto", "configuration", "runtime", "machine", "noise", "images"),
        ("mistakes",),
        ("storage", "formulas", "extensions"),
        ("checkpoints", "record", "data"),
        ("networks", "metrics"),
        ("objectives",),
    ),
    "trainables": (
        ("hyperparameters", "images"),
        ("trainable", "representation"),
        ("base", "simulation"),
        ("gaussian", "labels", "evaluation"),
        ("partitioned",),
        ("models",),
        ("contract",),
        ("",),  # the registry
        ("training",),
        ("ray_trainable",),
    ),
    "analysis": (
        ("reading", "statistics"),
        ("results",),
        ("search",),
        ("models",),
        ("figures",),
        ("papers",),
        ("report",),
        ("export", "notebook"),
        ("study",),
        ("",),
    ),
    "studies": (
        ("catalogue",),
        ("study_file",),
        ("record", "testing", "reference"),
        ("search", "cluster"),
        ("delivery",),
        ("drive", "audit", "upkeep", "doctor"),
        ("service", "shown"),
        ("",),
        ("cli",),
        ("__main__",),
    ),
}
WITH_RAY = {"studies.drive.tune", "trainables.ray_trainable"}  # and all of `studies.cluster`
REGISTRIES = {"core/data/sets", "core/metrics/measures", "trainables/models"}
MOST_FILES = 11


def modules() -> dict[str, pathlib.Path]:
    """Files by the name of their module; that of a package is its face's."""
    found = {}
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: pathlib.Path) -> Iterator[str]:
    """Names of all modules that a file imports, at its head, inside of functions, and for types."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert not node.level, f"{path} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


GRAPH = {module: {name for name in imports(path) if name in MODULES} for module, path in MODULES.items()}


def place(module: str) -> tuple[int, int, str]:
    """Floor, line and name of the room that a module is in."""
    floor, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    lines = [number for number, line in enumerate(ROOMS[floor]) if room in line]
    assert lines, f"{module} is in no room of the house"
    return FLOORS.index(floor), lines[0], room


def test_every_import_goes_down() -> None:
    upward = []
    for module, names in GRAPH.items():
        floor, line, room = place(module)
        for name in names:
            floor_of, line_of, room_of = place(name)
            if (floor_of, line_of) >= (floor, line) and (floor_of, room_of) != (floor, room):
                upward.append(f"{module} imports {name}")
    assert upward == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    def reach(module: str) -> set[str]:
        found: set[str] = set()
        left = list(GRAPH[module])
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += GRAPH[name]
        return found

    assert [module for module in GRAPH if module in reach(module)] == []


def test_ray_is_imported_where_it_belongs_and_nowhere_else() -> None:
    known = {module for module, path in MODULES.items() if any(name.split(".")[0] == "ray" for name in imports(path))}
    assert {module for module in known if not module.startswith("studies.cluster.")} == WITH_RAY


def test_a_room_can_be_overlooked() -> None:
    """Registries apart, which have a file for every model, data set and metric."""
    sizes: dict[str, int] = {}
    for path in MODULES.values():
        folder = str(path.parent.relative_to(ROOT))
        sizes[folder] = sizes.get(folder, 0) + (path.name != "__init__.py")
    assert {folder: size for folder, size in sizes.items() if size > MOST_FILES and folder not in REGISTRIES} == {}


@pytest.mark.timeout(60)
def test_all_else_is_imported_without_ray_installed() -> None:
    """A notebook on a machine without Ray imports every model, opens studies, and sees how one runs."""
    names = [
        module
        for module in MODULES
        if module not in {*WITH_RAY, "studies.cluster.idle_core"} and not module.endswith("__main__")
    ]
    code = (
        f"import sys; sys.modules['ray'] = None\nimport importlib\nfor name in {names!r}: importlib.import_module(name)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
