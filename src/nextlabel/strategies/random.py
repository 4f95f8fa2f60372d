"""Random: every candidate is equally likely to be queried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["Random"]

CARD = Card(
    "random",
    "Random",
    cost="O(N)",
    use_when="as the baseline that every other strategy has to beat",
)


@dataclass(frozen=True)
class Random:
    """Score candidates uniformly at random, so that the top scores are a sample without replacement."""

    name: ClassVar[str] = "random"
    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) uniform draws from [0, 1), in float64 so that ties do not occur in practice."""
        return torch.rand(view.size, generator=rng, dtype=torch.float64)
