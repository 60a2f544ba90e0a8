"""From a study file to a validated specification, and what it will take."""
