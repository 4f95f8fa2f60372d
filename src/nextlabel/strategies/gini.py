"""Gini: query where a guess drawn from the predicted probabilities would most often be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.entropy import gini, mean_log_probs
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["Gini"]

CARD = Card(
    "gini",
    "Gini",
    needs=("log_probs",),
    cost="O(N K C)",
    use_when="to repeat the first cycle of the released TOD code, which amounts to it",
    citation="Breiman, Friedman, Olshen, Stone, Classification and Regression Trees, Wadsworth, 1984",
    remedy="use a learner that gives class probabilities",
)


@dataclass(frozen=True)
class Gini:
    """Score candidates by 1 - SUM_c p_c^2, the Gini impurity of their predicted classes.

    L. Breiman, J. H. Friedman, R. A. Olshen, C. J. Stone, "Classification and Regression Trees", Wadsworth,
    1984, chapter 4. Several draws are averaged first. The ranking is that of the negative distance to the
    uniform distribution, by which the released code of the TOD papers scores in its first cycle, apart from
    the randomness of an untrained network.
    """

    name: ClassVar[str] = "gini"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) scores in [0, 1 - 1/C]."""
        return gini(mean_log_probs(view.pool.fields()["log_probs"]))
