"""One report over several studies: their common front, and what each gave to it."""
