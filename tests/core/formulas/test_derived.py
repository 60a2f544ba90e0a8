import math

import pytest

from core.formulas.bounds import FormulaError
from core.formulas.derived import Expression, with_derived

RESULTS = {"mig": 0.25, "kl": 4.0, "factor_vae_score/fast": 0.5, "zero": 0.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5 * mig + 0.5 * kl", 2.125),
        ("-(mig - kl) / 3", 1.25),
        ("mig / kl", 0.0625),
        ("factor_vae_score/fast * 2", 1.0),
        ("2 * factor_vae_score/fast", 1.0),
        ("kl ** 2", 16.0),
        ("min(mig, kl, 3) + max(mig, kl)", 4.25),
        ("sqrt(kl) + abs(-mig) + log(1)", 2.25),
        ("+mig", 0.25),
    ],
)
def test_arithmetic(text: str, value: float) -> None:
    assert Expression(text).value(RESULTS) == value


@pytest.mark.parametrize(
    "text", ["mig / zero", "log(zero)", "sqrt(-kl)", "(-kl) ** 0.5", "kl ** 2000", "kl ** kl ** kl ** kl"]
)
def test_without_a_value(text: str) -> None:
    assert math.isnan(Expression(text).value(RESULTS))


def test_keys_in_the_order_of_their_first_place() -> None:
    assert Expression("kl / factor_vae_score/fast + mig * kl").keys == ("kl", "factor_vae_score/fast", "mig")


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "1 + 2", "mig +", "mig.real", "mig[0]", "mig if kl else 0", "mig < kl", "mig and kl", "not mig",
        "~kl", "lambda: mig", "[mig]", "(mig, kl)", "f'{mig}'", "'mig'", "mig % 2", "mig // kl", "mig @ kl", "mig := 2",
        "True * mig", "1j * mig", "1e400 * mig", "print(mig)", "__import__('os')", "sqrt(mig, kl)", "min(mig)",
        "min(*mig)", "max(a=mig)", "(" * 300 + "mig" + ")" * 300, "mig" * 200, "-" * 400 + "1", "mig\0", "mig; kl",
        "mig\nkl", "mig(1)", "mig.system('x')", "mig/min(1, 2)(3)",
    ],
)  # fmt: skip
def test_anything_else_is_one_sentence(text: str) -> None:
    with pytest.raises(FormulaError) as raised:
        Expression(text)
    assert "\n" not in str(raised.value).replace(text, "")


def test_what_is_derived_is_beside_the_results() -> None:
    derived = {"score": "0.5 * mig + kl", "of_missing": "mig + sap_svc", "infinite": "mig / zero"}
    assert with_derived(RESULTS, derived) == {**RESULTS, "score": 4.125}
    assert with_derived(RESULTS, {}) == RESULTS
