"""Small formulas of a study file, parsed and never run as Python."""
