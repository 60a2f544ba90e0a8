"""Whether this machine, its places, the stores and the cluster would carry a study, and what to do where not."""
