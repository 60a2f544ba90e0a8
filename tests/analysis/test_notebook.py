"""What a notebook shows of a study, a trial and a model."""

import base64
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

from analysis.study import Study
from core.images import png
from core.mistakes import QueryError
from core.storage import Folder
from tests.analysis.kit import StudyWriter, random_study
from tests.analysis.report.test_report import Page


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return random_study(tmp_path_factory.mktemp("notebook"))


def test_a_study_shows_its_verdict_its_front_and_its_report(study: Study) -> None:
    (study.path / "study.yaml").write_text("# Does <β> matter?\nname: made\n")
    card = study._repr_html_()
    Page(card)
    for expected in (
        "Does &lt;β&gt; matter?",
        "36 trials: 36 completed",
        "reaches the highest FactorVAE score",
        "<svg",
    ):
        assert expected in card
    assert card.count("<tr>") == 1 + len(study.front())
    assert "report.html" not in card
    page = study.report()
    assert f'<a href="{page.as_uri()}">report.html</a>' in study._repr_html_()


def test_a_study_without_anything_shows_that(tmp_path: pathlib.Path) -> None:
    card = StudyWriter(tmp_path).study._repr_html_()
    Page(card)
    assert "nothing has begun" in card
    assert "There is no verdict yet" in card


def test_the_front_has_the_columns_that_tell_its_rows_apart(study: Study) -> None:
    front = study.front()
    objectives = [f"{key}_{part}" for key in study.objectives for part in ("mean", "std")]
    assert list(front.columns) == ["configuration", "model", "beta", "gamma", "nu", "n", *objectives]
    whole = study.front(columns="all")
    assert {"batch_size", "state", "mig_mean"} <= set(whole.columns)
    assert whole["configuration"].tolist() == front["configuration"].tolist()


def test_plots_of_a_study(study: Study, tmp_path: pathlib.Path) -> None:
    assert study.plot().axes[0].get_ylabel() == "FactorVAE score ↑"
    figure = study.plot("beta")
    assert [axes.get_xlabel() for axes in figure.axes] == ["β", "β"]
    with pytest.raises(QueryError, match="did you mean 'beta'"):
        study.plot("betta")
    with pytest.raises(QueryError, match="no completed configuration with 'beta' yet"):
        StudyWriter(tmp_path).study.plot("beta")


def test_a_figure_shows_itself_in_a_fresh_kernel(study: Study) -> None:
    """A notebook asks an object for its picture; pyplot, which would lend it one, is not imported by any of this."""
    code = (
        "import sys; from analysis.study import Study\n"
        f"picture = Study({study.name!r}, {str(study.root)!r}).plot()._repr_png_()\n"
        "assert picture.startswith(b'\\x89PNG') and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_trial_is_one_line_and_its_pictures(study: Study) -> None:
    trial = study.best()[0]
    assert repr(trial).startswith(f"<trial {trial.identity}: CHyVAE (ν = ")
    assert "seed" in repr(trial)
    assert len(repr(trial)) < 200
    assert "<img" not in trial._repr_html_()
    picture = png(np.zeros((4, 4, 3), dtype=np.uint8))
    Folder(trial.checkpoint).write("pictures", {"traversal.png": picture, "reconstruction.png": picture})
    assert list(trial.pictures()) == ["reconstruction", "traversal"]
    shown = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="(\w+) of this trial"', trial._repr_html_())
    assert [(base64.b64decode(data), name) for data, name in shown] == [
        (picture, "reconstruction"),
        (picture, "traversal"),
    ]


def test_a_model_says_what_it_is_and_shows_images(tmp_path: pathlib.Path) -> None:
    from studies.testing.trials import trial_config
    from trainables.training.run import TrainingRun

    model = TrainingRun(trial_config("beta_vae", tmp_path)).model
    shown = model._repr_html_()
    Page(shown)
    for expected in (
        "β-VAE",
        "0 steps on dsprites.quick",
        "images of 1 × 64 × 64",
        "codes of 10 numbers",
        "model.show",
    ):
        assert expected in shown
    images = np.zeros((3, 1, 64, 64), dtype=np.uint8)
    picture = model.show(images)
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert picture.save(tmp_path / "shown.png").read_bytes() == picture.png
    assert model.show(images / 255).png == picture.png
    assert model.show(images[0, 0]).png != picture.png  # one image alone
