"""Ground floor: data sets, metrics, checkpoints and the records of a study. No Ray, no study logic."""
