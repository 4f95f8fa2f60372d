"""From class log-probabilities of pixels to one number per item. Knows neither models nor strategies."""

from __future__ import annotations

from typing import Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor

from nextlabel.discrepancy import output_discrepancy
from nextlabel.errors import UnknownNameError
from nextlabel.maths.entropy import entropy, gini, margin

__all__ = ["PIXEL_FIELDS", "PIXEL_MOVES", "Aggregate", "pixel_field"]

Aggregate: TypeAlias = Literal["mean", "max"]
"""How the numbers of an item's pixels become one: their mean, or that of the pixel with the largest."""

PIXEL_MOVES = frozenset({"mean_discrepancy", "max_discrepancy", "mean_distance", "max_distance"})
"""The fields that compare two states of a model."""

PIXEL_FIELDS = PIXEL_MOVES | {"mean_entropy", "max_entropy", "mean_gini", "max_gini", "mean_margin"}
"""The fields that :func:`pixel_field` can make."""


def pixel_field(
    name: str,
    now: Float[Tensor, "batch classes height width"],
    before: Float[Tensor, "batch classes height width"] | None = None,
) -> Float[Tensor, " batch"]:
    """Return one number per item, over all its pixels: those without a class are not known before labelling.

    Args:
        name: ``mean_`` or ``max_`` and the quantity of a pixel: ``discrepancy``, 1/2 ||p - q||^2 in [0, 1];
            ``distance``, ||p - q|| in [0, sqrt(2)]; ``entropy`` in nats; ``gini``, 1 - SUM_c p_c^2;
            ``margin``, the gap between the two largest p_c.
        now: (B, C, height, width) log-probabilities in nats, whose probabilities are p.
        before: Those of an earlier state, q; only moves need them.

    Raises:
        UnknownNameError: There is no such field.
    """
    if name not in PIXEL_FIELDS:
        raise UnknownNameError("field of pixels", name, PIXEL_FIELDS)
    aggregate, quantity = name.split("_")
    if name in PIXEL_MOVES:
        assert before is not None, "the caller looks at PIXEL_MOVES"
        form: Literal["half_squared", "l2"] = "half_squared" if quantity == "discrepancy" else "l2"
        reduce: Aggregate = "mean" if aggregate == "mean" else "max"
        return output_discrepancy(now.exp(), before.exp(), form=form, reduce=reduce)
    log_probs_bpc = now.flatten(2).transpose(1, 2)
    values: Tensor = {"entropy": entropy, "gini": gini, "margin": margin}[quantity](log_probs_bpc)
    return values.mean(1) if aggregate == "mean" else values.amax(1)
