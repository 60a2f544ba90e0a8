"""Conditions such as `reconstruction_error < 40 and model == "chyvae"`, parsed and never evaluated as Python.

Grammar: comparisons of a column with a number or a quoted string (`< <= > >= == !=`), joined by `and`, `or`, `not` and
parentheses.
"""

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from core.mistakes import UserError, nearest

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<string>"[^"]*"|'[^']*')"""
    r"""|(?P<operator><=|>=|==|!=|<|>|=)|(?P<bracket>[()])|(?P<name>[A-Za-z_][\w/@.]*))"""
)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}


class WhereError(UserError):
    """A condition that cannot be understood."""


def select(table: pd.DataFrame, where: str | None) -> pd.DataFrame:
    """Rows of a table for which a condition holds; a comparison with a missing value never holds.

    Raises:
        WhereError: a syntax error, or a column that is not there.
    """
    if where is None:
        return table
    parser = _Parser(where, table)
    mask = parser.disjunction()
    parser.expect_end()
    return table[mask]


class _Parser:
    def __init__(self, text: str, table: pd.DataFrame) -> None:
        self.text = text
        self.table = table
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise WhereError(f"condition '{text}': cannot read it from '{text[position:].strip()}' on")
            self.tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
            position = match.end()

    def peek(self) -> tuple[str, str]:
        return self.tokens[0] if self.tokens else ("end", "")

    def take(self, kind: str, what: str) -> str:
        if self.peek()[0] != kind:
            found = self.peek()[1] or "the end"
            raise WhereError(f"condition '{self.text}': expected {what}, found {found}")
        return self.tokens.pop(0)[1]

    def word(self, word: str) -> bool:
        if self.peek() == ("name", word):
            self.tokens.pop(0)
            return True
        return False

    def expect_end(self) -> None:
        if self.tokens:
            raise WhereError(f"condition '{self.text}': join comparisons by 'and' or 'or' before '{self.peek()[1]}'")

    def disjunction(self) -> np.ndarray:
        mask = self.conjunction()
        while self.word("or"):
            mask = mask | self.conjunction()
        return mask

    def conjunction(self) -> np.ndarray:
        mask = self.negation()
        while self.word("and"):
            mask = mask & self.negation()
        return mask

    def negation(self) -> np.ndarray:
        if self.word("not"):
            return ~self.negation()
        if self.peek() == ("bracket", "("):
            self.tokens.pop(0)
            mask = self.disjunction()
            if self.take("bracket", "')'") != ")":
                raise WhereError(f"condition '{self.text}': expected ')'")
            return mask
        return self.comparison()

    def comparison(self) -> np.ndarray:
        name = self.take("name", "a column")
        if name not in self.table.columns:
            hint = nearest(name, self.table.columns)
            raise WhereError(f"condition '{self.text}': there is no column '{name}'; {hint}")
        compare = _COMPARE[self.take("operator", "one of < <= > >= == !=")]
        column = self.table[name]
        if self.peek()[0] == "string":
            value: object = self.take("string", "a value")[1:-1]
            column = column.astype("string").fillna("")
        else:
            value = float(self.take("number", "a number or a quoted string"))
            column = pd.to_numeric(column, errors="coerce")
        return np.asarray(compare(column.to_numpy(), value), dtype=bool) & column.notna().to_numpy()
