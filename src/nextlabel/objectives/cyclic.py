"""The semi-supervised loss of cyclic output discrepancy: stay near the model that the last cycle left.

It takes the weights that a training run starts from as those of the last cycle's end. It does not know that
there are cycles, nor whether the start was a warm one.
"""

from __future__ import annotations

from typing import final

from torch import Tensor
from torch.nn import functional

from nextlabel.objectives.options import bound, check_choices, check_ranges
from nextlabel.objectives.supervised import at_least_float32
from nextlabel.objectives.teacher import Compared, Mode, frozen_copy, joint, mean_squared_distance, teach
from nextlabel.objectives.tod import WEIGHT
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
    """Cross-entropy plus the discrepancy between the model and the state that its training started from.

    Siyu Huang, Tianyang Wang, Haoyi Xiong, Jun Huan, Dejing Dou: Semi-Supervised Active Learning with
    Temporal Output Discrepancy, ICCV 2021, the ablation of the unsupervised loss with COD in place of the
    EMA: L_S + lambda times the mean over the unlabelled batch of ||f(x; w) - f(x; w_{c-1})||^2, summed over
    classes. On a warm start w_{c-1} is the end of the last cycle; on a cold one, and in the first cycle, it
    is the initial weights, untrained, which the loss then pulls towards. The authors released no code of
    it.

    Readings where the paper is silent, the same as of the objective ``tod``: which outputs f are
    (``outputs``), which mode the earlier state runs in (``teacher_mode``), and one joint pass of the
    labelled and the unlabelled batch.

    The earlier state is that of this training: a killed training that goes on has it again, and the next
    training takes its own. It is in no checkpoint.

    Args:
        weight: lambda, at least 0.
        outputs: What is compared, ``"probs"`` or ``"logits"``.
        teacher_mode: ``"train"``: the earlier state normalises with the statistics of the same batch;
            ``"eval"``: with its running statistics, and without dropout.
        label_smoothing: Of the cross-entropy, in [0, 1).

    Raises:
        ConfigurationError: An option is unknown or out of range.
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
        choices = {"outputs": (outputs, Compared), "teacher_mode": (teacher_mode, Mode)}
        check_choices("cyclic", choices)
        check_ranges("cyclic", weight=weight, label_smoothing=label_smoothing)
        self.weight, self.compared = weight, outputs
        self.teacher_mode, self.label_smoothing = teacher_mode, label_smoothing
        self._before: tuple[Network, ...] = ()  # a tuple hides it from the module's state and its modes

    def bind(self, model: Network, example: Forward) -> None:
        """Keep a copy of the model, on its device, as the earlier state."""
        self._before = (frozen_copy(model, self.teacher_mode),)

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the parts ``supervised`` and ``cyclic``, without unlabelled items ``supervised`` alone.

        Args:
            model: The network in training.
            x: (L, ...) labelled inputs.
            y: (L,) class indices.
            unlabelled: (U, ...) unlabelled inputs, or None when the pool has run out of them.
            step: Ignored.

        Raises:
            ContractError: :meth:`bind` was not called.
        """
        before = bound(next(iter(self._before), None), "cyclic")
        both = joint(x, unlabelled)
        outputs = at_least_float32(model(both).outputs)
        entropy = functional.cross_entropy(outputs[: len(x)], y, label_smoothing=self.label_smoothing)
        if unlabelled is None:
            return Losses({"supervised": entropy})
        taught = teach(before, both)
        distance = mean_squared_distance(outputs[len(x) :], taught[len(x) :], self.compared)
        return Losses({"supervised": entropy, "cyclic": self.weight * distance})
