"""Top floor: what to run, and the command line."""
