"""The tables of the benchmark, as Markdown."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.search.judge import Outcome, quartiles

Found = Mapping[str, Mapping[str, Sequence[Outcome]]]


def head(names: Sequence[str], repetitions: int, first: int, minutes: float, cores: int, commit: str) -> str:
    return "\n\n".join(
        [
            "# Search",
            f"`python -m benchmarks.search`, commit {commit}, {cores} cores, {minutes:.0f} minutes; {repetitions} "
            f"repetitions from seed {first}; problems: {', '.join(names)}.",
            "Regret: what the hypervolume of the configurations that a study *recommends* (the front of the means that "
            "it saw) lacks of the best, measured with true values, in per cent of the best. Median [quartiles] over "
            "repetitions.",
        ]
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
        random = settings["random"]
        budget = random[0].steps[-1]
        target = float(np.median([each.volumes[-1] for each in random]))
        return [
            [
                name,
                label,
                *(per_cent([1 - each.at(share * budget) for each in outcomes]) for share in (0.25, 0.5, 1.0)),
                share_of_steps(outcomes, target, budget),
                f"{np.median([each.seconds for each in outcomes]):.1f}",
            ]
            for label, outcomes in settings.items()
        ]

    columns = [
        "problem",
        "sampler",
        "regret, % at 1/4",
        "at 1/2",
        "at the end",
        "random's end is reached at",
        "seconds",
    ]
    return f"## Samplers\n\n40 configurations, one seed each, 4 slots.\n\n{table(_each(found, rows), columns)}"


def share_of_steps(outcomes: Sequence[Outcome], target: float, budget: float) -> str:
    """In the median, the share of a budget until a hypervolume is reached for good."""
    share = float(np.median([each.steps_to(target) for each in outcomes])) / budget
    return f"{100 * share:.0f} % of the steps" if np.isfinite(share) else "never"


def _overtakes(these: Sequence[Outcome], others: Sequence[Outcome]) -> str:
    """After which share of the others' steps these are as good as the others at their end, medians both."""
    target, budget = (
        float(np.median(each)) for each in zip(*((o.volumes[-1], o.steps[-1]) for o in others), strict=True)
    )
    return share_of_steps(these, target, budget)


def sizes(found: Found) -> str:
    def rows(name: str, settings: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
        return [[name, label, per_cent([1 - each.volumes[-1] for each in all_])] for label, all_ in settings.items()]

    text = table(_each(found, rows), ["problem", "search", "regret at the end, %"])
    return f"## Configurations and slots\n\nOne seed each.\n\n{text}"


def _ending(name: str, label: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Trials, regret, and what is claimed above the truth, at the end."""
    return [
        name,
        label,
        f"{np.median([each.trials for each in outcomes]):.0f}",
        per_cent([1 - each.volumes[-1] for each in outcomes]),
        per_cent([each.claimed - each.volumes[-1] for each in outcomes]),
    ]


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

    columns = ["problem", "seeds", "trials", "regret, %", "claimed above the truth, %", "on the front", "rightly, %"]
    return (
        "## Seeds\n\n40 configurations by TPE, 4 slots. *Claimed above the truth*: by how much the hypervolume that "
        "the study saw exceeds that of the same configurations' true values. *Rightly*: share of the front that no "
        f"other configuration tried truly dominates.\n\n{table(_each(found, rows), columns)}"
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
        "## Early stopping\n\nTPE, one seed each; 40 configurations without a rule, up to 80 with one, which is what "
        f"the saved steps pay for; control share 0.1.\n\n{table(_each(found, rows), columns)}"
    )


def defaults(found: Found) -> str:
    def rows(name: str, settings: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
        auto = settings["auto"]
        return [
            [
                *_ending(name, label, outcomes),
                "" if label == "auto" else _overtakes(auto, outcomes),
            ]
            for label, outcomes in settings.items()
        ]

    columns = ["problem", "search", "trials", "regret, %", "claimed above the truth, %", "auto is as good after"]
    return (
        "## Defaults\n\n40 configurations, 4 slots; *auto* is what a study file gets that names no sampler, with "
        f"`seeds: auto`.\n\n{table(_each(found, rows), columns)}"
    )
