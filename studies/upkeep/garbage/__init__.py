"""What belongs to no study any more, or is no longer needed by one."""
