"""Mixture priors, relations and annotated subsets: the parts of the modular autoencoder."""

import math

import numpy as np
import pytest
import torch

import core.data
import trainables
from core.data.split import holdout
from trainables.labels.annotated import annotated, annotated_by_combination, combination, leave_out
from trainables.partitioned.priors import MixturePrior, spread_directions
from trainables.partitioned.relations import Edits, relations

INFO = core.data.describe("dsprites.v2")


@pytest.mark.parametrize(("count", "dimensions"), [(3, 8), (10, 8), (16, 8), (40, 8), (30, 2)])
def test_placed_means_are_all_apart(count: int, dimensions: int) -> None:
    directions = spread_directions(count, dimensions)
    assert directions.shape == (count, dimensions)
    assert float(torch.pdist(directions).min()) > math.sqrt(2) - 1e-5


def test_the_densities_are_those_of_torch_and_padding_is_never_chosen() -> None:
    generator = torch.Generator().manual_seed(0)
    prior = MixturePrior((3, 2), 4, radius=1.5, sigma=0.3)
    codes = torch.randn(500, 2, 4, generator=generator) @ torch.randn(4, 4, generator=generator)
    components = torch.stack([torch.arange(500) % 3, torch.arange(500) % 2], 1)
    prior.fit(codes, components, shrink=0.5, ridge=1e-3)
    own = codes[components[:, 1] == 1, 1]
    expected = torch.distributions.MultivariateNormal(own.mean(0), 0.5 * torch.cov(own.T) + 1e-3 * torch.eye(4))
    torch.testing.assert_close(prior.log_density(codes)[:, 1, 1], expected.log_prob(codes[:, 1]), rtol=1e-3, atol=1e-3)
    assert torch.isneginf(prior.log_density(codes)[:, 1, 2]).all()
    difference = codes[:, 1] - own.mean(0)
    distance = (difference @ torch.linalg.inv(expected.covariance_matrix) * difference).sum(1)
    torch.testing.assert_close(prior.distance(codes, torch.ones_like(components))[:, 1], distance, rtol=1e-3, atol=1e-3)


def test_samples_have_their_component() -> None:
    prior = MixturePrior((3, 5), 8, radius=1.5, sigma=0.3)
    generator = torch.Generator().manual_seed(0)
    components = prior.draw(4_000, generator)
    assert components.amax(0).tolist() == [2, 4]
    samples = prior.sample(components, generator)
    assert (prior.classify(samples) == components).float().mean() > 0.99
    assert float(prior.distance(samples, components).mean()) == pytest.approx(8, rel=0.05)


@pytest.mark.parametrize(
    ("name", "combinations", "values", "edits"),
    [
        ("dsprites.v2", 27, 9, 5),
        ("dsprites.v3", 135, 14, 7),
        ("dsprites.v4", 1080, 22, 9),
        ("shapes3d.v2", 40, 14, 3),
        ("shapes3d.v3", 120, 17, 5),
        ("shapes3d.v5", 12_000, 37, 9),
    ],
)
def test_components_are_sums_for_the_modular_and_products_for_its_predecessor(
    name: str, combinations: int, values: int, edits: int
) -> None:
    info = core.data.describe(name)
    modular, weak = (trainables.get(model) for model in ("modular", "weak"))
    small = {"network": "tiny", "units": 8}
    assert sum(modular(modular.Hyperparameters(**small), info).component_counts()) == values
    model = weak(weak.Hyperparameters(num_annotated=12_000, **small), info)
    assert model.component_counts() == (combinations,)
    assert len(relations(info, "paper")) == edits
    every = torch.cartesian_prod(*(torch.arange(size) for size in info.factor_sizes))
    torch.testing.assert_close(model.to_components(every)[:, 0], torch.arange(combinations))
    torch.testing.assert_close(model.to_values(model.to_components(every)), every)


def test_the_edges_of_relations() -> None:
    tables = {edge: {r.name: r.table for r in relations(INFO, edge)} for edge in ("wrap", "clamp", "skip", "paper")}
    assert tables["wrap"]["right"] == tables["paper"]["right"] == (1, 2, 0)
    assert tables["clamp"]["right"] == (1, 2, 2)
    assert tables["skip"]["left"] == (-1, 0, 1)
    assert all(table["change_shape"] == (1, 2, 0) for table in tables.values())
    colours = core.data.describe("shapes3d.v2")
    assert {r.name: r.table[-1] for r in relations(colours, "paper")}["more_object_hue"] == 9


def test_edits_are_drawn_where_they_apply() -> None:
    found = relations(INFO, "skip")
    edits = Edits(found, INFO.factor_sizes)
    values = torch.randint(3, (3_000, 3), generator=torch.Generator().manual_seed(1))
    before, after, number = edits.draw(values, torch.Generator().manual_seed(0))
    for row in range(0, 3_000, 50):
        relation = found[int(number[row])]
        assert int(after[row, relation.factor]) == relation.table[int(before[row, relation.factor])]
        others = [k for k in range(3) if k != relation.factor]
        assert before[row, others].tolist() == after[row, others].tolist() == values[row, others].tolist()
    assert len(number.unique()) == len(found)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> core.data.FactorDataset:
    return core.data.load("dsprites.v2", tmp_path_factory.mktemp("data"))


def test_annotated_images_are_nested_and_never_held_out(dataset: core.data.FactorDataset) -> None:
    for choose in (annotated, annotated_by_combination):
        many, few = choose(dataset, 1_000, 3), choose(dataset, 100, 3)
        np.testing.assert_array_equal(many[:100], few)
        assert len(np.unique(many)) == 1_000
        assert not np.isin(many, holdout(dataset)).any()
        assert (choose(dataset, 100, 4) != few).any()
        with pytest.raises(ValueError, match="cannot be annotated"):
            choose(dataset, 12_000, 0)


def test_left_out_combinations_are_never_annotated_but_all_values_are(dataset: core.data.FactorDataset) -> None:
    missing = leave_out(dataset.factor_sizes, 9, 0)
    assert len(np.unique(missing)) == 9
    factors = dataset.factors(annotated(dataset, 500, 0, missing))
    assert not np.isin(combination(factors, dataset.factor_sizes), missing).any()
    assert [len(np.unique(column)) for column in factors.T] == [3, 3, 3]
    with pytest.raises(ValueError, match="a value would be lost"):
        leave_out((2, 2), 3, 0)


def test_every_combination_has_its_share(dataset: core.data.FactorDataset) -> None:
    factors = dataset.factors(annotated_by_combination(dataset, 100, 0))
    counts = np.bincount(factors @ [9, 3, 1], minlength=27)
    assert (counts.min(), counts.max()) == (3, 4)
    with pytest.raises(ValueError, match="all 27 combinations"):
        annotated_by_combination(dataset, 26, 0)
