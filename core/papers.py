"""The experiments of the source papers: what a study file may say that it repeats, `paper: chyvae_figure2`."""

EXPERIMENTS = {
    "chyvae_figure2": "CHyVAE, figure 2: FactorVAE score against reconstruction error, by model and weight",
    "chyvae_figure3": "CHyVAE, figure 3: the same on another data set",
    "chyvae_figure4": "CHyVAE, figure 4: the score over training",
    "few_labels": "Locatello et al. 2020: scores against the number of annotated images",
    "lecture_table1": "the lecture's first table (Jeong & Song 2019, table 1): FactorVAE scores",
    "lecture_table2": "the lecture's second table (Jeong & Song 2019, table 2): classification accuracy",
    "modular_table1": "M-AE, table 1: relation accuracy by version of the data set",
    "modular_table2": "M-AE, table 2: DCI, MIG and SAP of four methods with labels",
    "twelve_thousand": "Locatello et al. 2019: what scores depend on, over 12,600 models",
}


def of_name(study: str) -> str | None:
    """The experiment that a study is named after; so it was told before study files had the key."""
    found = study.partition("-")[0]
    return found if found in EXPERIMENTS else None
