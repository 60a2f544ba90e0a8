"""Results computed from other results: `score: 0.5 * mig + 0.5 * dci_disentanglement`, parsed and never run as Python.

An expression has numbers, result keys and costs, `+ - * / **`, parentheses, and `min`, `max`, `abs`, `sqrt` and `log`.
A key with a protocol is written without spaces (`factor_vae_score/fast`), a division with spaces (`mig / kl`).
"""

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from core.formulas.bounds import FormulaError

LONGEST = 500  # characters
_WITH_PROTOCOL = re.compile(r"\b[A-Za-z_]\w*/[A-Za-z_]\w*\b(?!\s*\()")
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_OF_ONE: dict[str, Callable[[float], float]] = {"abs": abs, "sqrt": math.sqrt, "log": math.log}
_OF_SEVERAL: dict[str, Callable[..., float]] = {"min": min, "max": max}


class Expression:
    """An arithmetic expression of result keys.

    Attributes:
        text: as it is written.
        keys: the results that it needs, in the order of their first place.

    Raises:
        FormulaError: anything but what the module says.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if not isinstance(text, str) or not text.strip():
            raise FormulaError(f"an expression is text such as '0.5 * mig + 0.5 * sap_svc', not {text!r}")
        if len(text) > LONGEST:
            raise FormulaError(f"an expression has at most {LONGEST} characters, not {len(text):,}")
        self._with_protocol: dict[str, str] = {}  # what stands for a key such as `mig/density` while it is parsed
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what Python would say to '1if'; it is refused below
                self._root = ast.parse(_WITH_PROTOCOL.sub(self._set_aside, text.strip()), mode="eval").body
            self.keys = tuple(dict.fromkeys(self._keys(self._root)))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, FormulaError):
                raise
            raise FormulaError(f"'{text}' is no arithmetic expression of result keys") from None
        if not self.keys:
            raise FormulaError(f"'{text}' names no result")

    def value(self, results: Mapping[str, float]) -> float:
        """With these results; NaN where it has no value, such as a division by zero."""
        try:
            value = float(self._value(self._root, results))
        except (ArithmeticError, ValueError):
            return math.nan
        return value if math.isfinite(value) else math.nan

    def _set_aside(self, match: re.Match[str]) -> str:
        name = f"__key_{len(self._with_protocol)}"
        self._with_protocol[name] = match[0]
        return name

    def _keys(self, node: ast.expr) -> Iterator[str]:
        """Result keys in a part of the expression, which is checked on the way."""
        if isinstance(node, ast.Name):
            yield self._with_protocol.get(node.id, node.id)
        elif isinstance(node, ast.Constant) and _is_number(node.value):
            return
        elif isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            yield from self._keys(node.left)
            yield from self._keys(node.right)
        elif isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            yield from self._keys(node.operand)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            name, count = node.func.id, len(node.args)
            if not (name in _OF_ONE and count == 1) and not (name in _OF_SEVERAL and count >= 2):
                known = ", ".join([f"{each}(a)" for each in _OF_ONE] + [f"{each}(a, b)" for each in _OF_SEVERAL])
                raise FormulaError(f"'{self.text}': there is no function {name} of {count}; there are {known}")
            for argument in node.args:
                yield from self._keys(argument)
        else:
            part = type(node).__name__.lower()
            raise FormulaError(f"'{self.text}' has more than numbers, result keys and arithmetic of these ({part})")

    def _value(self, node: ast.expr, results: Mapping[str, float]) -> float:
        if isinstance(node, ast.Name):
            return results[self._with_protocol.get(node.id, node.id)]
        if isinstance(node, ast.BinOp):
            return _BINARY[type(node.op)](self._value(node.left, results), self._value(node.right, results))
        if isinstance(node, ast.UnaryOp):
            return _UNARY[type(node.op)](self._value(node.operand, results))
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            arguments = [self._value(argument, results) for argument in node.args]
            return {**_OF_ONE, **_OF_SEVERAL}[node.func.id](*arguments)
        assert isinstance(node, ast.Constant)
        return float(node.value)  # type: ignore[arg-type]  # a number, as was checked


def _is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


@lru_cache(maxsize=256)
def expression(text: str) -> Expression:
    """The expression of a text. Raises FormulaError."""
    return Expression(text)


def with_derived(results: Mapping[str, float], derived: Mapping[str, str]) -> dict[str, float]:
    """Results with those derived that have a finite value: `derived` maps their names to expressions."""
    complete = dict(results)
    for name, text in derived.items():
        needed = expression(text)
        if all(key in results for key in needed.keys):
            value = needed.value(results)
            if math.isfinite(value):
                complete[name] = value
    return complete
