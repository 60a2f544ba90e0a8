from studies import presentation

SPEC = {
    "name": "made",
    "dataset": {"name": "dsprites", "fix": {"scale": 5}},
    "models": {"beta_vae": {"beta": {"log": [1, 16]}, "network": "tiny"}, "vae": {}},
    "defaults": {"learning_rate": [0.001, 0.0001], "batch_size": 64},
    "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
    "budget": {"steps": 20_000, "evaluate_every": 1000},
}


def event(model: str, number: int, **hyperparameters: object) -> dict[str, object]:
    return {"type": "configuration", "number": number, "model": model, "hyperparameters": hyperparameters}


def test_a_configuration_is_named_by_what_the_study_varies() -> None:
    suggested = event("beta_vae", 4, batch_size=64, learning_rate=0.001, network="tiny", beta=4.123456)
    assert presentation.configuration_name(SPEC, suggested) == "0004 beta_vae learning_rate=0.001 beta=4.123"
    assert presentation.configuration_name(SPEC, event("vae", 12)) == "0012 vae"
    assert presentation.trial_name(suggested, 2) == "0004 beta_vae seed 2"
    many = {f"knob_{index}": [1, 2] for index in range(40)}
    spec = {**SPEC, "models": {"vae": many}}
    long = presentation.configuration_name(spec, event("vae", 0, **dict.fromkeys(many, 1)))
    assert len(long) == presentation.LONGEST


def test_an_experiment_says_what_it_is_and_how_to_read_it() -> None:
    tags = presentation.experiment_tags(SPEC, "Whether β matters.")
    note = tags[presentation.NOTE]
    assert note.startswith("Whether β matters.\n")
    for part in ("`dsprites`", "`beta_vae`, `vae`", "`mig` ↑", "20,000 steps", "`report of made`", "`mean/mig`"):
        assert part in note
    assert presentation.experiment_tags(SPEC, "")[presentation.NOTE].startswith("Data set")
    assert tags[presentation.KIND] == "custom_model_development"
