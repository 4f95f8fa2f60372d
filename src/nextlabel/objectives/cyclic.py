"""The semi-supervised loss of cyclic output discrepancy: stay near the model of the previous cycle."""

from __future__ import annotations

import copy
from typing import final

from torch import Tensor
from torch.nn import functional

from nextlabel.objectives.prepared import prepared
from nextlabel.objectives.supervised import at_least_float32
from nextlabel.objectives.teacher import Compared, Mode, joint, squared_distance, teach
from nextlabel.objectives.tod import WEIGHT
from nextlabel.parts import check_choices, check_ranges
from nextlabel.registry import Card
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["Cyclic"]

CARD = Card(
    "cyclic",
    "Cyclic",
    needs=("labelled", "unlabelled"),
    cost="2 forward and backward passes, and 2 forward passes of the last cycle's model",
    use_when="to repeat the TOD paper's ablation; with a warm start, and not in the first cycle",
    citation="Huang, Wang, Xiong, Huan, Dou. Semi-Supervised Active Learning with Temporal Output "
    "Discrepancy. ICCV 2021",
)


@final
class Cyclic(Objective):
    """Cross-entropy plus the discrepancy between the model and its weights at the beginning of the fit.

    Siyu Huang, Tianyang Wang, Haoyi Xiong, Jun Huan, Dejing Dou: Semi-Supervised Active Learning with
    Temporal Output Discrepancy, ICCV 2021, the ablation of the unsupervised loss with COD in place of the
    EMA: L_S + lambda times the mean over the unlabelled batch of ||f(x; w) - f(x; w_{c-1})||^2, summed over
    classes. With a warm start w_{c-1} is the end of the last cycle; with a cold one, and in the first cycle,
    it is the initial weights, untrained, which the loss then pulls towards. The authors did not release its
    code. Where the paper is silent (``outputs``, ``teacher_mode``, one joint pass of the labelled and the
    unlabelled batch) we read it as for the objective ``tod``.

    The earlier weights are in no checkpoint: a fit that continues after a kill takes them again.

    Args:
        weight: lambda, at least 0.
        outputs: What is compared, ``"probs"`` or ``"logits"``.
        teacher_mode: With ``"train"`` the earlier state normalises with the statistics of the same batch;
            with ``"eval"`` by its running statistics, and without dropout.
        label_smoothing: Of the cross-entropy, in [0, 1).
    """

    task = "classification"
    uses_unlabelled = True
    uses_embeddings = False

    def __init__(
        self,
        *,
        weight: float = WEIGHT,
        outputs: Compared = "probs",
        teacher_mode: Mode = "train",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        part = "objective 'cyclic'"
        check_choices(part, outputs=(outputs, Compared), teacher_mode=(teacher_mode, Mode))
        check_ranges(part, weight=(weight, "[0, inf)"), label_smoothing=(label_smoothing, "[0, 1)"))
        self.weight, self.compared = weight, outputs
        self.teacher_mode, self.label_smoothing = teacher_mode, label_smoothing
        self._before: tuple[Network, ...] = ()  # a tuple hides it from the module's state and its modes

    def bind(self, model: Network, example: Forward) -> None:
        """Keep a frozen copy of the model, on its device, as the earlier state."""
        frozen = copy.deepcopy(model).requires_grad_(False)
        self._before = (frozen.train(self.teacher_mode == "train"),)

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the parts ``supervised`` and ``cyclic``, without unlabelled items ``supervised`` alone."""
        before = prepared(next(iter(self._before), None), "cyclic")
        both = joint(x, unlabelled)
        outputs = at_least_float32(model(both).outputs)
        entropy = functional.cross_entropy(outputs[: len(x)], y, label_smoothing=self.label_smoothing)
        if unlabelled is None:
            return Losses({"supervised": entropy})
        distance = squared_distance(outputs[len(x) :], teach(before, both)[len(x) :], self.compared)
        return Losses({"supervised": entropy, "cyclic": self.weight * distance})
