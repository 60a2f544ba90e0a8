"""One file per model, named like the model."""
