"""EMA discrepancy: query where the outputs are furthest from those of the averaged weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.discrepancy import Form, cyclic_discrepancy
from nextlabel.parts import check_choices
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["EmaDiscrepancy"]

CARD = Card(
    "ema_discrepancy",
    "EmaDiscrepancy",
    needs=("log_probs", "snapshot:ema"),
    cost="O(N C); two forward passes",
    use_when="to compare a model with its own average, also if every cycle trains from scratch",
    citation="Huang, Wang, Xiong, Huan, Dou, Semi-Supervised Active Learning with Temporal Output "
    "Discrepancy, ICCV 2021",
    remedy="use a learner that keeps an average of its weights, such as TorchLearner",
)


@dataclass(frozen=True)
class EmaDiscrepancy:
    """Score candidates by the distance to the outputs under the moving average of the weights.

    S. Huang, T. Wang, H. Xiong, J. Huan, D. Dou, "Semi-Supervised Active Learning with Temporal Output
    Discrepancy", ICCV 2021, whose ablation also samples by EMAOD: D(x) = ||f(x; w) - f(x; w~)||, largest
    first, w~ <- a w~ + (1 - a) w after every step. The output f is the softmax; several draws are averaged
    first. It needs no previous cycle, so the first cycle is like all others.

    Deviations: the average is that of the current training run and begins at its initial weights, where the
    authors' code has one average for all cycles that begins at an unrelated network, and never scores with
    it; how the paper's sampler got its average is not published. With a = 0.999 the average of a training run
    of few steps is close to the initial weights.

    Attributes:
        form: ``"half_squared"``, 1/2 ||.||^2, or ``"l2"``; they rank alike.
    """

    form: Form = "half_squared"

    name: ClassVar[str] = "ema_discrepancy"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs", "snapshot:ema"})

    def __post_init__(self) -> None:
        check_choices(f"strategy '{self.name}'", form=(self.form, Form))

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) discrepancies."""
        now, average = (outputs.fields()["log_probs"] for outputs in (view.pool, view.snapshots[0]))
        return cyclic_discrepancy(now, average, form=self.form)
