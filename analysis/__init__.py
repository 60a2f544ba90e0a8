"""Reads finished or running studies and turns them into answers: queries, statistics, figures, reports. No Ray."""
