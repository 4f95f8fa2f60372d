"""Greedy choice of rows by distance: farthest first, and at random by squared distance (k-means++).

Both see distances only through a function, so that no table of pairs is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["DistancesFrom", "draw_row", "farthest_first", "kmeans_plus_plus"]

DistancesFrom: TypeAlias = Callable[[int], Tensor]
"""From a row to the (N,) squared distances of all rows to it."""


def farthest_first(
    distances_from: DistancesFrom,
    nearest_n: Float[Tensor, " items"],
    count: int,
    *,
    first: int | None = None,
) -> Int[Tensor, " count"]:
    """Choose (count,) rows in order, each the farthest from its nearest centre; ties go to the lowest.

    Teofilo F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer
    Science, 1985: at most twice the optimal radius, whatever the first row.

    Args:
        distances_from: Gives the squared distances of all rows to a chosen one.
        nearest_n: (N,) squared distances to the nearest existing centre; infinite where there is none.
        count: How many rows, at most N.
        first: The first row, where it is not the farthest one.
    """
    nearest, chosen = nearest_n.clone(), torch.empty(count, dtype=torch.int64)
    for position in range(count):
        row = int(nearest.argmax()) if first is None or position > 0 else first
        chosen[position] = row
        if position + 1 < count:
            torch.minimum(nearest, distances_from(row), out=nearest)
            nearest[row] = -1.0  # below every distance, so never again
    return chosen


def kmeans_plus_plus(
    distances_from: DistancesFrom, first: int, count: int, *, size: int, rng: torch.Generator
) -> Int[Tensor, " count"]:
    """Draw (count,) rows in order, each by its squared distance to the nearest one drawn before.

    David Arthur and Sergei Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007,
    step 1b-c. Unlike scikit-learn's ``kmeans_plusplus`` it needs no matrix of points, which for the gradient
    embeddings of BADGE would not fit into memory. Where every row left is at distance 0 the method is
    undefined: the rest is drawn uniformly.

    Args:
        distances_from: Gives the squared distances of all rows to a drawn one.
        first: The first row.
        count: How many rows, from 1 to ``size``.
        size: N, the number of rows.
        rng: Gives one uniform number per draw.
    """
    chosen, left = [first], torch.ones(size, dtype=torch.float64)
    left[first] = 0
    nearest = distances_from(first) if count > 1 else left
    nearest[first] = 0
    while len(chosen) < count:
        apart = bool(nearest.any())
        row = draw_row(nearest if apart else left, rng=rng)
        chosen.append(row)
        left[row] = 0
        if apart and len(chosen) < count:
            torch.minimum(nearest, distances_from(row), out=nearest)
            nearest[row] = 0
    return torch.tensor(chosen)


def draw_row(weights_n: Float[Tensor, " items"], *, rng: torch.Generator) -> int:
    """Draw one row in proportion to its weight >= 0, by one uniform number; at least one weight is > 0.

    By the cumulative sum in float64 and a binary search, since ``torch.multinomial`` takes no more than 2^24
    rows and works in the precision of the weights.
    """
    cumulative = torch.cumsum(weights_n, 0, dtype=torch.float64)
    total = cumulative[-1:]
    target = torch.rand(1, generator=rng, dtype=torch.float64).to(total.device) * total
    # Rounding may lift the target to the total itself: stay at the first row that reaches it.
    last = torch.searchsorted(cumulative, total)
    return int(torch.minimum(torch.searchsorted(cumulative, target, right=True), last))
