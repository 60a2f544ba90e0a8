"""Which images a model may see with their factors, and what labels these get."""
