"""An independent judge of decoded images: a classifier of all factors, trained once per data set on true labels.

A model that classifies its own decoded images with its own encoder can be wrong twice in the same way. The judge
sees pixels only, and half of its training images are blurred, since decoded images are. Its weights are kept beside
the cache of the data set; training takes about 50 s of one core, reading them milliseconds.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import filelock
import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from core.checkpoints import decode_tensors, encode_tensors
from core.data import FactorDataset, cache_folder
from core.data.batches import Batches
from core.data.split import holdout
from core.files import write_whole
from core.networks import NetworkName, build_encoder, images_to_input, initialise

log = logging.getLogger(__name__)

RECIPE = 1  # part of the cache's name: raise it with any change of the training
STEPS = 800
BATCH = 128
TESTED = 2_000  # held-out images on which its own accuracy is measured
LEARNING_RATE = 2e-3
NETWORK: NetworkName = "small"
SEEN = 64  # images that tell two data sets apart


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
    """The judge of a data set: from the cache folder, else trained now, by one process while others wait.

    A damaged file is replaced. Where the folder cannot be written, every process trains its own.
    """
    path = _path(dataset, steps)
    tensors = _read(path)
    if tensors is not None:
        return _judge(dataset, tensors)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(path.name + ".lock")):
            tensors = _read(path)
            if tensors is None:
                if path.exists():
                    log.warning("%s is damaged: training the judge again", path)
                tensors = _train(dataset, steps)
                _write(path, tensors)
    except OSError as error:
        log.warning("the judge of %s cannot be kept in %s: %s", dataset.name, path.parent, error.strerror or error)
        tensors = tensors or _train(dataset, steps)
    return _judge(dataset, tensors)


def _judge(dataset: FactorDataset, tensors: Mapping[str, Tensor]) -> Judge:
    with torch.random.fork_rng(devices=[]):  # the caller's generator stays as it is
        network = _network(dataset)
    network.load_state_dict({name: tensor for name, tensor in tensors.items() if name != "accuracy"})
    return Judge(network, dataset.factor_sizes, tensors["accuracy"].numpy())


def _path(dataset: FactorDataset, steps: int) -> Path:
    """Named by all that the weights depend on: how the judge is trained, and what the data set holds."""
    seen = np.linspace(0, len(dataset) - 1, SEEN).astype(np.int64)
    content = hashlib.sha256(dataset.images(seen).tobytes() + dataset.factors(seen).tobytes()).hexdigest()
    settings = [RECIPE, NETWORK, steps, BATCH, LEARNING_RATE]
    facts = json.dumps([settings, dataset.spec, dataset.source, len(dataset), content], sort_keys=True, default=list)
    return cache_folder(dataset.root) / f"judge-{hashlib.sha256(facts.encode()).hexdigest()[:12]}.safetensors"


def _read(path: Path) -> dict[str, Tensor] | None:
    """The tensors of a file, or None where there is none, or one that does not hold what was written."""
    try:
        tensors = decode_tensors(path.read_bytes())
    except (OSError, SafetensorError):
        return None
    digest = tensors.pop("digest", None)
    return tensors if digest is not None and torch.equal(digest, _digest(tensors)) else None


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    write_whole(path, encode_tensors({**tensors, "digest": _digest(tensors)}))


def _digest(tensors: Mapping[str, Tensor]) -> Tensor:
    """SHA-256 of names and values, uint8 (32,)."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode() + tensors[name].detach().contiguous().numpy().tobytes())
    return torch.frombuffer(bytearray(found.digest()), dtype=torch.uint8)


def _network(dataset: FactorDataset) -> nn.Module:
    network = build_encoder(NETWORK, dataset.image_shape, sum(dataset.factor_sizes), batch_norm=True)
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
