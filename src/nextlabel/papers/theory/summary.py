"""Numbers about many samples: spread, order of convergence, rank correlation. Knows no networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

__all__ = ["fraction", "fraction_room", "order", "rank_correlation", "ranks", "spread"]


def spread(values_m: Float[Tensor, " samples"]) -> dict[str, float]:
    """Return the smallest and largest value, the median and the 5 % and 95 % quantiles."""
    return {
        "min": values_m.min().item(),
        "low": values_m.quantile(0.05).item(),
        "median": values_m.quantile(0.5).item(),
        "high": values_m.quantile(0.95).item(),
        "max": values_m.max().item(),
    }


def fraction(claims_m: Tensor) -> float:
    """Return the fraction of samples for which the claim is true, in [0, 1]."""
    return claims_m.double().mean().item()


def fraction_room(seeds: int) -> float:
    """Return how far a fraction of some seeds may lie from that of 1,000.

    Two deviations of a fraction of one half, and 0.02 for what that of 1,000 may be off.
    """
    return 0.02 + 1 / math.sqrt(seeds)


def order(etas: Sequence[float], errors: Sequence[float]) -> float:
    """Return k where the errors fall as ``eta^k``, from the first and the last of them.

    An error of zero falls faster than any power: the order is infinite.
    """
    if min(errors) <= 0:
        return math.inf
    return math.log(errors[-1] / errors[0]) / math.log(etas[-1] / etas[0])


def ranks(values_gn: Float[Tensor, "groups items"]) -> Float[Tensor, "groups items"]:
    """Return the rank of every value in its group, from 0; equal values keep their order."""
    return values_gn.argsort(dim=1, stable=True).argsort(dim=1).double()


def rank_correlation(
    first_gn: Float[Tensor, "groups items"], second_gn: Float[Tensor, "groups items"]
) -> Float[Tensor, " groups"]:
    """Return Spearman's rank correlation of every group, for values without ties."""
    a, b = (ranks(v) - (v.shape[1] - 1) / 2 for v in (first_gn, second_gn))
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()
