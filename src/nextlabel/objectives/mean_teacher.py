"""The semi-supervised loss of the mean teacher: agree with an EMA of the model under other noise."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from nextlabel.objectives.prepared import prepared
from nextlabel.objectives.supervised import at_least_float32
from nextlabel.objectives.teacher import EmaTeacher, Mode, joint, teach
from nextlabel.parts import check_choices, check_ranges
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


def sigmoid_ramp(fraction: float) -> float:
    """Return exp(-5 (1 - fraction)^2), which rises from 0.0067 at 0 to 1 at 1; 1 after that.

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
      differ by dropout and by ``noise``, drawn separately for each network; its level 0.15 in the paper is in
      units of normalised inputs.
    * Cross-entropy is the mean over the labelled batch; the released code divides its sum by the number of
      all items, which makes it smaller next to the consistency (by half with equal batches).
    * One head, as in the paper; the residual networks of the released code have two, as does ``form="code"``
      of the objective ``tod``.
    * The teacher starts as a copy of the student, and takes over its batch-norm statistics at every step.
    * The ramp is a fraction of the fit and restarts with every fit; a warm start carries the teacher on.

    Args:
        weight: Largest weight of the consistency, at least 0; by default that of the authors' CIFAR-10 runs.
        decay: Upper limit of a, in [0, 1]; by default that of their runs of a residual network on CIFAR-10.
        ramp_up: Fraction of the fit in which the weight rises, in [0, 1]; by default their 5 of 180 epochs; 0
            for a constant weight.
        noise: Standard deviation of normal noise on the inputs of either network, in their unit.
        teacher_mode: ``"train"``, as in the released code, or ``"eval"``: running statistics and no dropout.
        label_smoothing: Of the cross-entropy, in [0, 1).
    """

    task = "classification"
    uses_unlabelled = True
    uses_embeddings = False

    def __init__(
        self,
        *,
        weight: float = 100.0,
        decay: float = 0.97,
        ramp_up: float = 5 / 180,
        noise: float = 0.0,
        teacher_mode: Mode = "train",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        check_choices("objective 'mean_teacher'", teacher_mode=(teacher_mode, Mode))
        check_ranges(
            "objective 'mean_teacher'",
            weight=(weight, "[0, inf)"),
            decay=(decay, "[0, 1]"),
            ramp_up=(ramp_up, "[0, 1]"),
            noise=(noise, "[0, inf)"),
            label_smoothing=(label_smoothing, "[0, 1)"),
        )
        self.weight, self.decay, self.ramp_up, self.noise = weight, decay, ramp_up, noise
        self.teacher_mode, self.label_smoothing = teacher_mode, label_smoothing
        self.teacher: EmaTeacher | None = None
        self._total: int | None = None

    def bind(self, model: Network, example: Forward) -> None:
        """Copy the model as the teacher."""
        self.teacher = EmaTeacher(model, decay=self.decay, warm_up=True, mode=self.teacher_mode)

    def begin(self, total_steps: int) -> None:
        """Take the number of steps of this fit, of which the ramp is a fraction."""
        self._total = total_steps

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the parts ``supervised`` and ``consistency``."""
        teacher = prepared(self.teacher, "mean_teacher")
        both = joint(x, unlabelled)
        outputs = at_least_float32(model(self._noisy(both)).outputs)
        taught = teach(teacher, self._noisy(both))
        entropy = functional.cross_entropy(outputs[: len(x)], y, label_smoothing=self.label_smoothing)
        consistency = functional.mse_loss(outputs.softmax(1), taught.softmax(1))
        weight = self.weight * self._ramp(step)
        return Losses({"supervised": entropy, "consistency": weight * consistency})

    def after_step(self, model: Network) -> None:
        """Move the teacher towards the model: w~ <- a w~ + (1 - a) w; buffers are copied."""
        prepared(self.teacher, "mean_teacher").follow(model)

    def _noisy(self, x: Tensor) -> Tensor:
        return x + self.noise * torch.randn_like(x) if self.noise > 0 else x

    def _ramp(self, step: int) -> float:
        if self.ramp_up == 0:
            return 1.0
        remedy = "begin() with the number of steps, or set ramp_up=0"
        return sigmoid_ramp(step / prepared(self._total, "mean_teacher", remedy) / self.ramp_up)
