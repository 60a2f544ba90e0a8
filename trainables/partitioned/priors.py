"""The prior of the modular autoencoder: a mixture of Gaussians for every partition of the code, one per value."""

import math

import torch
from torch import Tensor, nn

REPULSION_STEPS = 200


class MixturePrior(nn.Module):
    """P independent mixtures in d dimensions; mixture k has `sizes[k]` equally likely components.

    The means are placed at a distance `radius` or more, or at zero until they are estimated.

    Attributes:
        means: (P, V, d), V the largest size; what exceeds a size is never drawn and never chosen.
        factors: lower-triangular L (P, V, d, d) of the covariances L Lᵀ.
        whitening: L⁻¹, (P, V, d, d).
    """

    means: Tensor
    factors: Tensor
    whitening: Tensor
    outside: Tensor
    sizes: Tensor

    def __init__(self, sizes: tuple[int, ...], dimensions: int, *, radius: float, sigma: float) -> None:
        super().__init__()
        largest = max(sizes)
        scale = sigma * torch.eye(dimensions).expand(len(sizes), largest, -1, -1)
        means = radius * spread_directions(largest, dimensions) if radius else torch.zeros(largest, dimensions)
        self.register_buffer("means", means.repeat(len(sizes), 1, 1))
        self.register_buffer("factors", scale.clone())
        self.register_buffer("whitening", scale / sigma**2)
        self.register_buffer("sizes", torch.tensor(sizes), persistent=False)
        self.register_buffer("outside", torch.arange(largest) >= torch.tensor(sizes)[:, None], persistent=False)

    @torch.no_grad()
    def fit(self, codes: Tensor, components: Tensor, shrink: float, ridge: float) -> None:
        """Estimate every component from the annotated codes that have its value: Σ = shrink · Cov + ridge · I.

        Args:
            codes: (N, P, d).
            components: (N, P).
            shrink: factor of the empirical covariance; 1 lets the components overlap.
            ridge: variance added to every direction; keeps components of few codes from being singular.

        Every component needs a code.
        """
        identity = torch.eye(codes.shape[2], dtype=torch.float64, device=codes.device)
        for k, size in enumerate(self.sizes.tolist()):
            for value in range(size):
                own = codes[components[:, k] == value, k].double()
                mean = own.mean(0)
                covariance = shrink * (own - mean).T @ (own - mean) / max(1, len(own) - 1)
                factor = torch.linalg.cholesky_ex(covariance + ridge * identity).L  # NaN stays NaN, and is reported
                self.means[k, value] = mean.float()
                self.factors[k, value] = factor.float()
                self.whitening[k, value] = torch.linalg.solve_triangular(factor, identity, upper=False).float()

    @torch.no_grad()
    def variance(self, shrink: float, ridge: float) -> float:
        """Variance per dimension of the codes that the components were estimated from, within and between them."""
        found = []
        for k, size in enumerate(self.sizes.tolist()):
            within = (self.factors[k, :size].square().sum((1, 2)).mean() / self.means.shape[2] - ridge) / shrink
            found.append(within + self.means[k, :size].var(0, correction=0).mean())
        return float(torch.stack(found).mean())

    def draw(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Components (count, P), uniform in every partition."""
        uniform = torch.rand(count, len(self.sizes), generator=generator, device=self.means.device)
        return (uniform * self.sizes).long()

    def sample(self, components: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A code (N, P, d) of each of components (N, P)."""
        partitions = torch.arange(components.shape[1], device=components.device)
        mean = self.means[partitions, components]
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return mean + (self.factors[partitions, components] @ noise[..., None])[..., 0]

    def distance(self, codes: Tensor, components: Tensor) -> Tensor:
        """Squared Mahalanobis distance (N, P) of codes (N, P, d) from components (N, P)."""
        partitions = torch.arange(components.shape[1], device=components.device)
        difference = codes - self.means[partitions, components]
        return (self.whitening[partitions, components] @ difference[..., None]).square().sum((-2, -1))

    def log_density(self, codes: Tensor) -> Tensor:
        """log N(z_k; μ_kv, Σ_kv) of codes (N, P, d): (N, P, V), −∞ where there is no component."""
        difference = codes[:, :, None] - self.means
        whitened = torch.einsum("pvij,npvj->npvi", self.whitening, difference)
        log_det = self.whitening.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = 0.5 * codes.shape[2] * math.log(2.0 * math.pi)
        return (log_det - constant - 0.5 * whitened.square().sum(-1)).masked_fill(self.outside, -torch.inf)

    def classify(self, codes: Tensor) -> Tensor:
        """The likeliest component (N, P) of codes (N, P, d)."""
        return self.log_density(codes).argmax(-1)


def spread_directions(count: int, dimensions: int) -> Tensor:
    """Directions (count, dimensions), any two at least √2 apart: ± the axes or, if there are more, points pushed apart.

    More points than axes repel each other on the sphere, whose radius then grows until the nearest are √2 apart.
    """
    if count <= 2 * dimensions:
        return torch.cat([torch.eye(dimensions), -torch.eye(dimensions)])[:count]
    generator = torch.Generator("cpu").manual_seed(0)  # on the CPU wherever the model is built
    points = torch.randn(count, dimensions, generator=generator, dtype=torch.float64, device="cpu")
    far = torch.diag(torch.full((count,), torch.inf, dtype=torch.float64, device="cpu"))
    for step in range(REPULSION_STEPS):
        points = points / points.norm(dim=1, keepdim=True)
        difference = points[:, None] - points
        nearness = (torch.cdist(points, points) + far) ** -(dimensions + 1.0)
        push = (nearness[:, :, None] * difference).sum(1)
        points = points + 0.5 * (1 - step / REPULSION_STEPS) * _nearest(points) * push / push.norm(dim=1).max()
    points = points / points.norm(dim=1, keepdim=True)
    return (points * math.sqrt(2.0) / _nearest(points)).float()


def _nearest(points: Tensor) -> Tensor:
    return torch.pdist(points).min()
