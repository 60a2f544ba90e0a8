"""Whether a search still pays: the hypervolume, and what the next configurations would likely add to it.

The volume is taken apart by how many configurations dominate each of its places. What exactly one dominates would be
missing without it; per configuration this is, for draws that can be exchanged, the expected gain of the last of them:
the Good-Turing argument, with places for species. What exactly two dominate says how fast that declines: Chao's
estimate of the unseen, extrapolated (Chao et al. 2014, "Rarefaction and extrapolation with Hill numbers").
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from core import pareto

MORE = 10  # configurations, of which the gain is told
FEWEST = 5  # configurations, from which on it is told
WORTH = 0.01  # of the hypervolume; a search that adds less has stopped paying
DRAWS = 200  # of the next configurations, for the range
LOW, HIGH = 0.1, 0.95  # quantiles of the draws: of few configurations, a range is too narrow at its upper end
DEEPEST = 2  # configurations that dominate a place, as far as they are counted
MOST_CELLS = 2**20  # of the grid on which volumes are exact; of more, they are sampled
PLACES = 2**15  # that are sampled
ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1, dtype=np.int64)  # of each byte
TRY_ALL = frozenset({"grid", "GridSampler", "BruteForceSampler"})
LEARN_NOTHING = frozenset({"random", "RandomSampler", "QMCSampler"})


@dataclasses.dataclass(frozen=True)
class Gain:
    """A hypervolume, and what the next configurations would likely add to it.

    Attributes:
        hypervolume: now.
        more: configurations that the gain is of.
        expected: their gain, in units of the hypervolume.
        low: where the range of what may come begins.
        high: where it ends.
    """

    hypervolume: float
    more: int
    expected: float
    low: float
    high: float

    @property
    def shares(self) -> tuple[float, float, float]:
        """Expected, low and high, as shares of the hypervolume."""
        return self.expected / self.hypervolume, self.low / self.hypervolume, self.high / self.hypervolume

    @property
    def in_percent(self) -> str:
        """Of the hypervolume, for a person: `1.2 % (0.1 to 3.5 %)`."""
        expected, low, high = map(percent, self.shares)
        return f"{expected} % ({low} to {high} %)"


def percent(share: float) -> str:
    """A share in per cent, without the sign: `0.4`, `12`."""
    return f"{100 * share:.1f}" if share < 0.0995 else f"{100 * share:,.0f}"


def sampler_name(sampler: object) -> str:
    """A study file's `sampler` for a person."""
    return str(sampler["class"] if isinstance(sampler, dict) else sampler)


def kind_of_search(sampler: object) -> str:
    """What a study file's `sampler` does: `try all` points, `draw` without learning, or `learn` from results."""
    name = sampler_name(sampler).rpartition(".")[2]
    return "try all" if name in TRY_ALL else "draw" if name in LEARN_NOTHING else "learn"


