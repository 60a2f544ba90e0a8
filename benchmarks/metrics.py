"""Metrics against plain constructions in the published settings: `python -m benchmarks.metrics [--quick]`.

One core, both sides in one run, medians of the repeats. The plain sides are what a first reading of the papers
gives: numpy loops and scikit-learn. The encoder is the shared 64x64 network on a dSprites-sized data set. The
plain votes are timed on a tenth of their batches, which are all alike, and scaled.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from sklearn.svm import LinearSVC

import core.metrics

SIZES = (3, 6, 40, 32, 32)
TRAIN, TEST, DIMS = 10_000, 5_000, 10


class Sprites:
    """As many images and factors as dSprites: packed bits, unpacked when asked for."""

    factor_sizes = SIZES
    factor_names = ("shape", "scale", "orientation", "posX", "posY")

    def __init__(self) -> None:
        self.packed = np.random.default_rng(0).integers(0, 256, size=(4096, 512), dtype=np.uint8)

    def __len__(self) -> int:
        return int(np.prod(SIZES))

    def factors(self, indices):
        return np.stack(np.unravel_index(indices, SIZES), axis=1)

    def images(self, indices):
        bits = np.unpackbits(self.packed[np.asarray(indices) % 4096], axis=1)
        return bits.reshape(-1, 1, 64, 64) * np.uint8(255)

    def sample_factors(self, n, rng):
        return np.stack([rng.integers(size, size=n) for size in SIZES], axis=1)

    def sample_indices(self, factors, rng):
        del rng
        return np.ravel_multi_index(tuple(np.asarray(factors).T), SIZES)


def build_networks():
    """The 64x64 encoder (to mean and log variance) and decoder that every model of the papers shares."""
    torch.manual_seed(0)
    nn = torch.nn
    encoder, channels = [], 1
    for width in (32, 32, 64, 64):
        encoder += [nn.Conv2d(channels, width, 4, 2, 1), nn.ReLU(inplace=True)]
        channels = width
    encoder += [nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(inplace=True), nn.Linear(256, 2 * DIMS)]
    decoder = [nn.Linear(DIMS, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU(), nn.Unflatten(1, (64, 4, 4))]
    for before, after in ((64, 64), (64, 32), (32, 32)):
        decoder += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.ReLU(inplace=True)]
    decoder += [nn.ConvTranspose2d(32, 1, 4, 2, 1)]
    return nn.Sequential(*encoder).to(memory_format=torch.channels_last), nn.Sequential(*decoder)


class Model:
    """Encode and decode numpy images."""

    def __init__(self) -> None:
        self.encoder, self.decoder = build_networks()
        self.images_encoded = 0

    @torch.inference_mode()
    def posterior(self, images):
        self.images_encoded += len(images)
        pixels = torch.from_numpy(images).float().div_(255).to(memory_format=torch.channels_last)
        return self.encoder(pixels).numpy()

    def encode(self, images):
        return self.posterior(images)[:, :DIMS]

    @torch.inference_mode()
    def logits(self, images, rng):
        codes = self.encode(images)
        if rng is not None:
            codes = codes + rng.standard_normal(codes.shape, dtype=np.float32)
        return self.decoder(torch.from_numpy(codes)).numpy()


def synthetic(seed: int, sizes=SIZES, rows: int = TRAIN + TEST):
    """Codes that mix a few factors each, from nearly aligned to fully mixed with the seed."""
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(size, size=rows) for size in sizes], axis=1)
    scaled = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    aligned = np.eye(len(sizes), DIMS)
    mixing = aligned + rng.uniform(0, 1.5) * rng.normal(size=aligned.shape) * (rng.random(aligned.shape) < 0.4)
    noise = rng.uniform(0.05, 1.0, DIMS) * rng.normal(size=(rows, DIMS))
    return (scaled @ mixing + noise).astype(np.float32), factors


def plain_information(codes, factors, bins=20):
    binned = np.zeros(codes.shape, dtype=int)
    for j in range(codes.shape[1]):
        binned[:, j] = np.digitize(codes[:, j], np.histogram(codes[:, j], bins)[1][:-1])
    information = np.zeros((codes.shape[1], factors.shape[1]))
    for j in range(codes.shape[1]):
        for k in range(factors.shape[1]):
            information[j, k] = mutual_info_score(factors[:, k], binned[:, j])
    return information


def plain_mig(codes, factors):
    information = plain_information(codes, factors)
    entropies = np.array([mutual_info_score(column, column) for column in factors.T])
    ordered = np.sort(information, axis=0)[::-1]
    return float(np.mean((ordered[0] - ordered[1]) / entropies))


def plain_modularity(codes, factors):
    squares = plain_information(codes, factors) ** 2
    best = squares.max(axis=1)
    return float(np.mean(1 - (squares.sum(axis=1) - best) / (best * (factors.shape[1] - 1))))


def plain_sap(codes, factors, test_codes, test_factors):
    scores = np.zeros((codes.shape[1], factors.shape[1]))
    for j in range(codes.shape[1]):
        for k in range(factors.shape[1]):
            model = LinearSVC(C=0.01, class_weight="balanced", random_state=0)
            model.fit(codes[:, [j]], factors[:, k])
            scores[j, k] = model.score(test_codes[:, [j]], test_factors[:, k])
    ordered = np.sort(scores, axis=0)[::-1]
    return float(np.mean(ordered[0] - ordered[1]))


def plain_factor_votes(encode, data, votes, rng):
    for _ in range(votes):
        factors = data.sample_factors(64, rng)
        k = rng.integers(5)
        factors[:, k] = factors[0, k]
        np.var(encode(data.images(data.sample_indices(factors, rng))), axis=0, ddof=1).argmin()


def plain_beta_points(encode, data, points, rng):
    features, labels = [], []
    for _ in range(points):
        k = rng.integers(5)
        first, second = data.sample_factors(64, rng), data.sample_factors(64, rng)
        second[:, k] = first[:, k]
        codes = [encode(data.images(data.sample_indices(part, rng))) for part in (first, second)]
        features.append(np.abs(codes[0] - codes[1]).mean(axis=0))
        labels.append(k)
    return np.array(features), np.array(labels)


def seconds(action: Callable[[], object], repeats: int = 1) -> tuple[float, object]:
    times, value = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        value = action()
        times.append(time.perf_counter() - start)
    return statistics.median(times), value


def row(name: str, plain: float, ours: float, target: str, note: str) -> None:
    print(f"| {name} | {plain:.3f} | {ours:.3f} | {plain / ours:.1f}× | {target} | {note} |", flush=True)


def compare_pool_metrics() -> None:
    codes, factors = synthetic(1)
    head = {"codes": codes[:TRAIN], "factors": factors[:TRAIN]}
    split = head | {"test_codes": codes[TRAIN:], "test_factors": factors[TRAIN:]}
    for name, construction in (("mig", plain_mig), ("modularity", plain_modularity)):
        plain, expected = seconds(lambda c=construction: c(**head), 5)
        ours, found = seconds(lambda n=name: core.metrics.compute(n, protocol="dlib", **head), 15)
        row(name, plain, ours, "20×", f"difference {abs(found[name] - expected):.1e}")
    plain, expected = seconds(lambda: plain_sap(**split), 3)
    ours, found = seconds(lambda: core.metrics.compute("sap", **split), 5)
    row("sap_svc (and sap_r2)", plain, ours, "1.5×", f"difference {abs(found['sap_svc'] - expected):.1e}")


def compare_dci(quick: bool) -> None:
    sizes, rows = ((3, 6, 10), 1_500) if quick else (SIZES, TRAIN + TEST)
    codes, factors = synthetic(1, sizes, rows)
    inputs = {"codes": codes, "factors": factors}
    gbt, first = seconds(lambda: core.metrics.compute("dci", **inputs))
    lgbm, second = seconds(lambda: core.metrics.compute("dci_lgbm", **inputs), 1 if not quick else 3)
    gap = second["dci_lgbm_disentanglement"] - first["dci_disentanglement"]
    row(f"dci_lgbm against dci, {rows:,} rows", gbt, lgbm, "25×", f"disentanglement differs by {gap:+.3f}")


def rank_correlation(representations: int = 30) -> None:
    from scipy.stats import spearmanr

    pairs = []
    for seed in range(representations):
        codes, factors = synthetic(seed + 100, (3, 4, 5), 1_500)
        published = core.metrics.compute("dci", codes=codes, factors=factors)
        fast = core.metrics.compute("dci_lgbm", codes=codes, factors=factors)
        pairs.append(
            [
                (published[f"dci_{part}"], fast[f"dci_lgbm_{part}"])
                for part in ("disentanglement", "completeness", "informativeness")
            ]
        )
    values = np.array(pairs)
    found = [f"{spearmanr(values[:, i, 0], values[:, i, 1]).statistic:.3f}" for i in range(3)]
    print(
        f"\nRank correlation of dci and dci_lgbm over {representations} representations "
        f"(1,500 rows, 3 factors): D {found[0]}, C {found[1]}, I {found[2]}"
    )


def compare_votes(quick: bool) -> None:
    model, data = Model(), Sprites()
    share = 100 if quick else 10
    rng = np.random.default_rng(0)
    model.encode(data.images(np.arange(128)))
    factor_time, _ = seconds(lambda: plain_factor_votes(model.encode, data, 15_157 // share, rng))
    beta_time, points = seconds(lambda: plain_beta_points(model.encode, data, 15_000 // share, rng))
    features, labels = (np.repeat(array, share, axis=0) for array in points)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit_time, _ = seconds(lambda: LogisticRegression().fit(features[:10_000], labels[:10_000]))
    plain = share * (factor_time + beta_time) + fit_time
    requests = ["factor_vae_score/dlib", "beta_vae_score/dlib"]
    model.images_encoded = 0
    start = time.perf_counter()
    core.metrics.evaluate(requests, encode=model.encode, dataset=data)
    ours = time.perf_counter() - start
    row("factor_vae_score + beta_vae_score", plain, ours, "5×", f"{model.images_encoded:,} images encoded")


def whole_evaluations() -> None:
    model, data = Model(), Sprites()
    final = [
        *("mig", "sap", "dci_lgbm", "modularity", "explicitness", "irs", "factor_vae_score"),
        *("beta_vae_score/fast", "reconstruction_error", "kl", "total_correlation", "mutual_information"),
    ]
    in_loop = ["factor_vae_score/fast", "mig", "modularity", "sap", "reconstruction_error", "kl"]
    print("\n| evaluation | pool | seconds | limit |\n|---|---|---|---|")
    for name, requests, size, limit in (("default", final, 15_000, 90), ("in the loop", in_loop, 10_000, 15)):
        start = time.perf_counter()
        chosen = np.random.default_rng(0).choice(len(data), size, replace=False)
        posterior = np.concatenate([model.posterior(data.images(part)) for part in np.array_split(chosen, size // 125)])
        inputs = {
            "codes": posterior[:, :DIMS],
            "factors": data.factors(chosen),
            "posterior_mean": posterior[:, :DIMS],
            "posterior_log_variance": posterior[:, DIMS:],
            "images": data.images(chosen[: 10_000 if name == "default" else 2_000]),
        }
        core.metrics.evaluate(
            requests, encode=model.encode, dataset=data, logits=model.logits, num_images=len(data), **inputs
        )
        print(f"| {name}: {', '.join(requests)} | {size:,} | {time.perf_counter() - start:.1f} | {limit} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="DCI on few rows, a hundredth of the plain votes")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print("| metric | plain, s | ours, s | ratio | target | note |\n|---|---|---|---|---|---|")
    compare_pool_metrics()
    compare_votes(quick)
    compare_dci(quick)
    rank_correlation()
    whole_evaluations()


if __name__ == "__main__":
    main()
