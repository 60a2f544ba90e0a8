"""Names of the columns that every table of trials has, whatever is measured; read without pandas."""

from core.formulas.costs import COSTS

SECONDS = ("seconds_training", "seconds_evaluating", "seconds_waiting")
LEDGER = (*SECONDS, *(name for name in COSTS if name not in SECONDS))
OF_TRIAL = ("seed", "state", "reason", "steps", "seconds", *LEDGER, "mlflow_run_id")
LEADING = ("configuration", "seed", "model")
