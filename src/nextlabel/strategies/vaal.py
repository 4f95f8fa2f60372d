"""VAAL: query what looks least like the labelled items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.registry import Card
from nextlabel.strategies.extra_field import one_number_per_item
from nextlabel.types import PoolView

__all__ = ["Vaal"]

CARD = Card(
    "vaal",
    "Vaal",
    needs=("extra:labelled_probability",),
    cost="O(N); its learner trains an autoencoder and a discriminator, often longer than the task",
    use_when="as the task-agnostic, adversarial baseline on images",
    citation="Sinha, Ebrahimi, Darrell, Variational Adversarial Active Learning, ICCV 2019",
    remedy="wrap the learner in Vaal",
)


@dataclass(frozen=True)
class Vaal:
    """Score candidates by how unlikely VAAL's discriminator finds it that they are labelled.

    Samarth Sinha, Sayna Ebrahimi, Trevor Darrell: Variational Adversarial Active Learning, ICCV 2019,
    Algorithm 2: the b candidates with the lowest probability D of being labelled. The score is -D, which is
    exact where D is nearly 0, as 1 - D is not.
    """

    name: ClassVar[str] = "vaal"
    needs: ClassVar[frozenset[str]] = frozenset({"extra:labelled_probability"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) scores in [-1, 0]."""
        return -one_number_per_item(view, "labelled_probability", strategy=self.name)
