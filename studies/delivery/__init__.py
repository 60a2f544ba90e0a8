"""From the journal to the stores that users open: MLflow and Optuna, by a process of its own."""
