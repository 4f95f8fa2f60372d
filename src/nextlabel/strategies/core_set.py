"""Core-set: query so that every candidate is near a labelled item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from nextlabel.maths.distances import centred, min_squared_distances, squared_distances, squared_norms
from nextlabel.maths.greedy import farthest_first
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["CoreSet"]

CARD = Card(
    "core_set",
    "CoreSet",
    needs=("embeddings", "labelled_embeddings"),
    cost="O(N (L + B) D)",
    use_when="to cover the pool with good embeddings; it also covers outliers",
    citation="Sener, Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach, ICLR "
    "2018",
    remedy="use a learner that gives embeddings, such as TorchLearner",
)


@dataclass(frozen=True)
class CoreSet:
    """Choose greedily the candidate farthest from everything labelled or already chosen.

    O. Sener, S. Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR
    2018, Algorithm 1 (k-Center-Greedy) with Euclidean distances between embeddings; not their mixed-integer
    refinement (Algorithm 2). Ties go to the lowest row. Deviation: the algorithm assumes a labelled item;
    without one, the first choice is the candidate nearest the mean of all. The guarantee of at most twice the
    optimal radius holds for any first choice.
    """

    name: ClassVar[str] = "core_set"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings", "labelled_embeddings"})

    def select(self, view: PoolView, batch_size: int, *, rng: torch.Generator) -> Int[Tensor, " batch"]:
        """Return (B,) distinct rows in the order of choice."""
        points, centres = centred(*(part.fields()["embeddings"] for part in (view.pool, view.labelled)))
        norms = squared_norms(points)
        return farthest_first(
            lambda row: squared_distances(points, points[row], norms),
            min_squared_distances(points, centres),
            batch_size,
            first=int(norms.argmin()) if len(centres) == 0 else None,
        )
