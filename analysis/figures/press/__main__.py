"""Write figures that come pickled on standard input, after matplotlib's settings, until it closes: see `Press`."""

import gc
import pickle
import sys

import matplotlib as mpl

from analysis.figures.press import write


def main() -> None:
    """`python -m analysis.figures.press`."""
    mpl.rcParams.update(pickle.load(sys.stdin.buffer))
    while True:
        try:
            figure, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            gc.freeze()  # for Python to look for cycles to the end would take as long as a figure
            return
        write(figure, path)


if __name__ == "__main__":
    main()
