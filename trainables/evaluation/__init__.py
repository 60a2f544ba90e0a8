"""What a trained model is asked: inputs of metrics, and pictures."""
