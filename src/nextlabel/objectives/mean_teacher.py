"""The semi-supervised loss of the mean teacher: agree with an EMA of oneself under other noise.

It follows the model it is handed, step by step. It does not know how batches are drawn, which optimiser
runs, or that there are cycles.
"""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from nextlabel.errors import ContractError
from nextlabel.objectives.options import bound, check_choices, check_ranges
from nextlabel.objectives.supervised import at_least_float32
from nextlabel.objectives.teacher import EmaTeacher, Mode, joint, teach
from nextlabel.registry import Card
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["MeanTeacher", "sigmoid_ramp"]

CARD = Card(
    "mean_teacher",
    "MeanTeacher",
    needs=("labelled", "unlabelled"),
    cost="2 forward and backward passes, and 2 forward passes of the EMA teacher",
    use_when="as the baseline of semi-supervised losses with an EMA teacher",
    citation="Tarvainen, Valpola. Mean teachers are better role models: Weight-averaged consistency targets "
    "improve semi-supervised deep learning results. NeurIPS 2017",
)

WEIGHT = 100.0
"""Largest consistency weight, in the authors' runs on CIFAR-10."""

DECAY = 0.97
"""Upper limit of the EMA's decay, in the authors' runs of a residual network on CIFAR-10."""

RAMP_UP = 5 / 180
"""Fraction of the training in which the consistency weight rises: there 5 of 180 epochs."""


def sigmoid_ramp(fraction: float) -> float:
    """Return exp(-5 (1 - share)^2), which rises from 0.0067 at 0 to 1 at 1; 1 after that.

    Samuli Laine, Timo Aila: Temporal Ensembling for Semi-Supervised Learning, ICLR 2017, section 2.1.

    >>> round(sigmoid_ramp(0.5), 4), sigmoid_ramp(2.0)
    (0.2865, 1.0)
    """
    return math.exp(-5 * (1 - min(fraction, 1.0)) ** 2)


@final
class MeanTeacher(Objective):
    """Cross-entropy plus the consistency of the class probabilities with those of an EMA teacher.

    Antti Tarvainen, Harri Valpola: Mean teachers are better role models: Weight-averaged consistency targets
    improve semi-supervised deep learning results, NeurIPS 2017. The consistency is the squared difference
    of the probabilities of student and teacher, mean over classes and over the labelled and the unlabelled
    batch together, times a weight that rises along :func:`sigmoid_ramp`. The teacher's weights are w~ <- a
    w~ + (1 - a) w after every step, a = min(1 - 1 / (n + 1), decay) at the n-th.

    Deviations:

    * Student and teacher see the same augmented view of an item, where the authors draw a view for each. They
      differ by dropout and by ``noise``, drawn for each network again, whose level 0.15 in the paper is in
      units of normalised inputs.
    * Cross-entropy is the mean over the labelled batch; the released code divides its sum by labelled and
      unlabelled items together, which makes it smaller next to the consistency (by half with equal batches).
    * One head, as in the paper; the residual networks of the released code have two, as has the form
      ``code`` of the objective ``tod``.
    * The teacher starts as a copy of the student, and takes over its batch-norm statistics at every step.
    * The ramp is a fraction of the training, and begins again with every training; the teacher goes on on a
      warm start.

    Args:
        weight: Largest weight of the consistency, at least 0.
        decay: Upper limit of a, in [0, 1].
        ramp_up: Fraction of the training in which the weight rises, in [0, 1]; 0 for a constant weight.
        noise: Standard deviation of normal noise on the inputs of either network, in their unit.
        teacher_mode: ``"train"``, as in the released code, or ``"eval"``: running statistics and no dropout.
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
        decay: float = DECAY,
        ramp_up: float = RAMP_UP,
        noise: float = 0.0,
        teacher_mode: Mode = "train",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        check_choices("mean_teacher", {"teacher_mode": (teacher_mode, Mode)})
        check_ranges(
            "mean_teacher",
            weight=weight,
            decay=decay,
            ramp_up=ramp_up,
            noise=noise,
            label_smoothing=label_smoothing,
        )
        self.weight, self.decay, self.ramp_up, self.noise = weight, decay, ramp_up, noise
        self.teacher_mode, self.label_smoothing = teacher_mode, label_smoothing
        self.teacher: EmaTeacher | None = None
        self._total: int | None = None

    def bind(self, model: Network, example: Forward) -> None:
        """Copy the model as the teacher."""
        self.teacher = EmaTeacher(model, decay=self.decay, warm_up=True, mode=self.teacher_mode)

    def begin(self, total_steps: int) -> None:
        """Take the number of steps of this training, of which the ramp is a fraction."""
        self._total = total_steps

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the parts ``supervised`` and ``consistency``.

        Args:
            model: The network in training, the student.
            x: (L, ...) labelled inputs.
            y: (L,) class indices.
            unlabelled: (U, ...) unlabelled inputs, or None when the pool has run out of them.
            step: The step of this training, from 0; the ramp depends on it.

        Raises:
            ContractError: :meth:`bind`, or with a ramp :meth:`begin`, was not called.
        """
        teacher = bound(self.teacher, "mean_teacher")
        both = joint(x, unlabelled)
        outputs = at_least_float32(model(self._noisy(both)).outputs)
        taught = teach(teacher, self._noisy(both))
        entropy = functional.cross_entropy(outputs[: len(x)], y, label_smoothing=self.label_smoothing)
        consistency = functional.mse_loss(outputs.softmax(1), taught.softmax(1))
        weight = self.weight * self._ramp(step)
        return Losses({"supervised": entropy, "consistency": weight * consistency})

    def after_step(self, model: Network) -> None:
        """Move the teacher towards the model: w~ <- a w~ + (1 - a) w; buffers are copied."""
        assert self.teacher is not None, "after_step follows a step, and a step needs bind()"
        self.teacher.follow(model)

    def _noisy(self, x: Tensor) -> Tensor:
        return x + self.noise * torch.randn_like(x) if self.noise > 0 else x

    def _ramp(self, step: int) -> float:
        if self.ramp_up == 0:
            return 1.0
        if self._total is None:
            raise ContractError(
                "the objective 'mean_teacher' must know the length of the training before its first step: "
                "call begin() with the number of steps, or set ramp_up=0"
            )
        return sigmoid_ramp(step / self._total / self.ramp_up)
