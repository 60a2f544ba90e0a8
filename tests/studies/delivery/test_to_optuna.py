"""Which study of Optuna's storage belongs to a launch."""

import pathlib

import optuna

from core.record.places import sqlite_url
from studies.delivery.to_optuna import LAUNCH, name_in_optuna, open_storage


def test_a_study_of_optuna_that_a_killed_process_left_unmarked_is_taken(tmp_path: pathlib.Path) -> None:
    storage = open_storage(sqlite_url(tmp_path / "optuna.db"))
    directions = ["maximize", "minimize"]
    optuna.create_study(study_name="mine", storage=storage, directions=directions)  # killed before it was marked
    assert name_in_optuna(storage, "mine", "0123456789") == "mine"

    other = optuna.create_study(study_name="theirs", storage=storage, directions=directions)
    other.add_trial(optuna.trial.create_trial(values=[1.0, 2.0]))
    assert name_in_optuna(storage, "theirs", "0123456789") == "theirs 01234567"
    mine = optuna.create_study(study_name="theirs 01234567", storage=storage, directions=directions)
    mine.set_user_attr(LAUNCH, "0123456789")
    optuna.delete_study(study_name="theirs", storage=storage)
    assert name_in_optuna(storage, "theirs", "0123456789") == "theirs 01234567"
    storage.engine.dispose()
