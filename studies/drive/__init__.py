"""How a study runs: the agenda, and Ray Tune around it."""
