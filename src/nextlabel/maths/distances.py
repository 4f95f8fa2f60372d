"""Squared Euclidean distances without the table of all pairs.

Distances are ||x||^2 + ||c||^2 - 2 <x, c>, a matrix product, between points whose common mean is subtracted,
because a common offset costs this formula its digits. What is left below its rounding error counts as 0, so
that copies of a point are at distance 0 and not at a random small one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.blocks import BUDGET_BYTES, row_blocks

__all__ = ["centred", "min_squared_distances", "squared_distances", "squared_norms", "without_rounding"]

_ROUNDING = 64.0
"""In units of eps (||x||^2 + ||c||^2). The largest error measured between copies of a point was 6 in float32
and 25 in float64 (D = 1 to 4,096). In float32 points closer than 0.4 % of their norm thus count as copies."""

_CENTRES_PER_BLOCK = 2048
"""Matrix products gain nothing from more columns."""


def centred(*sets: Float[Tensor, "_ features"]) -> tuple[Tensor, ...]:
    """Return (N, D), (M, D), ... point sets less the mean of the first, in float32 or wider."""
    dtype = torch.float32
    for points in sets:
        dtype = torch.promote_types(dtype, points.dtype)
    mean = sets[0].mean(0, dtype=dtype)
    return tuple(points.to(dtype) - mean for points in sets)


def squared_norms(points_nd: Float[Tensor, "items features"]) -> Float[Tensor, " items"]:
    """Return the squared norm of every point, (N,)."""
    norms: Tensor = torch.linalg.vector_norm(points_nd, dim=1)
    return norms.square_()


def without_rounding(squared: Float[Tensor, " ..."], scale: Float[Tensor, " ..."]) -> Float[Tensor, " ..."]:
    """Set squared distances below the rounding error of their formula to 0, in place, and return them.

    Args:
        squared: Squared distances, computed as a difference of numbers of size ``scale``.
        scale: ||x||^2 + ||c||^2, broadcastable to ``squared``.
    """
    threshold = scale * (_ROUNDING * torch.finfo(squared.dtype).eps)
    return squared.masked_fill_(squared <= threshold, 0)


def squared_distances(
    points_nd: Float[Tensor, "items features"],
    centre_d: Float[Tensor, " features"],
    squared_norms_n: Float[Tensor, " items"],
) -> Float[Tensor, " items"]:
    """Return the (N,) squared distances >= 0 of points to one centre; allocates O(N), never O(N D).

    Args:
        points_nd: (N, D) points, best :func:`centred`.
        centre_d: (D,) the centre.
        squared_norms_n: (N,) squared norms of the points.
    """
    scale = squared_norms_n + centre_d.dot(centre_d)
    squared = torch.mv(points_nd, centre_d).mul_(-2).add_(scale)
    return without_rounding(squared, scale)


def min_squared_distances(
    points_nd: Float[Tensor, "items features"],
    centres_md: Float[Tensor, "centres features"],
    *,
    budget_bytes: int = BUDGET_BYTES,
) -> Float[Tensor, " items"]:
    """Return the (N,) squared distances >= 0 of points to their nearest centre; infinite without centres.

    Args:
        points_nd: (N, D) points, best :func:`centred` together with the centres.
        centres_md: (M, D) centres.
        budget_bytes: Memory of one block of distances.
    """
    nearest = points_nd.new_full((len(points_nd),), torch.inf)
    point_norms = squared_norms(points_nd)
    for start in range(0, len(centres_md), _CENTRES_PER_BLOCK):
        centres = centres_md[start : start + _CENTRES_PER_BLOCK]
        centre_norms = squared_norms(centres)
        width = len(centres) * points_nd.element_size()
        for rows in row_blocks(len(points_nd), width, budget_bytes=budget_bytes):
            # The point's own norm is the same for every centre, so the smallest is found without it.
            partial = torch.addmm(centre_norms, points_nd[rows], centres.T, alpha=-2)
            smallest, which = partial.min(1)
            block = without_rounding(smallest + point_norms[rows], point_norms[rows] + centre_norms[which])
            nearest[rows] = torch.minimum(nearest[rows], block)
    return nearest
