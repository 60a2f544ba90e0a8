"""One file per metric, found by the registry: it defines METRIC."""
