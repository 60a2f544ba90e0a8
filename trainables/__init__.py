"""Models and their training: one file per model."""
