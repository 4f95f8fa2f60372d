"""Ratio: query where the second class is nearly as probable as the first, in proportion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.entropy import mean_log_probs, top_two
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["Ratio"]

CARD = Card(
    "ratio",
    "Ratio",
    needs=("log_probs",),
    cost="O(N K C)",
    use_when="as margin, but with the gap relative to the largest probability",
    citation="Monarch, Human-in-the-Loop Machine Learning, Manning, 2021",
    remedy="use a learner that gives class probabilities",
)


@dataclass(frozen=True)
class Ratio:
    """Score candidates by the ratio of the second largest class probability to the largest.

    R. Monarch, "Human-in-the-Loop Machine Learning", Manning, 2021, section 3.2, ratio of confidence:
    p2 / p1, computed as exp(log p2 - log p1), which stays precise where p2 is tiny. Several draws are
    averaged first; the book has one.
    """

    name: ClassVar[str] = "ratio"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) ratios in [0, 1]; a single class raises DataError."""
        first, second = top_two(mean_log_probs(view.pool.fields()["log_probs"]))
        return (second - first).exp()
