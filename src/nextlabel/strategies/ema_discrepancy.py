"""EMA discrepancy: query where the outputs are furthest from those of the averaged weights.

Knows the class probabilities of the model and of its average, not how either was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.discrepancy import Form, cyclic_discrepancy
from nextlabel.errors import UnknownNameError
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["EmaDiscrepancy"]

CARD = Card(
    "ema_discrepancy",
    "EmaDiscrepancy",
    needs=("log_probs", "snapshot:ema"),
    cost="O(N C); two forward passes",
    use_when="to compare a model with its own average, also where every cycle trains again",
    citation="Huang, Wang, Xiong, Huan, Dou, Semi-Supervised Active Learning with Temporal Output "
    "Discrepancy, ICCV 2021",
    remedy="use a learner that keeps an average of its weights, such as TorchLearner",
)


@dataclass(frozen=True)
class EmaDiscrepancy:
    """Score candidates by the distance to the outputs under the moving average of the weights.

    S. Huang, T. Wang, H. Xiong, J. Huan, D. Dou, "Semi-Supervised Active Learning with Temporal Output
    Discrepancy", ICCV 2021, whose ablation uses EMAOD as a sampler too: D(x) = ||f(x; w) - f(x; w~)||,
    largest first, w~ <- a w~ + (1 - a) w after every step. The output f is the softmax; with several draws
    the probabilities are averaged first. It needs no previous cycle, so the first cycle is like all others.

    Deviations: the average is that of the present cycle's training and begins at its first weights, where the
    authors' code has one for the whole run that begins at an unrelated network, and never scores with it; how
    the paper's sampler had its average is not published. With a = 0.999 the average of a training run of few
    steps is close to the initial weights.

    Attributes:
        form: ``"half_squared"``, 1/2 ||.||^2, or ``"l2"``; they rank alike.

    Raises:
        UnknownNameError: There is no such form.
    """

    form: Form = "half_squared"

    name: ClassVar[str] = "ema_discrepancy"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs", "snapshot:ema"})

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise UnknownNameError("form of strategy 'ema_discrepancy'", self.form, get_args(Form))

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) discrepancies, higher = query first; nothing is drawn."""
        now, average = view.pool.log_probs, view.snapshots[0].log_probs
        assert now is not None
        assert average is not None
        return cyclic_discrepancy(now, average, form=self.form)
