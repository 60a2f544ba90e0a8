"""How the report writes what more than one of its sections says."""

import math

import markupsafe
import pandas as pd

from analysis import figures
from analysis.figures.style import SUBSCRIPT
from analysis.results import Results
from core.record.history import History


def symbols(text: object) -> markupsafe.Markup:
    """Escaped text with the subscripts of its symbols (`β_l`) set as such, and no line broken at `=` or `±`."""
    if isinstance(text, markupsafe.Markup):
        return text  # is set already
    escaped = str(markupsafe.escape(text))
    for sign in "=±":
        escaped = escaped.replace(f" {sign} ", f"\u00a0{sign}\u00a0")
    return markupsafe.Markup(SUBSCRIPT.sub(r"\1<sub>\2</sub>", escaped))


def code(text: object) -> markupsafe.Markup:
    """Escaped text as a name that a computer reads."""
    return markupsafe.Markup("<code>{}</code>").format(str(text))


def said(sentence: str, command: str) -> markupsafe.Markup:
    """A sentence with a command in place of its braces."""
    return markupsafe.Markup("{}").format(sentence).replace("{}", code(command))


def count(number: int, noun: str) -> str:
    """`1 seed`, `1,200 seeds`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seeds_in_words(number: int) -> str:
    """`one seed`, `two seeds`, `12 seeds`."""
    words = ("no seed", "one seed", "two seeds", "three seeds", "four seeds", "five seeds")
    return words[number] if number < len(words) else count(number, "seed")


def duration(seconds: float) -> str:
    """`12 s`, `3.4 min`, `5.6 h`."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 6000 else f"{seconds / 3600:.3g} h"


def mean_and_deviation(row: "pd.Series", metric: str) -> str:
    """`0.412 ± 0.03`; none is known from one seed, and there is none of what is not measured."""
    return within(row[f"{metric}_mean"], row.get(f"{metric}_std", float("nan")))


def within(value: float, spread: float) -> str:
    """`0.412 ± 0.03`; the value alone where the spread is unknown or nothing."""
    if pd.isna(spread) or spread == 0:
        return amount(value)
    digits = max(0, 1 - math.floor(math.log10(spread)))  # as many as two of the spread's
    if digits > 6:
        return f"{amount(value)} ± {spread:.2g}"
    return f"{value:,.{digits}f} ± {spread:,.{digits}f}".replace("-", "−")


def amount(value: float) -> str:
    """`0.412`, `1,024`, `−3.2`: three digits, with a true minus."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "−")


def chosen(study: Results, row: "pd.Series") -> str:
    """The searched hyperparameters of a configuration as papers write them."""
    return figures.settings(row["model"], {name: row[name] for name in study.searched(row["model"])})


def name_of(study: Results, row: "pd.Series") -> str:
    """Model and searched hyperparameters of a configuration: `β-VAE (β = 4)`."""
    settings = chosen(study, row)
    return f"{figures.title(row['model'])} ({settings})" if settings else figures.title(row["model"])


def dataset_name(study: Results) -> str:
    """The data set, with the options that the study file gives it."""
    dataset = study.spec["dataset"]
    if isinstance(dataset, str):
        return dataset
    options = ", ".join(f"{key}: {value}" for key, value in dataset.items() if key != "name" and value)
    return f"{study.dataset_name} ({options})" if options else study.dataset_name


def spent(study: Results, ran: History) -> str:
    """Core hours and hours on the clock, as a sentence."""
    seconds = study.trials()["seconds"].sum()
    cores = float((study.spec.get("resources") or {}).get("cpu") or 1)
    used = cores * seconds
    parts = [f"{used / 3600:.3g} core hours" if used >= 360 else f"{used:.3g} core seconds"]
    if ran.gpu_seconds:
        parts.append(f"{ran.gpu_seconds / 3600:.3g} GPU hours")
    text = f"{' and '.join(parts)} of training and evaluating"
    if not ran.seconds_driven:
        return f"{text}."
    abreast = count(ran.most_running, "trial")
    return f"{text}, in {duration(ran.seconds_driven)} on the clock with up to {abreast} at a time."
