"""TA-VAAL: query what looks least like the labelled items, given its predicted loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.registry import Card
from nextlabel.strategies.extra_field import one_number_per_item
from nextlabel.types import PoolView

__all__ = ["TaVaal"]

CARD = Card(
    "ta_vaal",
    "TaVaal",
    needs=("extra:task_labelled_probability",),
    cost="O(N); its learner trains an autoencoder, a discriminator and a loss module",
    use_when="where VAAL should know what is hard for the task",
    citation="Kim, Park, Kim, Chun, Task-Aware Variational Adversarial Active Learning, CVPR 2021",
    remedy="wrap the learner in ta_vaal",
)


@dataclass(frozen=True)
class TaVaal:
    """Score candidates by how unlikely TA-VAAL's discriminator finds it that they are labelled.

    Kwanyoung Kim, Dongwon Park, Kwang In Kim, Se Young Chun: Task-Aware Variational Adversarial Active
    Learning, CVPR 2021: the candidates with the lowest probability D of being labelled, where D also depends
    on the predicted loss. The score is -D.
    """

    name: ClassVar[str] = "ta_vaal"
    needs: ClassVar[frozenset[str]] = frozenset({"extra:task_labelled_probability"})

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) scores in [-1, 0]."""
        return -one_number_per_item(view, "task_labelled_probability", strategy=self.name)