def gain_of(
    points: np.ndarray,
    directions: Sequence[str],
    reference: Sequence[float],
    *,
    learns: bool,
    given: int = 0,
    more: int = MORE,
) -> Gain | None:
    """What the next configurations would likely add to the hypervolume of those that ended.

    Of a sampler that does not learn, all configurations tell, and their gain declines. One that learns has left its
    first configurations behind: the next ones are taken to be as good as the last ones, each of which is judged
    against all others.

    How it did on simulated searches of five to a hundred configurations with two and three objectives, for the next
    ten. Random search, fronts of five shapes, with and without noise, from ten configurations on: on average it
    expected 0.7 to 1.1 times what came, and the range held what came in 80 to 93 % of searches; from five, it
    expected half of what came. TPE and NSGA-II, three problems, from twenty on: 0.6 to 1.3 times, and the range held
    68 to 93 %, mostly three of four. Of a single search the expectation is often wrong by half of itself and more;
    where the range ended below a hundredth of the hypervolume, more than that came in one search of eighteen.

    Of one objective nothing is told. There, too, the expectation is right on average, but it hangs on the distance
    between the best two, which says nothing about the next: as much came where little was expected as where much was.

    Told is the gain in observed means, of which some is luck: the front of noisy means rises even where nothing is
    better. How much depends on the share of the variance between configurations that is their seeds'
    (`analysis.search.share_of_seeds`): in simulations, most of it from a share of a half on.

    Args:
        points: means of the objectives (N, M) in the order of the search; NaN for a configuration that failed, was
            stopped, or misses a constraint: it added nothing, as one of the next may.
        directions: of the objectives.
        reference: point (M,).
        learns: whether the sampler learns from results.
        given: how many of the first were chosen by a person; they tell nothing about what the sampler finds.
        more: how many of the next.

    Returns:
        None for one objective, for fewer than five configurations that the sampler chose, or where none is better than
        the reference.
    """
    if len(directions) < 2 or len(points) - given < FEWEST:
        return None
    volume, alone, twice = contributions(points, directions, reference)
    if volume <= 0:
        return None
    chosen = alone[given:]
    telling = chosen[-min(more, len(chosen) // 2) :] if learns else chosen
    steady = float(more * telling.mean())
    decline = 1.0 if learns else _decline(float(alone.sum()), twice, len(points), more)
    drawn = _draws(telling, more)
    # the last ones may all have failed by chance: the next are not taken to be worse than all are
    high = max(np.quantile(each, HIGH) for each in (drawn, _draws(chosen, more)))
    return Gain(volume, more, decline * steady, float(decline * np.quantile(drawn, LOW)), float(high))


def _decline(once: float, twice: float, number: int, more: int) -> float:
    """By how much the mean gain of the next falls short of that of the last, by Chao's extrapolation.

    Args:
        once: volume that exactly one of the configurations dominates.
        twice: volume that exactly two of them dominate.
        number: of configurations.
        more: of the next.
    """
    if twice < 1e-9 * once or not once:  # there is no end to the unseen, or nothing is left of it
        return 1.0
    unseen = (number - 1) / number * once**2 / (2 * twice)
    found = once / (number * unseen + once)  # of the unseen, by the next one
    return float(unseen * -np.expm1(more * np.log1p(-found)) / (more * once / number))


def _draws(contributions: np.ndarray, more: int) -> np.ndarray:
    """Sums of contributions that are drawn as often as `more`, each time from a Bayesian bootstrap of them."""
    paid = contributions[contributions > 0]
    idle = len(contributions) - len(paid)
    rng = np.random.default_rng(0)
    weights = rng.dirichlet([*np.ones(len(paid)), *([idle] if idle else [])], DRAWS)
    return rng.multinomial(more, weights)[:, : len(paid)] @ paid


def contributions(
    points: np.ndarray, directions: Sequence[str], reference: Sequence[float]
) -> tuple[float, np.ndarray, float]:
    """Hypervolume of points (N, M), the part (N,) that each alone dominates, and the part that exactly two dominate.

    Exact on a grid of up to a million cells, which holds hundreds of points with two objectives, a hundred with three
    and thirty with four; of more, an estimate that errs by about a hundredth.
    """
    losses = pareto.as_losses(points, directions)
    bound = pareto.as_losses(np.asarray(reference, dtype=float)[None], directions)[0]
    kept = np.flatnonzero((np.nan_to_num(losses, nan=np.inf) < bound).all(1))
    kept = kept[_dominators(losses[kept]) <= DEEPEST]  # what lies behind more, changes no count that is asked for
    alone = np.zeros(len(points))
    if not len(kept):
        return 0.0, alone, 0.0
    times, owner, volumes = _regions(losses[kept], bound)
    once = times == 1
    alone[kept] = np.bincount(owner[once], volumes[once], len(kept))
    return float(volumes[times > 0].sum()), alone, float(volumes[times == 2].sum())


def _dominators(losses: np.ndarray) -> np.ndarray:
    """By how many of N points (N, M) each is dominated: (N,); of equal points, by those that stand before it."""
    behind = (losses[:, None] <= losses[None]).all(2)
    after = np.tri(len(losses), dtype=bool)
    return (behind & ~(behind & behind.T & after)).sum(0)


def _regions(losses: np.ndarray, bound: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The space that points (N, M) dominate, in pieces: how many dominate each, which one where it is one, volume."""
    axes = [np.unique(column, return_inverse=True) for column in losses.T]
    shape = tuple(len(edges) for edges, _ in axes)
    if np.prod(shape, dtype=float) > MOST_CELLS:
        return _sampled_regions(losses, bound)
    # the number of points in the lower half of each integer, the sum of their indices in the upper: one sum gives both
    cells = np.zeros(shape, dtype=np.int64)
    np.add.at(cells, tuple(places for _, places in axes), 1 + (np.arange(len(losses)) << 32))
    for axis in range(cells.ndim):
        np.cumsum(cells, axis, out=cells)
    widths = [np.diff(np.append(edges, end)) for (edges, _), end in zip(axes, bound, strict=True)]
    volumes = functools.reduce(np.multiply.outer, widths)
    return (cells & 0xFFFFFFFF).ravel(), (cells >> 32).ravel(), volumes.ravel()


def _sampled_regions(losses: np.ndarray, bound: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same at random places, each of which stands for an equal volume."""
    best = losses.min(0)
    places = best + (bound - best) * np.random.default_rng(0).random((PLACES, len(bound)))
    behind = np.full((PLACES, -(-len(losses) // 8)), 0xFF, dtype=np.uint8)  # a bit for each point
    for column, drawn in zip(losses.T, places.T, strict=True):
        order = np.argsort(column)
        ahead = np.argsort(order) < np.arange(len(column) + 1)[:, None]
        behind &= np.packbits(ahead, axis=1)[np.searchsorted(column[order], drawn, side="right")]
    times = ONES[behind].sum(1)
    owner = np.zeros(PLACES, dtype=np.int64)
    once = times == 1
    owner[once] = np.unpackbits(behind[once], axis=1).argmax(1)
    return times, owner, np.full(PLACES, np.prod(bound - best) / PLACES)


def paid_until(history: np.ndarray) -> int:
    """After how many configurations all the others added less than a hundredth of the hypervolume.

    Args:
        history: hypervolume (N,) after each configuration.
    """
    return int(np.searchsorted(history, (1 - WORTH) * history[-1], side="right")) + 1 if len(history) else 0
