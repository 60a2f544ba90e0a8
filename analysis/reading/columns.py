"""Names of the columns that every table of trials has, whatever is measured; read without pandas."""

LEDGER = ("seconds_training", "seconds_evaluating", "seconds_waiting")
OF_TRIAL = ("seed", "state", "reason", "steps", "seconds", *LEDGER, "mlflow_run_id")
LEADING = ("configuration", "seed", "model")
