"""Learning loss: query where the loss is predicted to be largest.

Knows only the losses that a module next to the network predicts, which the objective of the same name trains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.errors import DataError
from nextlabel.types import PoolView

__all__ = ["LearningLoss"]


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
        predicted = view.pool.extra["predicted_loss"]
        if predicted.ndim != 1:
            raise DataError(
                "the strategy 'learning_loss' needs one predicted loss a candidate, of shape (N,), but got "
                f"shape {tuple(predicted.shape)}"
            )
        return predicted.to(torch.promote_types(predicted.dtype, torch.float32))
