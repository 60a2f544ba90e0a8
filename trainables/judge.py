"""An independent judge of decoded images: a classifier of all factors, trained once per data set on true labels.

A model that classifies its own decoded images with its own encoder can be wrong twice in the same way. The judge
sees pixels only, and half of its training images are blurred, since decoded images are.
"""

import hashlib
import json
from pathlib import Path

import filelock
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.checkpoints import decode_tensors, encode_tensors
from core.data import FactorDataset
from core.data.batches import Batches
from core.networks import build_encoder, images_to_input, initialise
from trainables.evaluation import holdout

RECIPE = 1  # part of the cache's name: raise it with any change of the training
STEPS = 800
BATCH = 128
TESTED = 2_000  # held-out images on which it is judged itself
LEARNING_RATE = 2e-3


class Judge:
    """Factor values of images, by a convolutional classifier with one head per factor.

    Attributes:
        accuracy: share of held-out images whose value it names, per factor (K,).
    """

    def __init__(self, network: nn.Module, sizes: tuple[int, ...], accuracy: np.ndarray) -> None:
        self._network = network.eval()
        self._sizes = sizes
        self.accuracy = accuracy

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Values int64 (N, K) of images (N, C, H, W), uint8 or float in [0, 1]."""
        return np.concatenate([self._values(part).numpy() for part in torch.as_tensor(images).split(BATCH)])

    def _values(self, images: Tensor) -> Tensor:
        logits = self._network(images_to_input(images).contiguous(memory_format=torch.channels_last))
        return torch.stack([head.argmax(1) for head in logits.split(self._sizes, 1)], 1)


def judge_of(dataset: FactorDataset, steps: int = STEPS) -> Judge:
    """The judge of a data set, from the cache folder or trained now (about half a minute), behind a lock."""
    path = _path(dataset, steps)
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_name(path.name + ".lock")):
        if not path.exists():
            tensors = _train(dataset, steps)
            partial = path.with_name(path.name + ".partial")
            partial.write_bytes(encode_tensors(tensors))
            partial.replace(path)
        tensors = decode_tensors(path.read_bytes())
    accuracy = tensors.pop("accuracy").numpy()
    with torch.random.fork_rng(devices=[]):  # whoever asks for a judge keeps the state of the generator
        network = _network(dataset)
    network.load_state_dict(tensors)
    return Judge(network, dataset.factor_sizes, accuracy)


def _path(dataset: FactorDataset, steps: int) -> Path:
    facts = json.dumps([RECIPE, steps, dataset.spec, dataset.source], sort_keys=True, default=list)
    return Path(dataset.root) / "cache" / f"judge-{hashlib.sha256(facts.encode()).hexdigest()[:12]}.safetensors"


def _network(dataset: FactorDataset) -> nn.Module:
    network = build_encoder("small", dataset.image_shape, sum(dataset.factor_sizes), batch_norm=True)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _train(dataset: FactorDataset, steps: int) -> dict[str, Tensor]:
    """Weights, and the accuracy per factor on held-out images."""
    held_out = holdout(dataset)
    train = np.setdiff1d(np.arange(len(dataset)), held_out, assume_unique=True)
    batches = Batches(dataset, BATCH, 0, subset=train, with_factors=True)
    with torch.random.fork_rng(devices=[]):
        network = _network(dataset)
    initialise(network, "kaiming", torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        batch = batches.at(step)
        assert batch.factors is not None
        half = len(batch.images) // 2
        blurred = functional.avg_pool2d(batch.images[:half], 3, stride=1, padding=1)
        images = torch.cat([blurred, batch.images[half:]]).contiguous(memory_format=torch.channels_last)
        heads = network(images).split(dataset.factor_sizes, 1)
        losses = [functional.cross_entropy(head, batch.factors[:, k]) for k, head in enumerate(heads)]
        optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()
        optimizer.step()
        schedule.step()
    tested = held_out[:: max(1, len(held_out) // TESTED)]
    found = Judge(network, dataset.factor_sizes, np.empty(0))(dataset.images(tested))
    accuracy = (found == dataset.factors(tested)).mean(0)
    return {**network.state_dict(), "accuracy": torch.from_numpy(accuracy)}
