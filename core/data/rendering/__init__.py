"""How images are drawn: three-dimensional scenes by ray casting, ellipses by their equation."""
