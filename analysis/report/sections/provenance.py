"""Provenance: what the results came from."""

import datetime

from analysis.report.page import Definitions, Section
from analysis.report.wording import code
from analysis.results import Results
from core.files import redact
from core.record import journal
from core.record.history import History


def section(study: Results, ran: History) -> Section:
    """Versions and source revision of the last driver, and where the data and models are."""
    entries = {name: code(value) for name, value in _facts(study, ran).items()}
    return Section.of("provenance", "Provenance", Definitions(entries))


def _facts(study: Results, ran: History) -> dict[str, object]:
    last = ran.drivers[-1] if ran.drivers else None
    source = last.source if last else {}
    began = datetime.datetime.fromtimestamp(ran.drivers[0].time, datetime.UTC) if ran.drivers else None
    return {
        "begun": f"{began:%Y-%m-%d %H:%M} UTC" if began else "not yet",
        "drivers": len(ran.drivers),
        "commit": source.get("commit", "not known"),
        "uncommitted changes": f"yes (digest {source['dirty']})" if source.get("dirty") else "none",
        **(last.versions if last else {}),
        **{f"extension {code['module']}": _digest(code["sha256"], ran) for code in study.spec.get("extensions", ())},
        "seed of the study": study.spec.get("seed", 0),
        "journal": study.path / journal.FILE,
        "checkpoints": redact(study.stores["checkpoints"]),
        "data": study.stores["data"],
    }


def _digest(digest: str, ran: History) -> str:
    """Of an extension, and whether trials may have run with others before."""
    changes = len(ran.code_changes)
    return digest[:12] + (f", after {changes} accepted changes of code" if changes else "")
