"""Learning loss: query where the loss is predicted to be largest.

Knows only the losses that a module next to the network predicts, which the objective of the same name trains.
"""

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
    """Score candidates by their predicted loss.

    Donggeun Yoo, In So Kweon, "Learning Loss for Active Learning", CVPR 2019, section 3.1. Only the order of
    predicted losses is meant: they are trained to rank.
    """

    name: ClassVar[str] = "learning_loss"
    needs: ClassVar[frozenset[str]] = frozenset({"extra:predicted_loss"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) predicted losses, without a unit; draws nothing from ``rng``.

        Raises:
            DataError: They are not one number per candidate.
        """
        return one_number_per_item(view, "predicted_loss", part="strategy 'learning_loss'")
