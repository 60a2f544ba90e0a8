"""Next: whether more of the same would tell more, and how to go on from here."""

from collections.abc import Iterator

import numpy as np

from analysis import figures, search
from analysis.report.at_hand import best_seed
from analysis.report.evidence import Evidence
from analysis.report.page import Block, Code, Paragraph, Section
from analysis.report.wording import name_of, said, seeds_in_words
from analysis.results import Results
from analysis.statistics import uncertainty

AT_AN_END = 0.1  # of a range


def section(study: Results, found: Evidence) -> Section:
    """Advice on extending the study, and lines that load its winner and compare its models."""
    feasible = study.feasible()
    blocks: list[Block] = [Paragraph(sentence) for sentence in _advice(study, found)]
    if not feasible.empty:
        blocks += [Paragraph("The winner, as a model in Python:"), Code(_load(study))]
        models = list(dict.fromkeys(study.front()["model"])) + list(dict.fromkeys(feasible["model"]))
        models = list(dict.fromkeys(models))
        if len(models) > 1:
            text = f"studies compare {study.name} {models[0]} {models[1]}   # pairs of equal seeds"
            blocks += [Paragraph("Two of its models, seed by seed, in a shell:"), Code(text)]
    return Section.of("next", "Next", *blocks)


def _advice(study: Results, found: Evidence) -> Iterator[str]:
    """Whether to extend the study, by what: trials that wait, seeds, configurations, ranges."""
    waiting = study.trials()["state"].isin(["PENDING", "RUNNING"]).sum()
    if waiting or study.feasible().empty:
        yield said("The study is not done: {} runs what is missing.", f"studies resume {study.name}")
        return
    reasons = 0
    if not found.enough_seeds:
        reasons += 1
        few = (
            "one seed per configuration is" if found.fewest_seeds == 1 else f"{seeds_in_words(found.fewest_seeds)} are"
        )
        yield said(
            f"More seeds first: {few} too few to put chance in numbers. {{}} trains the others and keeps these.",
            f"studies extend {study.name} --seeds {uncertainty.ENOUGH_SEEDS}",
        )
    if search.untried(study) and len(study.objectives) > 1:
        ahead = search.outlook(study)
        reasons += ahead.pays is not False
        if ahead.pays:
            command = f"studies extend {study.name} --configurations {ahead.configurations}"
            yield said(f"{ahead.sentence} {{}} tries them.", command)
        else:
            yield ahead.sentence
    for sentence in _ends(study):
        reasons += 1
        yield sentence
    if not reasons:
        yield (
            "Nothing asks for more of the same: there are enough seeds, and the best does not lie at the end of a "
            "range. What is new needs another question."
        )


def _ends(study: Results) -> Iterator[str]:
    """Where the winner's hyperparameters lie at the end of their range."""
    first, direction = next(iter(study.objectives.items()))
    ranked = study.feasible().sort_values(f"{first}_mean", ascending=direction == "minimize", kind="stable")
    best = ranked.iloc[0]
    own = {**study.spec["defaults"], **study.spec["models"][best["model"]]}
    for name in study.searched(best["model"]):
        span = own[name]
        bounds = (
            next((each for each in span.values() if isinstance(each, list)), None) if isinstance(span, dict) else None
        )
        if bounds is None or len(bounds) != 2:
            continue
        low, high, value = (float(each) for each in (*bounds, best[name]))
        if "log" in span:
            low, high, value = np.log((low, high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        if not AT_AN_END < share < 1 - AT_AN_END:
            end = "lower" if share <= AT_AN_END else "upper"
            symbol = figures.symbol(best["model"], name)
            yield (
                f"A wider range: {symbol} of the best by {figures.short_label(first)}, {name_of(study, best)}, lies at "
                f"the {end} end of {bounds[0]} to {bounds[1]}."
            )


def _load(study: Results) -> str:
    best = study.best()[0] if study.front().empty else best_seed(study, study.front()["configuration"].iloc[0])
    return (
        "import studies\n\n"
        f'study = studies.open("{study.name}", root="{study.root}")\n'
        f'trial = study.trial("{best.configuration}", {best.seed})\n'
        "model = trial.load()               # on the CPU, without Ray\n"
        "images = study.dataset().images(range(10))\n"
        "codes = model.encode(images)       # (10, D) posterior means\n"
        "model.decode(codes)                # images in [0, 1]"
    )
