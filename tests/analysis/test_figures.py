import pathlib

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import core.data
from analysis import figures
from analysis.figures.axes import Axis, spans_decades
from analysis.figures.curves import curve_statistics
from analysis.figures.distributions import cascade_weights, ellipse, inverse_wishart_draws
from analysis.figures.latents import principal_axes
from analysis.figures.marks import mark_name, places
from analysis.figures.summaries import seconds_per_thousand
from analysis.models.latents import Dimensions, describe, traversal
from analysis.statistics import dependence
from analysis.study import Study
from core.images import grid
from studies.testing.trials import trial_config
from tests.analysis.kit import OBJECTIVES, random_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return random_study(tmp_path_factory.mktemp("figures"))


def drawn(figure: Figure) -> str:
    """Draw it, and give all its text."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    FigureCanvasAgg(figure).draw()
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_front_names_models_and_directions(study: Study) -> None:
    text = drawn(figures.pareto_front(study.configurations(), study.front(), study.objectives, "made"))
    for expected in ("CHyVAE", "FactorVAE score ↑", "reconstruction error (nats per image) ↓", "front", "made"):
        assert expected in text


def test_a_model_has_one_colour_in_all_figures_of_a_study(study: Study) -> None:
    configurations = study.configurations()
    configurations.loc[configurations["model"] == "beta_vae", "state"] = "FAILED"
    figure = figures.pareto_front(configurations, study.front(), study.objectives)
    drawn_as = {container.get_label(): container.lines[0].get_color() for container in figure.axes[0].containers}
    assert drawn_as == {"FactorVAE": "#D55E00", "CHyVAE": "#009E73"}  # the second and third, though they are alone


def test_an_empty_front_is_still_a_figure(study: Study) -> None:
    nothing = study.configurations().head(0)
    drawn(figures.pareto_front(nothing, nothing, OBJECTIVES))
    drawn(figures.trade_off(nothing, OBJECTIVES, {}))


def test_trade_off_marks_the_hyperparameter(study: Study) -> None:
    searched = study.searched_by_model()
    text = drawn(figures.trade_off(study.configurations(), study.objectives, searched))
    for expected in ("(β)", "(γ)", "(ν)"):
        assert expected in text


def test_curve_statistics_over_seeds(study: Study) -> None:
    table = curve_statistics(study.curves(), "mig")
    assert list(table.columns) == ["configuration", "step", "mean", "std", "n"]
    assert set(table["n"]) == {3}
    final = table[table["step"] == 100].set_index("configuration")["mean"]
    expected = study.configurations().set_index("configuration")["mig_mean"]
    np.testing.assert_allclose(final[expected.index], expected)


def test_training_curves_have_a_panel_per_model_and_metric(study: Study) -> None:
    searched = study.searched_by_model()
    figure = figures.training_curves(study.curves(), study.configurations(), ["mig", "factor_vae_score"], searched)
    assert len(figure.axes) == 6
    assert "step" in drawn(figure)


def test_lines_of_training_curves_are_named_by_values_under_their_hyperparameters(study: Study) -> None:
    searched = {"beta_vae": ["beta", "learning_rate"]}
    configurations = study.configurations().assign(learning_rate=1e-3)
    figure = figures.training_curves(study.curves(), configurations, ["mig"], searched)
    heading = figure.axes[0].get_legend()
    assert heading.get_title().get_text() == "β, η"
    betas = sorted(configurations.loc[configurations["model"] == "beta_vae", "beta"])
    assert [text.get_text() for text in heading.get_texts()] == [f"{beta:.3g}, 0.001" for beta in betas]
    assert all(axes.get_legend() is None for axes in figure.axes[1:])


def test_inverse_wishart_draws_have_the_identity_as_mean() -> None:
    draws = inverse_wishart_draws(30.0, 20_000)
    np.testing.assert_allclose(draws.mean(0), np.eye(2), atol=0.02)
    assert "ν = 10" in drawn(figures.inverse_wishart((4, 10)))


def test_an_ellipse_is_one_deviation_away() -> None:
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    points = ellipse(covariance)
    np.testing.assert_allclose(np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points), 1.0)


def test_cascade_relieves_as_the_paper_says() -> None:
    _, weights = cascade_weights(6, 20_000, 160_000, warm_up_stages=4)
    assert (weights == 1.0).sum(1).tolist() == [1, 2, 3, 4, 4, 5, 6, 6]
    _, continuous = cascade_weights(3, 10, 45)
    assert (continuous == 1.0).sum(1).tolist() == [1, 2, 3, 3, 3]
    assert "categories from here on" in drawn(figures.cascade_schedule())


def test_seconds_per_thousand_minibatches(study: Study) -> None:
    table = seconds_per_thousand(study.trials())
    assert table["mean"].tolist() == pytest.approx([10.0] * 3)  # 1 second for 100 steps
    assert "seconds per 1,000 minibatches" in drawn(figures.time_per_thousand(study.trials()))


def test_summaries_can_be_drawn(study: Study) -> None:
    trials, metrics = study.trials(), study.metrics()
    directions = {key: study.direction(key) for key in metrics}
    text = drawn(figures.rank_correlation(dependence.rank_correlation(trials, directions), directions))
    assert "reconstruction error ↓" in text
    drawn(figures.variance_shares({key: dependence.variance_shares(trials, key) for key in metrics}))
    single = {"mig": {"model": 0.4, "hyperparameter": np.nan, "seed": np.nan}}
    assert "hyperparameter or seed" in drawn(figures.variance_shares(single))
    drawn(figures.vote_matrix(np.arange(12).reshape(4, 3), ["shape", "posX", "posY"]))
    drawn(figures.hypervolume_history(np.arange(5.0)))
    drawn(figures.hypervolume_history(np.arange(5.0), stopped_after=3))
    drawn(figures.covariance(np.eye(2), ["x", "y"]))


def test_metrics_over_a_shared_hyperparameter_stand_at_its_values() -> None:
    rows = [("modular", 100, 0.1), ("modular", 1000, 0.5), ("modular", 1000, 0.3), ("few_labels", 1000, 0.2)]
    table = pd.DataFrame(rows, columns=["model", "num_annotated", "mig_mean"]).assign(mig_std=0.01)
    figure = figures.against_hyperparameter(table, "num_annotated", {"mig": "maximize"})
    text = drawn(figure)
    for expected in ("annotated images", "1,000", "M-AE + ReL"):
        assert expected in text
    best = next(line for line in figure.axes[0].lines if list(line.get_xdata()) == [100.0, 1000.0])
    assert list(best.get_ydata()) == [0.1, 0.5]  # the best configuration at each value
    errors = table.rename(columns={"mig_mean": "reconstruction_error_mean", "mig_std": "reconstruction_error_std"})
    figure = figures.against_hyperparameter(errors, "num_annotated", {"reconstruction_error": "minimize"})
    least = next(line for line in figure.axes[0].lines if list(line.get_xdata()) == [100.0, 1000.0])
    assert list(least.get_ydata()) == [0.1, 0.3]


def test_each_kind_of_labels_has_a_line_of_its_own() -> None:
    rows = [("noisy", 100, 0.1), ("noisy", 1000, 0.5), ("perfect", 100, 0.4), ("perfect", 1000, 0.8), (None, 1000, 0.2)]
    table = pd.DataFrame(rows, columns=["labeller", "num_annotated", "mig_mean"]).assign(mig_std=0.01)
    table["model"] = ["few_labels"] * 4 + ["modular"]
    figure = figures.against_hyperparameter(table, "num_annotated", {"mig": "maximize"}, apart=["labeller"])
    text = drawn(figure)
    for expected in ("labeller = noisy", "labeller = perfect"):
        assert expected in text
    named = [label.get_text() for label in figure.legends[0].get_texts()]
    assert len(named) == 3
    assert named[-1] == "M-AE + ReL"
    lines = [list(line.get_ydata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    assert [0.1, 0.5] in lines
    assert [0.4, 0.8] in lines


@pytest.mark.parametrize(("ways", "lines"), [(("a", "b"), 1), (("paper_literal", "label_conditioned", "modular"), 3)])
def test_a_legend_above_the_panels_is_not_cut_off(ways: tuple[str, ...], lines: int) -> None:
    table = pd.DataFrame({"preset": ways, "model": "modular", "num_annotated": 100, "mig_mean": 0.5, "mig_std": 0.01})
    figure = figures.against_hyperparameter(table, "num_annotated", {"mig": "maximize"}, apart=["preset"])
    drawn(figure)
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert 0.0 <= box.x0 < box.x1 <= figure.bbox.width
    assert len({round(text.get_window_extent().y0) for text in legend.get_texts()}) == lines


def test_importance_of_each_models_hyperparameters() -> None:
    tables = {
        model: pd.DataFrame({"hyperparameter": list(names), "importance": [0.7, 0.3], "explained": 0.5})
        for model, names in {"beta_vae": ("beta", "capacity"), "cascade_vae_c": ("beta_l", "beta_h")}.items()
    }
    text = drawn(figures.importance(tables, "mig"))
    for expected in ("β-VAE: R² = 0.50", "β$_{\\mathrm{l}}$", "importance for MIG"):
        assert expected in text


def test_figures_are_saved_twice(tmp_path: pathlib.Path) -> None:
    path = figures.save(figures.hypervolume_history(np.arange(3.0)), tmp_path / "new", "history")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_dimensions_are_sorted_by_factor_then_activity() -> None:
    votes = np.array([[0, 9], [8, 1], [0, 0], [3, 1]])
    found = Dimensions(votes, ("shape", "posX"), np.array([1.0, 0.5, 0.0, 2.0]), np.ones(4), np.zeros(4))
    assert found.order.tolist() == [3, 1, 0, 2]
    assert found.label(1) == "$z_{2}$  shape 89%  0.50 nats"
    assert found.label(2) == "$z_{3}$  0.00 nats"


def test_principal_axes_keep_distances_in_the_plane() -> None:
    plane = np.random.default_rng(0).normal(size=(20, 2))
    rotated = np.concatenate([plane, np.zeros((20, 3))], 1)
    np.testing.assert_allclose(
        np.linalg.norm(principal_axes(rotated), axis=1), np.linalg.norm(plane - plane.mean(0), axis=1)
    )


def test_a_traversal_stays_where_a_model_has_codes(tmp_path: pathlib.Path) -> None:
    """The values of quantised codes are not those of N(0, 1)."""
    from trainables.training.run import TrainingRun

    run = TrainingRun(trial_config("qlae", tmp_path))
    assert run.model.reach == (-0.5, 0.5)
    dimensions = describe(run.model, core.data.load(run.config.dataset, run.config.data_root), images=64)
    text = drawn(figures.traversals(run.model, dimensions))
    assert "0.5" in text
    assert "3.0" not in text


@pytest.mark.parametrize("name", ["beta_vae", "cascade_vae"])
def test_pictures_of_a_model(name: str, tmp_path: pathlib.Path) -> None:
    from PIL import Image

    from trainables.training.run import TrainingRun

    run = TrainingRun(trial_config(name, tmp_path))
    model, dataset = run.model, core.data.load(run.config.dataset, run.config.data_root)
    dimensions = describe(model, dataset, images=64)
    blocks = model.categories[0] if model.categories else 1
    width = len(dimensions.spread)
    assert traversal(model, dimensions, np.zeros(2)).shape == (blocks, width, 2, 1, 64, 64)
    text = drawn(figures.traversals(model, dimensions, np.linspace(-3, 3, 3)))
    assert "nats" in text
    assert ("d = [0, 1, 0]" in text) == (blocks == 3)
    drawn(figures.reconstructions(model, dataset.images(np.arange(5))))
    drawn(figures.kl_per_dimension(dimensions))
    with Image.open(figures.animate(model, dimensions, tmp_path / "new" / "traversal.gif", frames=4)) as animation:
        assert animation.n_frames == 4
        low, _ = model.reach
        shown = traversal(model, dimensions, np.array([low]))
        np.testing.assert_array_equal(np.asarray(animation.convert("RGB")), grid(shown[:, :, 0]))


@pytest.mark.parametrize("name", ["modular", "weak"])
def test_components_of_a_modular_prior(name: str) -> None:
    import trainables

    info = core.data.DatasetInfo(
        "dsprites.v2", ("shape", "posX", "posY"), (3, 3, 3), (1, 64, 64), 12_150, "rendered", True
    )
    model_class = trainables.get(name)
    model = model_class(model_class.Hyperparameters(network="tiny", units=32), info).eval()
    samples = drawn(figures.prior_components(model, count=5))
    centroids = figures.component_centroids(model)
    assert ("posX" in samples) == (name == "modular")
    assert "posX" in drawn(centroids) or "combinations" in drawn(centroids)
    assert len(centroids.axes) == (9 if name == "modular" else 27)


def test_models_without_a_mixture_are_refused() -> None:
    with pytest.raises(ValueError, match="only modular models"):
        figures.prior_components(object())


def test_an_axis_holds_its_values_and_marks_few_of_them() -> None:
    linear = Axis.over([2.0, 10.0], False)
    assert linear.low < 2.0 < 10.0 < linear.high
    assert linear.fraction(6.0) == pytest.approx(0.5)
    logarithmic = Axis.over([1.0, 10.0, 100.0], True)
    assert logarithmic.fraction(10.0) == pytest.approx(0.5)
    assert logarithmic.ticks == (1.0, 10.0, 100.0)
    with_zero = Axis.over([0.0, 32.0, 1024.0], True)
    assert [with_zero.texts()[0], with_zero.texts()[-1]] == ["0", "1,024"]
    places = [with_zero.fraction(value) for value in (0.0, 16.0, 32.0, 1024.0)]
    assert places == sorted(places)
    assert 0.0 < places[0] < places[2] - places[0] < 0.3
    assert Axis.over([-1.0, 1000.0], True).least is None  # nothing below zero has a logarithm
    assert len(Axis.over([0.5, 0.6], True).ticks) >= 2
    for none in ([], [float("nan")], [5.0]):
        axis = Axis.over(none, False)
        assert axis.low < axis.high


@pytest.mark.parametrize("values", [[1.0, 2.5, 80.0], [0.0, 32.0, 1024.0], [3.0, 4.0, 9.0]])
def test_a_drawing_has_the_scale_of_its_axis(values: list[float]) -> None:
    axis, axes = Axis.over(values, True), Figure().subplots()
    axis.set_on(axes, "x")
    shares = axes.transAxes.inverted().transform(axes.transData.transform([(value, 0.0) for value in values]))[:, 0]
    np.testing.assert_allclose(shares, [axis.fraction(value) for value in values], atol=1e-9)


def test_decades_are_spanned_by_what_is_not_negative() -> None:
    assert spans_decades([1.0, 100.0])
    assert spans_decades([0.0, 32.0, 1024.0])
    assert not spans_decades([50.0, 200.0])
    assert not spans_decades([-1.0, 100.0])
    assert not spans_decades([])


def test_names_of_marks_lie_on_nothing() -> None:
    points = np.array([(50.0, 50.0), (60.0, 52.0), (55.0, 60.0), (150.0, 50.0)])
    found = places(points, ["β 1", "β 2", "", "a name that is too long for the box"], 12, (0, 0, 200, 100))
    assert found[0] is not None
    assert found[2] is None
    assert found[3] is None or found[3][2] != "start"
    assert mark_name("few_labels", {"beta": 4.732, "num_annotated": 1024, "gamma_sup": 30}) == "β 4.7, |S| 1,024"


def test_what_the_knobs_do_is_drawn_for_few_and_for_many() -> None:
    rng = np.random.default_rng(0)
    rows = 200
    table = pd.DataFrame(
        {
            "configuration": [f"{index:012x}" for index in range(rows)],
            "model": np.where(np.arange(rows) % 2, "beta_vae", "factor_vae"),
            "beta": rng.uniform(1, 16, rows),
            "gamma": rng.uniform(5, 40, rows),
            "network": np.where(np.arange(rows) % 3, "tiny", "small"),
            "mig_mean": rng.uniform(0, 1, rows),
            "mig_std": 0.1,
            "kl_mean": rng.uniform(1, 1000, rows),
            "kl_std": np.nan,
        }
    )
    searched = {"beta_vae": ["beta", "network"], "factor_vae": ["gamma"]}
    objectives = {"mig": "maximize", "kl": "minimize"}
    assert [knob.name for knob in figures.knobs(searched)] == ["beta", "network", "gamma"]
    for few in (table, table.head(6)):
        figure = figures.against_knobs(few, searched, objectives, {"beta", "gamma"})
        assert len(figure.axes) == 6
        assert "γ" in drawn(figure)
        assert "small" in drawn(figures.slices(few, figures.pairs_of(searched), "mig", "maximize"))
        lines = figures.parallel_coordinates(few, [few["configuration"].iloc[0]], searched, objectives)
        assert "MIG" in drawn(lines)
        assert max(len(axes.lines) for axes in lines.axes) < 110
