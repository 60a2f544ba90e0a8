"""A study as a notebook shows it: question, verdict, the front as a drawing and a table, and how to ask more."""

from analysis import figures
from analysis.figures.style import arrow
from analysis.report.freshness import PAGE
from analysis.report.scatter import scatter
from analysis.report.summary import brief
from analysis.report.wording import chosen, count, mean_and_deviation
from analysis.report.write import template
from analysis.results import Results

SIZE = (640, 400)  # pixels
MOST_ROWS = 8


def card(study: Results) -> str:
    """A study as HTML for a notebook, from its tables alone."""
    front, page = study.front(), study.pictures_folder() / PAGE
    counts = study.trials()["state"].value_counts()
    states = ", ".join(f"{number} {str(name).lower()}" for name, number in counts.items())
    plot = scatter(study, {}, size=SIZE)
    searched = [name for own in study.searched_by_model().values() for name in own]
    return template("card.html").render(
        name=study.name,
        state=f"{count(int(counts.sum()), 'trial')}: {states}" if states else "nothing has begun",
        summary=brief(study),
        plot=plot,
        alt=f"Scatter plot: {plot.labels[1]} against {plot.labels[0]}." if plot else "",
        heads=[
            "model",
            "hyperparameters",
            *(f"{figures.label(key)} {arrow(way)}" for key, way in study.objectives.items()),
        ],
        rows=[
            [
                figures.title(row["model"]),
                chosen(study, row),
                *(mean_and_deviation(row, key) for key in study.objectives),
            ]
            for _, row in front.head(MOST_ROWS).iterrows()
        ],
        left_out=max(0, len(front) - MOST_ROWS),
        report=page if page.exists() else None,
        knob=next(iter(searched), "beta"),
    )
