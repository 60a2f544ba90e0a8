"""What a user holds of a trained model: images to codes and back, traversals, samples, and what metrics see of them."""

import abc
import html
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.configuration import TrialConfig
from core.data import DatasetInfo
from core.images import Picture, grid, png, to_uint8
from core.networks import images_to_input
from trainables.hyperparameters import Hyperparameters
from trainables.images import as_images

H = TypeVar("H", bound=Hyperparameters)

COLUMNS = 10  # of a picture of a traversal
ENCODE_BATCH = 128  # the fastest size on a CPU: larger activations fall out of the cache


class Representation(nn.Module, abc.ABC, Generic[H]):
    """An encoder and a decoder.

    Attributes:
        title: how figures write the model.
        serves: what metrics and pictures may ask of it: "posterior" (mean and variance per dimension), "discrete" (a
            categorical code), "relations" (relation_accuracy), "discriminator", "components" (a mixture as its prior).
        categories: sizes of the categorical codes; their one-hot blocks are the last columns of a code.
        hyperparameters: of the configuration.
        dataset: facts on the data set; the images themselves are not needed.
        config: the trial that a loaded model comes from.
        steps_done: number of training steps, a buffer; its device is the model's.
    """

    title: ClassVar[str]
    serves: ClassVar[frozenset[str]] = frozenset()
    categories: tuple[int, ...] = ()
    hyperparameters: H
    dataset: DatasetInfo
    config: TrialConfig | None = None
    steps_done: Tensor

    @abc.abstractmethod
    def codes(self, images: Tensor) -> Tensor:
        """Representation of images, (B, C, H, W) in [0, 1] to (B, D): posterior means, then one-hot categories."""

    @abc.abstractmethod
    def logits(self, codes: Tensor) -> Tensor:
        """Bernoulli logits (B, C, H, W) of codes (B, D)."""

    def sampled_codes(self, images: Tensor, generator: torch.Generator | None) -> Tensor:  # noqa: ARG002
        """Codes as the decoder sees them in training; equal to `codes` for a deterministic encoder."""
        return self.codes(images)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 - for models that serve it
        """Mean and log variance of q(z|x) per dimension, each (B, D); for models that serve "posterior"."""
        raise TypeError(f"{self.title} has no Gaussian posterior")

    def discriminator_logits(self, images: Tensor, generator: torch.Generator | None) -> Tensor:  # noqa: ARG002
        """Logits (B, 2) of the discriminator at a sample of the posterior; for models that serve "discriminator"."""
        raise TypeError(f"{self.title} has no discriminator")

    def scored(self, codes: np.ndarray) -> np.ndarray:
        """What metrics see of codes (N, D): the continuous part; categories are given to metrics that take them."""
        return codes[:, : codes.shape[1] - sum(self.categories)]

    def categorical(self, codes: np.ndarray) -> np.ndarray:
        """The category of every categorical code, int64 (N, len(categories)), of codes (N, D)."""
        blocks = np.split(codes, codes.shape[1] - np.cumsum(self.categories[::-1])[::-1], axis=1)[1:]
        return np.stack([block.argmax(1) for block in blocks], axis=1)

    def prior_codes(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Codes (count, D) of the prior, here N(0, I) and uniform categories."""
        width = self.hyperparameters.num_latents
        codes = [torch.randn(count, width, generator=generator, device=self.device)]
        for size in self.categories:
            drawn = torch.randint(size, (count,), generator=generator, device=self.device)
            codes.append(functional.one_hot(drawn, size).to(codes[0].dtype))
        return torch.cat(codes, 1)

    @torch.inference_mode()
    def sample(self, count: int, generator: torch.Generator | None = None) -> np.ndarray:
        """Images (count, C, H, W) float32 in [0, 1] of codes drawn from the prior."""
        return self.decode(self.prior_codes(count, generator).cpu().numpy())

    def traverse(
        self, code: np.ndarray, dimensions: Sequence[int] | None = None, values: np.ndarray | None = None
    ) -> np.ndarray:
        """Images (categories, dimensions, values, C, H, W) in [0, 1]: one dimension of `code` (D,) replaced at a time.

        The first axis has a block for every category of the first categorical code, which replaces the category of
        `code`; models without one have a single block.

        Args:
            code: of one image, as `encode` gives it.
            dimensions: continuous ones, all unless given.
            values: what a dimension is set to; ten from one end of `reach` to the other unless given.

        Raises:
            ValueError: a dimension is not a continuous one.
        """
        values = np.linspace(*self.reach, COLUMNS) if values is None else values
        continuous = range(len(code) - sum(self.categories))
        dimensions = continuous if dimensions is None else dimensions
        if not set(dimensions) <= set(continuous):
            raise ValueError(f"dimensions {list(dimensions)} are not all among the {len(continuous)} continuous ones")
        blocks = self.categories[0] if self.categories else 1
        codes = np.tile(np.asarray(code, dtype=np.float32), (blocks, len(dimensions), len(values), 1))
        if self.categories:
            start = len(code) - sum(self.categories)
            codes[..., start : start + blocks] = np.eye(blocks, dtype=np.float32)[:, None, None]
        for row, dimension in enumerate(dimensions):
            codes[:, row, :, dimension] = values
        decoded = self.decode(codes.reshape(-1, len(code)))
        return decoded.reshape(*codes.shape[:3], *decoded.shape[1:])

    @property
    def reach(self) -> tuple[float, float]:
        """Least and largest value that a dimension takes in a picture of a traversal: where N(0, 1) is."""
        return -3.0, 3.0

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.steps_done.device

    @torch.inference_mode()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """Codes (N, D) float32 of images: posterior means.

        Args:
            images: (N, C, H, W) uint8 (0..255), or what is beyond doubt the same (`trainables.images`): fractions in
                [0, 1], a single image, channels last.

        Raises:
            DataError: they are no images of the model's data set.
        """
        return self.map_images(as_images(images, self.dataset.image_shape), self.codes)

    @torch.inference_mode()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Images (N, C, H, W) float32 in [0, 1] of codes (N, D)."""
        values = torch.as_tensor(np.asarray(codes, dtype=np.float32), device=self.device)
        return _in_batches(values, lambda part: torch.sigmoid(self.logits(part)), self)

    def show(self, images: np.ndarray) -> Picture:
        """A picture of images, as `encode` takes them, above what the model makes of them; a notebook shows it.

        Raises:
            DataError: they are no images of the model's data set.
        """
        above = as_images(images, self.dataset.image_shape)
        above = above if above.dtype == np.uint8 else to_uint8(above)
        return Picture(png(grid(np.stack([above, to_uint8(self.decode(self.encode(images)))]))))

    def _repr_html_(self) -> str:
        values = self.hyperparameters.model_dump(mode="json")
        rows = "".join(f"<tr><td>{name}</td><td>{html.escape(str(value))}</td></tr>" for name, value in values.items())
        facts = self.dataset
        trial = f" of trial <code>{html.escape(self.config.identity)}</code>" if self.config else ""
        width = self.hyperparameters.num_latents + sum(self.categories)
        shape = " × ".join(map(str, facts.image_shape))
        return (
            f"<div><p><strong>{html.escape(self.title)}</strong>{trial}: {int(self.steps_done):,} steps on "
            f"{html.escape(facts.name)}, images of {shape}, codes of {width} numbers.</p>"
            "<pre><code>model.encode(images)   # uint8 (N, C, H, W) to codes (N, D)\n"
            "model.decode(codes)    # codes to images in [0, 1]\n"
            "model.traverse(code)   # each dimension of one code in turn\n"
            "model.show(images)     # images above their reconstructions</code></pre>"
            f"<details><summary>hyperparameters</summary><table>{rows}</table></details></div>"
        )

    @torch.inference_mode()
    def map_images(self, images: np.ndarray, function: Callable[[Tensor], Tensor]) -> np.ndarray:
        """Apply a function of image tensors in [0, 1] batch by batch, in evaluation mode, without gradients."""
        return _in_batches(
            torch.as_tensor(images),
            lambda part: function(images_to_input(part.to(self.device)).contiguous(memory_format=torch.channels_last)),
            self,
        )


def _in_batches(values: Tensor, function: Callable[[Tensor], Tensor], model: nn.Module) -> np.ndarray:
    training = model.training
    model.eval()
    try:
        parts = [function(part).float().cpu().numpy() for part in values.split(ENCODE_BATCH)]
    finally:
        model.train(training)
    return np.concatenate(parts)
