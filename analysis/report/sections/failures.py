"""What went wrong: trials that failed or were stopped, and why."""

import pandas as pd

from analysis import figures
from analysis.report.page import Details, Items, Paragraph, Section, Table
from analysis.report.wording import count, said
from analysis.results import Results

MOST_ROWS = 200
COLUMNS = ["model", "configuration", "seed", "state", "steps", "reason"]
AGAIN = "Once the cause is mended, {} runs failed trials again, from before their failure."


def section(study: Results) -> Section:
    """How many trials there are by reason, and the first 200 of them."""
    anchor, heading = "failures", "What went wrong"
    trials = study.trials()
    lost = trials[trials["state"].isin(["FAILED", "PRUNED"])].fillna({"reason": "no reason recorded"})
    if lost.empty:
        return Section.of(anchor, heading, Paragraph("Nothing failed, and nothing was stopped."))
    reasons = Items([f"{number} × {reason}" for reason, number in lost["reason"].value_counts().items()])
    again = (
        [Paragraph(said(AGAIN, f"studies resume {study.name} --retry-failed"))]
        if (lost["state"] == "FAILED").any()
        else []
    )
    return Section.of(anchor, heading, reasons, *again, _details(lost))


def _details(lost: pd.DataFrame) -> Details:
    shown = lost[COLUMNS].head(MOST_ROWS)
    rows = shown.assign(model=shown["model"].map(figures.title)).to_dict("records")
    first = f"; the first {len(rows)}" if len(lost) > len(rows) else ""
    caption = "Trials that failed or were stopped early; none of their configurations is on the front."
    table = Table(caption, COLUMNS, [list(row.values()) for row in rows])
    return Details(f"{count(len(lost), 'trial')} failed or stopped{first}", table)
