"""The tables of the benchmark, as Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from benchmarks.search.judge import Outcome, quartiles
from benchmarks.search.problems import Problem

Found = Mapping[str, Mapping[str, Sequence[Outcome]]]


def head(known: Iterable[Problem]) -> str:
    about = "\n".join(f"- `{each.name}`: {each.about}" for each in known)
    return (
        "# Search\n\nWhole studies, searched again and again (`python -m benchmarks.search`). Regret: what the "
        "hypervolume of the configurations that a study *recommends* lacks of the best, measured with true values, in "
        "per cent of the best: of the front of the means that it saw, or, where that is said, of the front by expected "
        "values. Median [quartiles] over repetitions. Four trials run at the same time where nothing else is said.\n\n"
        f"{about}\n\nThe first three have known fronts, and seeds that differ by 0.04 in every objective. The curves "
        "were recorded by the service (`trainables/models/recorded/README.md`); their truth is the mean over five "
        "seeds."
    )


def table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def per_cent(values: Sequence[float]) -> str:
    low, middle, high = (100 * value for value in quartiles(values))
    return f"{middle:.1f} [{low:.1f}, {high:.1f}]"


def _each(found: Found, rows: Callable[[str, Mapping[str, Sequence[Outcome]]], list[list[str]]]) -> list[list[str]]:
    return [row for name, settings in found.items() for row in rows(name, settings)]


def samplers(found: Found) -> str:
    def rows(name: str, settings: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
        return [[name, label, *_against(outcomes, settings["random"])] for label, outcomes in settings.items()]

    columns = ["problem", "sampler", *AGAINST]
    return f"40 configurations, one seed each.\n\n{table(_each(found, rows), columns)}"


AGAINST = ("regret, % at 1/4", "at 40 %", "at the end", "as good as random's end after", "seconds")


def _against(outcomes: Sequence[Outcome], random: Sequence[Outcome]) -> list[str]:
    """A search beside random search, at shares of the steps of the latter."""
    budget = float(np.median([each.steps[-1] for each in random]))
    return [
        *(per_cent([1 - each.at(share * budget) for each in outcomes]) for share in (0.25, 0.4, 1.0)),
        _overtakes(outcomes, random),
        f"{np.median([each.seconds for each in outcomes]):.1f}",
    ]


def _overtakes(these: Sequence[Outcome], others: Sequence[Outcome]) -> str:
    """In the median, the share of the others' steps after which these are for good as good as the others at the end."""
    target, budget = (
        float(np.median(each)) for each in zip(*((o.volumes[-1], o.steps[-1]) for o in others), strict=True)
    )
    share = float(np.median([each.steps_to(target) for each in these])) / budget
    return f"{100 * share:.0f} % of the steps" if np.isfinite(share) else "never"


