"""A smooth function that was seen with noise, at few places: a Gaussian process averaged over kernels."""

import warnings

import numpy as np

from core.metrics.threads import one_thread

MOST = 200  # configurations by which kernels are judged, for time
VARIANCE = (0.1, 10.0)  # of the smooth function, in units of the variance between configurations
LENGTH = (0.3, 10.0)  # length scale of a hyperparameter, in units of the range that was tried
NOISE = (1e-4, 1.0)  # where it is not known, in units of the variance between configurations
OTHERS = 64  # kernels beside the most likely one; a power of two, which a Sobol sequence wants
NEGLIGIBLE = 1e-3  # weight of a kernel
LEAST = 1e-6  # noise, as a share of the variance between configurations


def posterior(at: np.ndarray, values: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A smooth function of which values were seen with noise: its mean, its deviation, variance of the noise, all (N,).

    Args:
        at: places (N, K) of the values.
        values: that were seen.
        variances: of the noise (N,); NaN where it is to be estimated, the same for all.
    """
    middle, scale = values.mean(), values.std()
    seen, noise = (values - middle) / scale, np.maximum(variances / scale**2, LEAST)
    some = np.random.default_rng(0).permutation(len(at))[:MOST]
    mean, square, of_seeds = np.zeros((3, len(at)))
    with one_thread():  # on small matrices more threads wait for each other
        candidates = kernels(at[some], seen[some], noise[some])
        judged = [Process(each, at[some], seen[some], noise[some]).likelihood() for each in candidates]
        weights = np.exp(np.array(judged) - max(judged))
        weights[weights < NEGLIGIBLE * weights.sum()] = 0.0
        for index in np.flatnonzero(weights):
            process = Process(candidates[index], at, seen, noise)
            own, variance = process.posterior()
            mean += weights[index] * own
            square += weights[index] * (own**2 + variance)
            of_seeds += weights[index] * process.noise
    mean, square, of_seeds = np.array([mean, square, of_seeds]) / weights.sum()
    return mean * scale + middle, np.sqrt(np.maximum(square - mean**2, 0.0)) * scale, of_seeds * scale**2


def kernels(at: np.ndarray, seen: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The most likely kernel and others from all over the bounds, as `Process` takes them."""
    from scipy.stats import qmc
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel(1.0, VARIANCE) * Matern(np.full(at.shape[1], 0.5), LENGTH, nu=2.5)
    known = not np.isnan(noise).any()
    if not known:
        kernel = kernel + WhiteKernel(0.1, NOISE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length scale at its bound: the knob hardly matters
        best = GaussianProcessRegressor(kernel, alpha=noise if known else LEAST).fit(at, seen).kernel_
    low, high = best.bounds.T
    return np.vstack([best.theta, qmc.scale(qmc.Sobol(len(low), seed=0).random(OTHERS), low, high)])


class Process:
    """A Gaussian process at the places where it was seen, by Rasmussen and Williams 2006, algorithm 2.1.

    For many kernels of a few places: to give `GaussianProcessRegressor` another kernel takes it longer than to use it.

    Args:
        kernel: logarithms of its variance, of a length scale (K) for each coordinate, of the noise where it is unknown.
        at: places (N, K).
        seen: values (N,).
        noise: its variance (N,), NaN where the kernel has it.
    """

    def __init__(self, kernel: np.ndarray, at: np.ndarray, seen: np.ndarray, noise: np.ndarray) -> None:
        from scipy.linalg import cho_solve
        from sklearn.gaussian_process.kernels import Matern

        variance, *length = np.exp(kernel[: 1 + at.shape[1]])
        self.noise = np.where(np.isnan(noise), np.exp(kernel[-1]) + LEAST, noise)
        self._signal = variance * Matern(np.array(length), nu=2.5)(at)
        self._factor = np.linalg.cholesky(self._signal + np.diag(self.noise))
        self._seen = seen
        self._solved = cho_solve((self._factor, True), seen)

    def likelihood(self) -> float:
        """The logarithm of the marginal one, without its constant."""
        return float(-0.5 * self._seen @ self._solved - np.log(np.diag(self._factor)).sum())

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance, (N,) each, of the smooth function."""
        from scipy.linalg import solve_triangular

        explained = solve_triangular(self._factor, self._signal, lower=True)
        return self._signal @ self._solved, np.diag(self._signal) - (explained**2).sum(0)
