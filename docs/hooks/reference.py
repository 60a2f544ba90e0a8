"""Pages of the reference that are made from the code while the site is built, so that they cannot be wrong."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

import core.data
import core.metrics
import trainables
from core.data import sets
from core.formulas.costs import COSTS
from studies.cli.app import COMMANDS, app
from studies.reference.schema import ABOUT, schema
from studies.study_file.spec import Budget, EarlyStop, Resources, Search, Seeds
from trainables.hyperparameters import Hyperparameters

SECTIONS = {"search": Search, "seeds": Seeds, "early_stop": EarlyStop, "budget": Budget, "resources": Resources}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to the site."""
    pages = {
        "reference/study-file.md": study_file(),
        "reference/models.md": models(),
        "reference/metrics.md": metrics(),
        "reference/data-sets.md": data_sets(),
        "reference/commands.md": commands(),
        "study.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table."""

    def line(cells: list[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)]) + "\n"


def study_file() -> str:
    """Every key of a study file."""
    parts = [
        "# Study file",
        "A study file is YAML. `studies validate FILE` reports every mistake at once, with its line; editors complete "
        "and check it by the [JSON Schema](../study.schema.json), which `studies schema` prints too:",
        "```yaml\n# yaml-language-server: $schema=study.schema.json\nname: my-study\n```",
        "`name`, `dataset`, `models` and `budget: {steps: …}` are enough. Keys that begin with `x-` are yours, for "
        "anchors and notes.",
        table(["key", "meaning"], [[f"`{key}`", _about(key)] for key in schema()["properties"]]),
        "## Hyperparameters\n\nA hyperparameter of a model, also in `defaults`, is a value (`beta: 4`), choices "
        "(`beta: [1, 4, 16]`), or a range (`beta: {log: [1, 16]}`, or `uniform`; with `num: 5` for a grid).",
        "## Costs\n\nThey may stand wherever a result may; so may every hyperparameter that is a number, 0 for "
        "models that have none of its name.\n",
        table(["cost", "meaning"], [[f"`{name}`", text] for name, text in COSTS.items()]),
    ]
    for key, kind in SECTIONS.items():
        parts += [f"## `{key}`", inspect.cleandoc(kind.__doc__ or ""), _fields(kind)]
    return "\n\n".join(parts)


def _about(key: str) -> str:
    return ABOUT.get(key) or f"see [below](#{key})" if key in SECTIONS or key in ABOUT else "requests of metrics"


def _fields(kind: type[BaseModel]) -> str:
    rows = []
    for name, field in kind.model_fields.items():
        default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)}`"
        rows.append([f"`{name}`", default, field.description or ""])
    return table(["field", "default", ""], rows)


def models() -> str:
    """Every model, its loss, and its hyperparameters."""
    parts = ["# Models", "What all of them have:", _hyperparameters(Hyperparameters, ())]
    shared = set(Hyperparameters.model_fields)
    for name in trainables.names():
        found = trainables.get(name)
        if not found.learns:
            continue
        about = inspect.cleandoc(importlib.import_module(found.__module__).__doc__ or "")
        parts += [
            f"## {found.title} {{ #{name} }}",
            f"`{name}`",
            about,
            _hyperparameters(found.Hyperparameters, shared),
        ]
    return "\n\n".join(parts)


def _hyperparameters(kind: type[Hyperparameters], without: Any) -> str:
    rows = []
    for name, field in kind.model_fields.items():
        if name in without and field.default == Hyperparameters.model_fields[name].default:
            continue
        extra: Any = field.json_schema_extra or {}
        rows.append(
            [f"`{name}`", extra.get("symbol", ""), f"`{field.default}`", field.description, extra.get("source", "")]
        )
    return table(["hyperparameter", "symbol", "default", "meaning", "source"], rows)


def metrics() -> str:
    """Every metric, its results and protocols."""
    parts = [
        "# Metrics",
        "A request is a name (`mig`) or a name with a protocol (`factor_vae_score/fast`); results carry the protocol "
        "where it is not the first. [Protocols](../science.md#protocols) says how they differ from the papers.",
    ]
    for name in core.metrics.names():
        metric = core.metrics.get(name)
        rows = []
        for key, direction in metric.directions.items():
            scale = metric.scales.get(key)
            rows.append([f"`{key}`", direction or "neither", scale.text if scale else ""])
        protocols = [
            [f"`{protocol}`", ", ".join(f"{key} {value}" for key, value in each.settings.items()), each.version]
            for protocol, each in metric.protocols.items()
        ]
        needs = "Needs ground-truth factors. " if metric.needs_factors else ""
        parts += [
            f"## `{name}`",
            f"{needs}Source: {metric.source}.",
            table(["result", "better", "values"], rows),
            table(["protocol", "settings", "version"], protocols),
        ]
    return "\n\n".join(parts)


def data_sets() -> str:
    """Every data set that has a name."""
    rows = []
    for name in core.data.names():
        rows.append([f"`{name}`", *_described(name)])
    return "\n\n".join(
        [
            "# Data sets",
            "`studies data check NAME` says which files of the authors belong where, `studies data show NAME` what the "
            "images look like. A mapping takes a part of a set: `dataset: {name: dsprites, factors: [shape, posX], "
            "fix: {scale: 5}}`. Images of your own need no name: see [your own images](../how-to/own-data.md).",
            table(["name", "images", "shape", "factors"], rows),
            "\n\n".join(f"## {family}\n\n{about}" for family, about in _families()),
        ]
    )


def _described(name: str) -> list[str]:
    try:
        info = core.data.describe(name)
    except core.data.DataError:
        return ["its authors' files", "", ""]
    factors = ", ".join(f"{factor} {size}" for factor, size in zip(info.factor_names, info.factor_sizes, strict=True))
    return [f"{info.num_images:,}", "×".join(map(str, info.image_shape)), factors]


def _families() -> Iterator[tuple[str, str]]:
    """What each module of a data set says of itself."""
    for module in pkgutil.iter_modules(sets.__path__):
        yield module.name, inspect.cleandoc(importlib.import_module(f"{sets.__name__}.{module.name}").__doc__ or "")


def commands() -> str:
    """Every command with its options."""
    parts = [
        "# Commands",
        "`studies -h` lists them; exit codes: 0 done, 1 the study ended with failed trials or without "
        "having delivered everything, 2 a user's mistake, 130 interrupted.",
    ]
    group: Any = typer.main.get_command(app)
    examples = {name: example for panel in COMMANDS.values() for name, _, example in panel}
    for panel in COMMANDS:
        parts.append(f"## {panel}")
        parts += [_command(f"studies {name}", group.commands[name], examples[name]) for name, _, _ in COMMANDS[panel]]
    for name in sorted(set(group.commands) - set(examples)):
        parts.append(f"## studies {name}")
        for inner, command in group.commands[name].commands.items():
            parts.append(_command(f"studies {name} {inner}", command, ""))
    return "\n\n".join(parts)


def _command(called: str, command: Any, example: str) -> str:
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        option = parameter.param_type_name == "option"
        names = parameter.opts + parameter.secondary_opts if option else [parameter.name.upper()]
        rows.append([", ".join(f"`{each}`" for each in names), getattr(parameter, "help", "") or ""])
    shown = f"```\n{example}\n```\n\n" if example else ""
    return f"### {called}\n\n{inspect.cleandoc(command.help or '')}\n\n{shown}" + (
        table(["", ""], rows) if rows else ""
    )