def sizes(found: Found) -> str:
    def rows(name: str, settings: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
        return [
            [name, label, *_against(outcomes, settings[f"random, {label.partition(', ')[2]}"])]
            for label, outcomes in settings.items()
        ]

    return f"One seed each.\n\n{table(_each(found, rows), ['problem', 'search', *AGAINST])}"


ENDING = ("trials", "regret, %", "claimed above the truth, %", "regret by expected values", "claimed above the truth")


def _ending(name: str, label: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Trials, regret, and what is claimed above the truth, at the end; the latter two by expected values too."""
    found = [
        name,
        label,
        f"{np.median([each.trials for each in outcomes]):.0f}",
        per_cent([1 - each.volumes[-1] for each in outcomes]),
        per_cent([each.claimed - each.volumes[-1] for each in outcomes]),
    ]
    if not outcomes[0].expected:
        return [*found, "", ""]
    volumes = [each.expected[1.0] for each in outcomes]
    above = [each.expected_claimed - volume for each, volume in zip(outcomes, volumes, strict=True)]
    return [*found, per_cent([1 - volume for volume in volumes]), per_cent(above)]


def seeds(found: Found) -> str:
    def rows(name: str, settings: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
        return [
            [
                *_ending(name, label, outcomes),
                f"{np.median([each.front for each in outcomes]):.0f}",
                per_cent([each.right for each in outcomes]),
            ]
            for label, outcomes in settings.items()
        ]

    columns = ["problem", "seeds", *ENDING, "on the front", "rightly, %"]
    return (
        "40 configurations by TPE. *Claimed above the truth*: by how much the hypervolume that the study saw exceeds "
        "that of the same configurations' true values. *By expected values*: the same of the front with the luck of "
        'seeds taken out, `study.front(by="expected")`. *Rightly*: share of the front that no other configuration '
        f"tried truly dominates.\n\n{table(_each(found, rows), columns)}"
    )


def stopping(found: Found) -> str:
    def rows(name: str, settings: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
        budget = settings["none"][0].steps[-1]
        whole = settings["none"][0].trials
        return [
            [
                name,
                label,
                f"{np.median([each.trials for each in outcomes]) / whole:.2f}",
                *(per_cent([1 - each.at(share * budget) for each in outcomes]) for share in (0.25, 0.5, 1.0)),
            ]
            for label, outcomes in settings.items()
        ]

    columns = ["problem", "rule", "steps", "regret, % at 1/4 of the steps without a rule", "at 1/2", "at all"]
    return (
        "TPE, one seed each; 40 configurations without a rule, with one as many, up to 80, as the saved steps pay "
        "for. *Control*: share of the trials that would be stopped and are not.\n\n"
        f"{table(_each(found, rows), columns)}"
    )


def defaults(found: Found) -> str:
    def rows(name: str, settings: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
        return [
            [
                *_ending(name, label, outcomes),
                per_cent([1 - each.possible for each in outcomes]),
                *_beside(label, outcomes, settings),
            ]
            for label, outcomes in settings.items()
        ]

    def expecting(name: str, settings: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
        auto = settings["auto, 1 seed"]
        return [
            [name, label, per_cent([1 - each.volumes[-1] for each in outcomes]), *_expected_beside(auto, outcomes)]
            for label, outcomes in settings.items()
            if label.startswith("random")
        ]

    columns = ["problem", "search", *ENDING, "regret of all that was tried", *BESIDE]
    shares = sorted(next(iter(found.values()))["auto, 1 seed"][0].expected)
    after = [text for share in shares for text in (f"steps of auto after {100 * share:.0f} %", "regret, %")]
    return (
        "40 configurations; *auto* is what a study file gets that names no sampler. It stands beside random search: "
        "with `seeds: auto`, or with one seed where that has one. *All that was tried* lacks what no choice "
        "among the configurations could give; the rest of a regret is lost in choosing among them by few seeds.\n\n"
        f"{table(_each(found, rows), columns)}\n\n"
        "What *auto* with one seed each recommends by expected values, beside what random search recommends at its "
        "end: the steps of *auto* are in per cent of those of random search.\n\n"
        f"{table(_each(found, expecting), ['problem', 'search', 'regret, %', *after])}"
    )


def _expected_beside(auto: Sequence[Outcome], others: Sequence[Outcome]) -> list[str]:
    """Share of the others' steps, and regret of the front by expected values, early and at the end of a search."""
    steps, budget = (float(np.median([each.steps[-1] for each in outcomes])) for outcomes in (auto, others))
    return [
        text
        for share in sorted(auto[0].expected)
        for text in (
            f"{100 * share * steps / budget:.0f} %",
            per_cent([1 - each.expected[share] for each in auto]),
        )
    ]


BESIDE = ("regret of auto at 40 % of its steps", "auto is as good after")


def _beside(label: str, outcomes: Sequence[Outcome], settings: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """How soon the default is as good as a random search."""
    if label.startswith("auto"):
        return ["", ""]
    auto = settings["auto, 1 seed" if label.endswith(", 1 seed") else "auto, seeds: auto"]
    budget = float(np.median([each.steps[-1] for each in outcomes]))
    return [per_cent([1 - each.at(0.4 * budget) for each in auto]), _overtakes(auto, outcomes)]
