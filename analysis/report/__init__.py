"""The report of a study: one self-contained HTML file that opens offline, with its figures beside it."""

from analysis.report.write import write

__all__ = ["write"]
