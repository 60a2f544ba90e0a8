import numpy as np
import pytest

from core.data.own.columns import factor_of, table_of
from core.mistakes import DataError

RNG = np.random.default_rng(0)


def test_classes_may_start_at_any_number_and_be_words() -> None:
    factor = factor_of("count", np.array([7, 5, 5, 9, 9, 9]))
    assert factor.classes.tolist() == [1, 0, 0, 2, 2, 2]
    assert factor.values.tolist() == [5, 7, 9]
    assert factor_of("colour", np.array(["red", "blue", "red", "red"])).labels == ("blue", "red")
    assert factor_of("flag", np.array([True, False, False, True])).classes.tolist() == [1, 0, 0, 1]


def test_fractions_of_many_values_are_binned_into_equal_parts() -> None:
    factor = factor_of("shade", RNG.random(1000))
    assert np.bincount(factor.classes).tolist() == [100] * 10
    assert (np.diff(factor.values) > 0).all()
    assert factor.note == "1,000 different values, in 10 bins of about equally many images"
    assert len(factor_of("shade", RNG.choice(np.linspace(0, 1, 20), 500)).values) == 20
    assert len(factor_of("position", np.arange(200) % 100).values) == 100
    assert len(factor_of("number", np.arange(202) % 101).values) == 10
    assert len(factor_of("unlike", np.arange(40)).values) == 10


def test_a_value_that_most_images_have_makes_fewer_bins() -> None:
    column = np.concatenate([np.zeros(900), RNG.random(100)])
    factor = factor_of("mostly_zero", column)
    assert set(np.unique(factor.classes)) == set(range(len(factor.values)))
    assert 1 < len(factor.values) < 10


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.array([1.0, np.nan]), "'x' has no value for image 1"),
        (np.array([f"name {i % 101}" for i in range(300)]), "'x' has 101 different words"),
        (np.array([f"name {i}" for i in range(20)]), "'x' has 20 different words"),
        (np.array([1j]), "'x' holds complex128"),
    ],
)
def test_a_bad_column_is_one_sentence(column: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        factor_of("x", column)


def test_a_column_that_never_varies_is_no_factor() -> None:
    table, notes = table_of({"same": np.ones(4), "other": np.arange(4) % 2})
    assert table.names == ("other",)
    assert notes == ["same: 1 for every image, so that it is no factor"]
    with pytest.raises(DataError, match="no factor varies: same: 1 for every image"):
        table_of({"same": np.ones(4)})


def test_an_incomplete_table_finds_its_images_and_no_others() -> None:
    first, second = RNG.integers(0, 4, 200), RNG.integers(0, 3, 200)
    first[second == 2] = 1
    table, _ = table_of({"first": first, "second": second})
    assert not table.complete
    everything = np.arange(200)
    factors = table.factors(everything)
    assert (table.factors(table.index(factors)) == factors).all()
    assert (table.index(factors) <= everything).all()
    drawn = table.sample_factors(500, np.random.default_rng(1))
    assert (table.factors(table.sample_indices(drawn, np.random.default_rng(2))) == drawn).all()
    with pytest.raises(DataError, match="the set has no image with first 0, second 2"):
        table.index(np.array([[0, 2]]))
    shown = table.factors(table.annotated(12, 0))
    assert {len(set(column)) for column in shown.T} == {4, 3}


def test_sampled_images_of_a_combination_are_all_of_it() -> None:
    table, _ = table_of({"first": np.arange(60) % 2, "second": np.arange(60) % 3})
    assert table.complete
    found = table.sample_indices(np.zeros((500, 2), np.int64), np.random.default_rng(0))
    assert set(found.tolist()) == set(range(0, 60, 6))


def test_forty_factors_with_more_combinations_than_numbers() -> None:
    columns = {f"attribute {k}": RNG.integers(0, 3, 300) for k in range(60)}
    table, _ = table_of(columns)
    assert not table.complete
    assert table.index(table.factors(np.arange(300))).tolist() == list(range(300))


def test_dependence_is_one_for_the_same_and_none_for_independent_factors() -> None:
    first = RNG.integers(0, 3, 3000)
    table, _ = table_of({"first": first, "same": first + 5, "other": RNG.integers(0, 4, 3000)})
    assert table.dependence(0, 1) > 0.99
    assert table.dependence(0, 2) < 0.03
