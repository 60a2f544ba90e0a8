from core.configuration import Configuration
from core.record.history import ConfigurationHistory
from studies.delivery import wording

SPEC = {
    "name": "made",
    "dataset": {"name": "dsprites", "fix": {"scale": 5}},
    "models": {"beta_vae": {"beta": {"log": [1, 16]}, "network": "tiny"}, "vae": {}},
    "defaults": {"learning_rate": [0.001, 0.0001], "batch_size": 64},
    "objectives": {"mig": "maximize", "reconstruction_error": "minimize"},
    "budget": {"steps": 20_000, "evaluate_every": 1000},
}


def suggested(model: str, number: int, **hyperparameters: object) -> ConfigurationHistory:
    return ConfigurationHistory(Configuration(model, hyperparameters), number)


def test_a_configuration_is_named_by_what_the_study_varies() -> None:
    fourth = suggested("beta_vae", 4, batch_size=64, learning_rate=0.001, network="tiny", beta=4.123456)
    assert wording.configuration_name(SPEC, fourth) == "0004 learning_rate=0.001 beta=4.123 beta_vae"
    assert wording.configuration_name(SPEC, suggested("vae", 12)) == "0012 vae"
    assert wording.trial_name(fourth, 2) == "0004 seed 2 beta_vae"
    many = {f"knob_{index}": [1, 2] for index in range(40)}
    spec = {**SPEC, "models": {"vae": many}}
    long = wording.configuration_name(spec, suggested("vae", 0, **dict.fromkeys(many, 1)))
    assert len(long) == wording.LONGEST


def test_an_experiment_says_what_it_is_and_how_to_read_it() -> None:
    tags = wording.experiment_tags(SPEC, "Whether β matters.")
    note = tags[wording.NOTE]
    assert note.startswith("Whether β matters.\n")
    for part in ("`dsprites`", "`beta_vae`, `vae`", "`mig` ↑", "20,000 steps", "`report of made`", "`mean/mig`"):
        assert part in note
    assert wording.experiment_tags(SPEC, "")[wording.NOTE].startswith("Data set")
    assert tags[wording.KIND] == "custom_model_development"
