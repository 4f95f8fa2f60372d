"""Statistics over many samples: spread, order of convergence, rank correlation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from nextlabel.papers.theory.record import Measurement

__all__ = ["fraction", "fraction_room", "order", "rank_correlation", "ranks", "rows", "spread"]


def spread(values_m: Float[Tensor, " samples"]) -> dict[str, float]:
    """Return the smallest and largest value, the median and the 5 % and 95 % quantiles."""
    return {
        "min": values_m.min().item(),
        "low": values_m.quantile(0.05).item(),
        "median": values_m.quantile(0.5).item(),
        "high": values_m.quantile(0.95).item(),
        "max": values_m.max().item(),
    }


def rows(
    settings: Sequence[Mapping[str, float | str]], ratios: Sequence[Tensor], **more: Sequence[float]
) -> tuple[Measurement, ...]:
    """Return a measurement per setting: the spread of its ratios, and its number from each other sequence."""
    return tuple(
        Measurement(setting, {**spread(ratio_m), **{name: values[i] for name, values in more.items()}})
        for i, (setting, ratio_m) in enumerate(zip(settings, ratios, strict=True))
    )


def fraction(claims_m: Tensor) -> float:
    """Return the fraction of samples for which the claim is true."""
    return claims_m.double().mean().item()


def fraction_room(seeds: int) -> float:
    """Return how far a fraction over some seeds may differ from the one over 1,000.

    Two standard deviations of a fraction of one half, plus 0.02 for the error of the reference itself.
    """
    return 0.02 + 1 / math.sqrt(seeds)


def order(etas: Sequence[float], errors: Sequence[float]) -> float:
    """Return k if errors fall as ``eta^k``, from the first and last; infinite if an error is zero."""
    if min(errors) <= 0:
        return math.inf
    return math.log(errors[-1] / errors[0]) / math.log(etas[-1] / etas[0])


def ranks(values_gn: Float[Tensor, "groups items"]) -> Float[Tensor, "groups items"]:
    """Return the rank of each value within its group, from 0; equal values keep their order."""
    return values_gn.argsort(dim=1, stable=True).argsort(dim=1).double()


def rank_correlation(
    first_gn: Float[Tensor, "groups items"], second_gn: Float[Tensor, "groups items"]
) -> Float[Tensor, " groups"]:
    """Return Spearman's rank correlation of each group, for values without ties."""
    a, b = (ranks(v) - (v.shape[1] - 1) / 2 for v in (first_gn, second_gn))
    return (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()
