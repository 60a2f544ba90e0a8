"""How trials are trained: alone, together with others, by the host of a device; and what that costs."""
