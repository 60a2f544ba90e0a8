"""Batches for training: a pure function of (seed, stream, step), on the CPU or on the device itself.

The order of an epoch is a permutation keyed with (seed, stream, epoch), so that a trial restored at any step
continues with the same images. A set that fits lives on the GPU in its packed form; its batches are gathered
and unpacked there, in the order that the CPU would take, without waiting for the device.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from core.data.dataset import FactorDataset
from core.data.files.stores import ArrayStore, ComposedStore, PackedStore

PARTNERS = 1  # keeps their draws apart from those of the order
DRAWS = 100  # of a partner that may be trained on; after so many an image is its own

Images = Callable[[torch.Tensor], torch.Tensor]
"""Float images (B, C, H, W) at positions (B,) of the subset, both on the device."""


class Batch(NamedTuple):
    """One training batch, on the device that was asked for.

    Attributes:
        images: float32 (B, C, H, W) in [0, 1].
        index: int64 (B,), the images' numbers in the data set.
        factors: int64 (B, K), or None when they were not asked for.
    """

    images: torch.Tensor
    index: torch.Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    factors: torch.Tensor | None


class Batches:
    """Endless shuffled batches of a data set, or of the images `subset` (M,) of it.

    Every epoch is a full permutation, its incomplete last batch dropped; a set smaller than a batch is drawn
    from with replacement. Two streams (FactorVAE's second batch) are independent. Batches of the same images
    as some `beside` share their copy on the device. Raises ValueError for an empty subset, a negative seed or a batch
    size below 1.
    """

    def __init__(
        self,
        dataset: FactorDataset,
        batch_size: int,
        seed: int,
        *,
        stream: int = 0,
        subset: np.ndarray | None = None,
        with_factors: bool = False,
        device: str | torch.device = "cpu",
        beside: "Sequence[Batches]" = (),
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.device = torch.device(device)
        self._key = (seed, stream)
        self._subset = None if subset is None else np.asarray(subset, dtype=np.int64)
        self._size = len(dataset) if self._subset is None else len(self._subset)
        if batch_size < 1 or self._size == 0 or seed < 0:
            raise ValueError(f"no batches of {batch_size} from {self._size} images with seed {seed}")
        self._with_factors = with_factors
        self._resident: Images | None = None
        if self.device.type != "cpu":
            there = next((other for other in beside if other.shows_the_same_as(self)), None)
            self._resident = there._resident if there else resident(dataset, self._subset, self.device)
        self._epoch = -1
        self._order = self._index = np.empty(0, np.int64)
        self._device_order = self._device_index = torch.empty(0, dtype=torch.int64)
        self._numbers = torch.empty(0, dtype=torch.int64)
        self._classes: torch.Tensor | None = None

    def shows_the_same_as(self, other: "Batches") -> bool:
        """Whether both draw from the same images of one data set, on the same device."""
        same = self.dataset is other.dataset and self.device == other.device
        return same and np.array_equal(self._numbered(), other._numbered())

    def _numbered(self) -> np.ndarray:
        return np.arange(self._size) if self._subset is None else self._subset

    @property
    def resident(self) -> bool:
        """Whether the images are on the device, so that `gather` makes batches without the host."""
        return self._resident is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the positions of a batch."""
        return (self.batch_size,)

    @property
    def steps_per_epoch(self) -> int:
        """Number of full batches in an epoch; 1 for a set smaller than a batch."""
        return max(1, self._size // self.batch_size)

    def at(self, step: int) -> Batch:
        """The batch of optimiser step `step`, counted from 0; the same whatever was asked for before."""
        epoch, within = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._start(epoch)
        chosen = slice(within * self.batch_size, (within + 1) * self.batch_size)
        if self.resident:
            return self.gather(self._device_order[chosen])
        images = float_images(self.dataset, self._index[chosen]).to(self.device, non_blocking=True)
        factors = None
        if self._with_factors:
            classes = self.dataset.factors(self._index[chosen])
            factors = torch.from_numpy(classes).to(self.device, non_blocking=True)
        return Batch(images, self._device_index[chosen], factors)

    def positions(self, first: int, count: int) -> torch.Tensor:
        """Positions int64 (count, B) on the device of the batches of `count` steps, for `gather`."""
        parts = []
        while count:
            epoch, within = divmod(first, self.steps_per_epoch)
            if epoch != self._epoch:
                self._start(epoch)
            steps = min(count, self.steps_per_epoch - within)  # of this epoch, whose order is on the device
            parts.append(self._device_order[within * self.batch_size : (within + steps) * self.batch_size])
            first, count = first + steps, count - steps
        whole = parts[0] if len(parts) == 1 else torch.cat(parts)
        return whole.view(-1, self.batch_size)

    def gather(self, positions: torch.Tensor) -> Batch:
        """The batch at positions (B,), made on the device alone; `resident` batches only."""
        assert self._resident is not None
        if not len(self._numbers):
            subset = self._numbered()
            self._numbers = torch.from_numpy(subset).to(self.device)
            if self._with_factors:
                self._classes = torch.from_numpy(self.dataset.factors(subset)).to(self.device)
        factors = None if self._classes is None else self._classes[positions]
        return Batch(self._resident(positions), self._numbers[positions], factors)

    def _drawn(self, epoch: int) -> np.ndarray:
        """Positions of the images of an epoch, in order."""
        rng = _generator(*self._key, epoch)
        if self._size < self.batch_size:
            return rng.integers(0, self._size, self.batch_size)
        return rng.permutation(self._size)

    def _start(self, epoch: int) -> None:
        self._order = self._drawn(epoch)
        self._index = self._order if self._subset is None else self._subset[self._order]
        self._device_index = torch.from_numpy(self._index).to(self.device)
        if self._resident is not None:
            self._device_order = torch.from_numpy(self._order).to(self.device)
        self._epoch = epoch


class PartnerBatches(Batches):
    """For every image of the `Batches` of the same seed, stream and subset, a partner that shares most of its factors.

    An epoch's partners are drawn anew, from (seed, stream, epoch) alone. One that is not in the subset is drawn again,
    so that no image which is held out is ever seen.

    Args:
        dataset: with factors.
        batch_size: images of a batch, and so partners.
        seed: of the batches.
        changed: factors that are drawn anew, see `FactorDataset.sample_partners`.
        **options: of the batches.
    """

    def __init__(self, dataset: FactorDataset, batch_size: int, seed: int, *, changed: int, **options: Any) -> None:
        super().__init__(dataset, batch_size, seed, **options)
        self._changed = changed
        self._place = np.full(len(dataset), -1, np.int64)  # of every image in the subset
        self._place[self._numbered()] = np.arange(self._size)

    def _drawn(self, epoch: int) -> np.ndarray:
        order = super()._drawn(epoch)
        rng = _generator(*self._key, epoch, PARTNERS)
        numbers, partners = self._numbered(), order.copy()
        missing = np.arange(len(order))
        for _ in range(DRAWS):
            found = self.dataset.sample_partners(numbers[order[missing]], self._changed, rng)
            places = np.append(self._place, -1)[np.minimum(found, len(self._place))]  # some sets number more images
            partners[missing] = np.where(places < 0, order[missing], places)
            missing = missing[places < 0]
            if not len(missing):
                break
        return partners


def _generator(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def float_images(dataset: FactorDataset, index: np.ndarray) -> torch.Tensor:
    """Images float32 (N, C, H, W) in [0, 1] of `index` (N,), on the CPU: `dataset.images` over 255."""
    store = dataset.store
    if isinstance(store, PackedStore):
        bits = torch.from_numpy(store.bits(dataset.rows(index)))
        return bits.to(torch.float32).view(-1, *dataset.image_shape)
    return torch.from_numpy(dataset.images(index)).to(torch.float32).div_(255)


def resident(dataset: FactorDataset, subset: np.ndarray | None, device: torch.device) -> Images | None:
    """Copy a set to `device` and return what makes images of it there, or None where it does not fit."""
    store, shape = dataset.store, dataset.image_shape
    rows = dataset.rows(np.arange(len(dataset)) if subset is None else subset)
    if isinstance(store, PackedStore) and _fits(rows.size * store.packed.shape[1], device):
        packed = _copied(store.packed, store.positions(rows), device)
        return lambda positions: unpack(packed[positions]).view(-1, *shape)
    if isinstance(store, ComposedStore) and _fits(store.weights.size + rows.size * 32, device):
        geometry, colours = (torch.from_numpy(part).to(device) for part in store.parts(rows))
        weights = _copied(store.weights, np.arange(len(store.weights)), device)
        return lambda at: compose(weights[geometry[at]], colours[at], store.unit).view(-1, *shape)
    if isinstance(store, ArrayStore) and _fits(rows.size * int(np.prod(shape)), device):
        array = _copied(store.array, store.positions(rows), device)
        return lambda positions: array[positions].to(torch.float32).div_(255)
    return None


def unpack(packed: torch.Tensor) -> torch.Tensor:
    """Pixels float32 (N, 8 * M), 0 or 1, of packed bytes uint8 (N, M): `numpy.unpackbits` on any device."""
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=packed.device)
    return packed.unsqueeze(-1).bitwise_right_shift(shifts).bitwise_and_(1).flatten(1).to(torch.float32)


def compose(weights: torch.Tensor, colours: torch.Tensor, unit: int) -> torch.Tensor:
    """Float images (N, 3, M) of weights uint8 (N, R, M) and colours uint8 (N, 3, R), as `ComposedStore` has it."""
    # A sum of products: matrix units may round to TF32, which would not give the bits of the CPU.
    total = (weights.unsqueeze(1).float() * colours.unsqueeze(-1).float()).sum(dim=2)
    return total.mul_(1 / unit).add_(0.5).clamp_(max=255).floor_().div_(255)


def _copied(array: np.ndarray, rows: np.ndarray, device: torch.device, step: int = 1 << 16) -> torch.Tensor:
    """Rows (N, ...) of `array` on `device`, in slices so that no second copy of the set is ever in memory."""
    copied = torch.empty((len(rows), *array.shape[1:]), dtype=torch.uint8, device=device)
    for start in range(0, len(rows), step):
        part = np.ascontiguousarray(array[rows[start : start + step]])
        copied[start : start + step].copy_(torch.from_numpy(part))
    return copied


def _fits(size: int, device: torch.device) -> bool:
    """Whether `size` bytes leave half of the free memory of a CUDA device; other devices are not asked."""
    return device.type != "cuda" or size < torch.cuda.mem_get_info(device)[0] // 2
