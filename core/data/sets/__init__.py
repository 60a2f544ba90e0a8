"""One file per data set; each defines ``FAMILY`` and is found by `core.data.registry`."""
