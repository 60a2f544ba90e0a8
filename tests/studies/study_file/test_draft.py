"""A study file as far as it can be read."""

from studies.study_file.draft import read_draft


def test_what_cannot_be_read_is_told_in_order_and_the_rest_is_there() -> None:
    draft, problems = read_draft(
        {"nam": 1, "dataset": "dsprite", "seed": -1, "budget": {"steps": 5, "evaluate_every": 5}, "early_stop": None},
        None,
    )
    assert [problem.path[0] for problem in problems] == ["nam", "name", "dataset", "seed", "early_stop", "models"]
    assert (draft.name, draft.dataset, draft.info, draft.seed, draft.early_stop) == (None, "dsprite", None, 0, None)
    assert draft.budget is not None
    assert draft.budget.steps == 5


def test_models_that_exist_and_all_that_are_written() -> None:
    draft, _ = read_draft({"models": {"vae": None, "vea": {}, "beta_vae": 3, "dip_vae": {"lambda_od": 5.0}}}, None)
    assert draft.models == {"vae": {}, "dip_vae": {"lambda_od": 5.0}}
    assert list(draft.written_models) == ["vae", "vea", "beta_vae", "dip_vae"]
