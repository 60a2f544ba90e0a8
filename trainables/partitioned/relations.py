"""Relations: the edits of one factor that the relational learner is taught, per data set version."""

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.data import DatasetInfo

Edge = Literal["paper", "wrap", "clamp", "skip"]
CATEGORICAL = "shape"
NAMES = {"posX": ("right", "left"), "posY": ("down", "up"), "scale": ("bigger", "smaller")}


class Relation(NamedTuple):
    """An edit of one factor.

    Attributes:
        name: such as "left".
        factor: position of the factor.
        table: the new class of every class; −1 where the relation does not apply.
    """

    name: str
    factor: int
    table: tuple[int, ...]


def relations(info: DatasetInfo, edge: Edge) -> list[Relation]:
    """All single-factor relations of a data set: shape to the next shape, every other factor one up and one down.

    The first value follows the last one (`wrap`), stays (`clamp`) or has no successor (`skip`); `paper` wraps on
    dSprites and clamps elsewhere, as the predecessor's code does. A shape always wraps.
    """
    if edge == "paper":
        edge = "wrap" if info.name.startswith("dsprites") else "clamp"
    found = []
    for factor, (name, size) in enumerate(zip(info.factor_names, info.factor_sizes, strict=True)):
        if size < 2:
            continue
        if name == CATEGORICAL:
            found.append(Relation("change_shape", factor, _shifted(size, 1, "wrap")))
            continue
        more, less = NAMES.get(name, (f"more_{name}", f"less_{name}"))
        found += [Relation(more, factor, _shifted(size, 1, edge)), Relation(less, factor, _shifted(size, -1, edge))]
    return found


def _shifted(size: int, by: int, edge: Edge) -> tuple[int, ...]:
    moved = np.arange(size) + by
    if edge == "wrap":
        moved %= size
    elif edge == "clamp":
        moved = moved.clip(0, size - 1)
    else:
        moved[(moved < 0) | (moved >= size)] = -1
    return tuple(int(value) for value in moved)


class Edits(nn.Module):
    """Random edits of factor values, as tensors: what the relational learner trains on."""

    factors: Tensor  # (R,)
    tables: Tensor  # new value (R, V) of every value
    sources: Tensor  # values (R, V) to which the relation applies, of which the first `counts` (R,) are meant
    counts: Tensor

    def __init__(self, found: list[Relation], sizes: tuple[int, ...]) -> None:
        super().__init__()
        width = max(sizes)
        applicable = [[value for value, new in enumerate(relation.table) if new >= 0] for relation in found]
        lists = {
            "factors": [relation.factor for relation in found],
            "tables": [[*relation.table, *[-1] * (width - len(relation.table))] for relation in found],
            "sources": [[*values, *[0] * (width - len(values))] for values in applicable],
            "counts": [len(values) for values in applicable],
        }
        for name, values in lists.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def draw(self, values: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        """Edits of values (N, K): values to which a random relation applies, the edited values, its number (N,)."""
        uniform = torch.rand(2, len(values), generator=generator, device=values.device)
        number = (uniform[0] * len(self.factors)).long()
        factor = self.factors[number][:, None]
        source = self.sources[number, (uniform[1] * self.counts[number]).long()]
        before = values.scatter(1, factor, source[:, None])
        return before, values.scatter(1, factor, self.tables[number, source][:, None]), number
