"""Which configurations are tried, with how many seeds, and which are stopped early; pure logic and Optuna."""
