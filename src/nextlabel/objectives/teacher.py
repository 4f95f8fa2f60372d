"""Earlier states of a network as teachers, and their distances to a student."""

from __future__ import annotations

from typing import Literal, TypeAlias, final

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nextlabel.objectives.supervised import at_least_float32
from nextlabel.types import Network

__all__ = ["Buffers", "Compared", "EmaTeacher", "Mode", "joint", "squared_distance", "teach"]

Compared: TypeAlias = Literal["probs", "logits"]
"""Which outputs of student and teacher are compared."""

Mode: TypeAlias = Literal["train", "eval"]
"""Whether a teacher normalises with its batch and draws dropout, or runs as for prediction."""

Buffers: TypeAlias = Literal["copied", "own"]
"""Whether a teacher's buffers are the student's, copied after every step, or those of its own passes."""

Tensors: TypeAlias = "tuple[Tensor, ...] | list[Tensor]"


@final
class EmaTeacher(AveragedModel):
    """A copy of a network whose weights follow another's as w~ <- a w~ + (1 - a) w.

    It takes no gradients and stays in its own mode, whatever mode the module that holds it is set to.

    Args:
        model: The network with the initial weights w~_0; a copy is kept.
        decay: a, in [0, 1].
        warm_up: Whether a is min(1 - 1 / (n + 1), decay) at the n-th step, so that the teacher is at first
            the plain mean of all weights so far: Antti Tarvainen, Harri Valpola: Mean teachers are better
            role models, NeurIPS 2017, in their released code.
        mode: See :data:`Mode`.
        buffers: See :data:`Buffers`; only passes in the mode ``"train"`` update its ``"own"``.
    """

    def __init__(
        self,
        model: Network,
        *,
        decay: float,
        warm_up: bool = False,
        mode: Mode = "train",
        buffers: Buffers = "copied",
    ) -> None:
        super().__init__(model, multi_avg_fn=self._average, use_buffers=False)
        self.decay, self.warm_up, self.mode, self.own_buffers = decay, warm_up, mode, buffers == "own"
        self.requires_grad_(False)
        self.update_parameters(model)  # the first update only copies: now w~_0 is set and n_averaged = 1
        self.train()

    def train(self, mode: bool = True) -> EmaTeacher:
        """Set the chosen mode, whatever is asked for."""
        super().train(self.mode == "train")
        return self

    def follow(self, model: Network) -> None:
        """Move the weights towards the model's, and copy its buffers unless the teacher keeps its own."""
        if self.n_averaged.device.type != "cpu":
            self.n_averaged = self.n_averaged.cpu()  # read at every step: spare the device a wait
        if not self.own_buffers:
            self.update_parameters(model)
            return
        with torch.no_grad():  # AveragedModel would copy the buffers, too
            self._average(list(self.module.parameters()), list(model.parameters()), self.n_averaged)
        self.n_averaged += 1

    def _average(self, averaged: Tensors, current: Tensors, averaged_count: Tensor | int) -> None:
        """Move ``averaged`` towards ``current`` in place, as AveragedModel asks."""
        decay = min(1 - 1 / (int(self.n_averaged) + 1), self.decay) if self.warm_up else self.decay
        get_ema_multi_avg_fn(decay)(averaged, current, averaged_count)  # type: ignore[no-untyped-call]


def joint(x: Tensor, unlabelled: Tensor | None) -> Tensor:
    """Return the (L + U, ...) labelled and unlabelled items as one batch, the labelled ones first.

    One joint pass makes the batch statistics describe both, and not whichever batch was last.
    """
    return x if unlabelled is None else torch.cat((x, unlabelled))


def teach(teacher: Network, x: Tensor) -> Tensor:
    """Return the (B, C) raw outputs of the teacher, float32 or wider, without gradients."""
    with torch.no_grad():
        return at_least_float32(teacher(x).outputs)


def squared_distance(student: Tensor, teacher: Tensor, compared: Compared) -> Tensor:
    """Return the mean over items of the squared L2 distance between (B, C) logits or their probabilities."""
    if compared == "probs":
        student, teacher = student.softmax(1), teacher.softmax(1)
    return (student - teacher).square().sum(1).mean()
