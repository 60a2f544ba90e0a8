"""What needs trained models: what their latents stand for, how seeds agree, a winner as an MLflow model."""
