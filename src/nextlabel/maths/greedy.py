"""Greedy choice of rows by distance: farthest first, and at random by squared distance.

Both see distances only through a function from a row to its distances, so that no table of pairs is built.
Knows nothing of strategies.
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
    """Choose again and again the row that is farthest from its nearest centre; ties go to the lowest row.

    Teofilo F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer
    Science, 1985: at most twice the optimal radius, whatever the first row.

    Args:
        distances_from: Gives the squared distances of all rows to a chosen one.
        nearest_n: (N,) squared distances to the nearest centre there is; infinite where there is none.
        count: How many rows, at most N.
        first: The first row, where it is not the farthest one.

    Returns:
        (count,) distinct rows, in the order of choice.
    """
    nearest = nearest_n.clone()
    chosen = torch.empty(count, dtype=torch.int64)
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
    """Draw rows with probability proportional to the squared distance to the nearest drawn one.

    David Arthur and Sergei Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007,
    step 1b-c. scikit-learn's ``kmeans_plusplus`` wants the points as a matrix; here they need not exist, as
    the gradient embeddings of BADGE do not. Where every row left is at distance 0 the method is
    undefined: the rest is drawn uniformly.

    Args:
        distances_from: Gives the squared distances of all rows to a drawn one.
        first: The first row.
        count: How many rows, from 1 to ``size``.
        size: N, the number of rows.
        rng: Gives one uniform number per draw.

    Returns:
        (count,) distinct rows, in the order of drawing.
    """
    chosen = torch.empty(count, dtype=torch.int64)
    chosen[0] = first
    left = torch.ones(size, dtype=torch.float64)
    left[first] = 0
    nearest = distances_from(first) if count > 1 else left
    nearest[first] = 0
    for position in range(1, count):
        apart = bool(nearest.any())
        row = draw_row(nearest if apart else left, rng=rng)
        chosen[position] = row
        left[row] = 0
        if apart and position + 1 < count:
            torch.minimum(nearest, distances_from(row), out=nearest)
            nearest[row] = 0
    return chosen


def draw_row(weights_n: Float[Tensor, " items"], *, rng: torch.Generator) -> int:
    """Draw one row with probability proportional to its weight.

    By the cumulative sum in float64 and a binary search, since ``torch.multinomial`` takes no more than 2^24
    rows and works in the precision of the weights. A row of weight 0 is never drawn.

    Args:
        weights_n: (N,) weights >= 0, at least one > 0.
        rng: Gives one uniform number.
    """
    cumulative = torch.cumsum(weights_n, 0, dtype=torch.float64)
    total = cumulative[-1:]
    target = torch.rand(1, generator=rng, dtype=torch.float64).to(total.device) * total
    # Rounding may lift the target to the total itself: stay at the first row that reaches it.
    last = torch.searchsorted(cumulative, total)
    return int(torch.minimum(torch.searchsorted(cumulative, target, right=True), last))
