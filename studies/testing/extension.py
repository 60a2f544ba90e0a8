"""All contracts of what one extension defines, check by check."""

import dataclasses
import pathlib
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import core.data.registry
import core.metrics.registry
import trainables
from core import extensions
from core.configuration import Extension
from core.mistakes import ExtensionError
from studies.study_file.checks.extensions import check_columns
from studies.study_file.own_code import read_extensions
from studies.testing import datasets, labellers, metrics, models
from studies.testing.contract import Bench, Check, NotApplicable, law
from studies.testing.fake_device import steps_stay_on_the_device
from trainables.labels import labellers as registry_of_labellers

Result = Literal["passed", "failed", "does not apply"]


@dataclasses.dataclass(frozen=True)
class Case:
    """One check of one thing that an extension defines.

    Attributes:
        kind: `model`, `metric`, `data set` or `labeller`.
        name: of it; of a metric with its protocol.
        check: that is run.
        extension: that defines it.
        data: directory of data sets.
        dataset: that models are trained on; None for a small one of sprites.
    """

    kind: str
    name: str
    check: Check
    extension: Extension
    data: pathlib.Path
    dataset: Any = None

    @property
    def law(self) -> str:
        """What it promises."""
        return law(self.check)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.check.__name__}"

    def __call__(self, folder: pathlib.Path) -> None:
        """Run the check in an empty folder.

        Raises:
            AssertionError: the contract is broken, with a sentence.
            NotApplicable: the check is not for this one.
        """
        if extensions.active() != (self.extension,):
            extensions.activate([self.extension])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.check(Bench(self.name, folder, self.data, self.dataset))

    def result(self) -> tuple[Result, str]:
        """How it ended, and why."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                self(pathlib.Path(folder))
            except NotApplicable as reason:
                return "does not apply", str(reason)
            except AssertionError as error:
                return "failed", str(error) or "an assertion does not hold"
            except Exception as error:
                return "failed", f"{type(error).__name__}: {error}"
        return "passed", ""


def cases(
    file: str, base: pathlib.Path, data: pathlib.Path, dataset: Any = None, only: str | None = None
) -> Iterator[Case]:
    """All checks of an extension, which is run and active afterwards.

    Args:
        file: a path relative to `base`, or an importable module.
        base: a folder.
        data: directory of data sets, where small ones are cached.
        dataset: that models are trained on; None for a small one of sprites.
        only: the name of one model, metric, data set or labeller.

    Raises:
        ExtensionError: it cannot be run, or a definition keeps half of its contract.
    """
    found, problems = read_extensions({"extensions": [file]}, base)
    problems += check_columns(found, list(found[0].models)) if found else []
    if problems:
        raise ExtensionError(problems[0].message)
    extension = found[0].identity
    every = _checks(extension)
    for kind, name, check in every:
        if only in (None, name.partition("/")[0]):
            yield Case(kind, name, check, extension, data, dataset)


def _checks(extension: Extension) -> Iterator[tuple[str, str, Check]]:
    for model in trainables.of_extension(extension):
        own = (*models.OF_WHAT_LEARNS, steps_stay_on_the_device) if model.learns else ()
        yield from (("model", model.name, check) for check in (*models.OF_ALL, *own))
    for metric in core.metrics.registry.of_extension(extension):
        yield from (("metric", metric.name, check) for check in metrics.OF_METRICS)
        for protocol in metric.protocols:
            name = f"{metric.name}/{protocol}"
            yield from (("metric", name, check) for check in (*metrics.OF_PROTOCOLS, *metrics.SLOW_OF_PROTOCOLS))
    for name in core.data.registry.of_extension(extension):
        yield from (("data set", name, check) for check in datasets.OF_DATASETS)
    for name in registry_of_labellers.of_extension(extension):
        yield from (("labeller", name, check) for check in labellers.OF_LABELLERS)
