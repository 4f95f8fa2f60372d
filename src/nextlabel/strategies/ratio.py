"""Ratio: query where the second most probable class comes closest to the first, in proportion.

Knows only the present class probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.errors import DataError
from nextlabel.maths.entropy import mean_log_probs
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
    p2 / p1, largest first, computed as exp(log p2 - log p1), which stays precise where p2 is tiny. With
    several draws the probabilities are averaged first; the book has one.
    """

    name: ClassVar[str] = "ratio"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) ratios in [0, 1], higher = query first; draws nothing from ``rng``.

        Raises:
            DataError: There is only one class.
        """
        assert view.pool.log_probs is not None
        log_probs = mean_log_probs(view.pool.log_probs)
        if log_probs.shape[-1] < 2:
            raise DataError(
                f"log_probs must have at least 2 classes for strategy 'ratio', got {log_probs.shape[-1]}; "
                "give the log-probability of every class"
            )
        first, second = log_probs.topk(2, dim=-1).values.unbind(-1)
        return (second - first).exp()
