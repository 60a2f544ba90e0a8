import pandas as pd
import pytest

from analysis.reading.where import WhereError, select

TABLE = pd.DataFrame(
    {"model": ["a", "b", "a"], "error": [10.0, 40.0, None], "mig": [0.1, 0.5, 0.9], "fvae/dlib": [1.0, 2.0, 3.0]}
)


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        (None, [0, 1, 2]),
        ("error < 40", [0]),
        ("error <= 4e1", [0, 1]),
        ("error != 10", [1]),  # a missing value never holds
        ("mig > .4 and error >= 40", [1]),
        ("mig > 0.8 or error = 10", [0, 2]),
        ("not (mig > 0.8 or model == 'b')", [0]),
        ('model == "a" and mig < 0.5', [0]),
        ("fvae/dlib == 2", [1]),
    ],
)
def test_conditions(where: str | None, rows: list[int]) -> None:
    assert list(select(TABLE, where).index) == rows


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("eror < 4", "did you mean 'error'"),
        ("error", "expected one of"),
        ("error < ", "expected a number"),
        ("error < 4 mig > 1", "join comparisons"),
        ("(error < 4", "expected"),
        ("__import__('os').system('true') == 0", "cannot read"),
        ("error < 4; mig", "cannot read"),
    ],
)
def test_bad_conditions_are_one_sentence(where: str, message: str) -> None:
    with pytest.raises(WhereError, match=message) as caught:
        select(TABLE, where)
    assert "\n" not in str(caught.value)
