"""A study on the disk as its driver holds it: its folder, and the state that every change is written to."""
