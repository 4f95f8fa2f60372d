"""Learning loss: query where the predicted loss is largest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.registry import Card
from nextlabel.strategies.extra_field import one_number_per_item
from nextlabel.types import PoolView

__all__ = ["LearningLoss"]

CARD = Card(
    "learning_loss",
    "LearningLoss",
    needs=("extra:predicted_loss",),
    cost="O(N)",
    use_when="with a model trained by the objective 'learning_loss'",
    citation="Yoo, Kweon, Learning Loss for Active Learning, CVPR 2019",
    remedy="train the model with the objective 'learning_loss'",
)


@dataclass(frozen=True)
class LearningLoss:
    """Score candidates by their loss as the module of the objective ``learning_loss`` predicts it.

    Donggeun Yoo, In So Kweon, "Learning Loss for Active Learning", CVPR 2019, section 3.1.
    """

    name: ClassVar[str] = "learning_loss"
    needs: ClassVar[frozenset[str]] = frozenset({"extra:predicted_loss"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) predicted losses without a unit: they are trained to rank."""
        return one_number_per_item(view, "predicted_loss", strategy=self.name)
