"""The semi-supervised loss of temporal output discrepancy: an EMA teacher that the student stays near.

It follows the model it is handed, step by step. It does not know how batches are drawn, which optimiser
runs, or that there are cycles.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.objectives.options import bound, check_choices, check_ranges
from nextlabel.objectives.supervised import at_least_float32
from nextlabel.objectives.teacher import (
    Buffers,
    Compared,
    EmaTeacher,
    Mode,
    joint,
    mean_squared_distance,
    teach,
)
from nextlabel.registry import Card
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["DECAY", "WEIGHT", "Form", "Passes", "TeacherStart", "Tod"]

CARD = Card(
    "tod",
    "Tod",
    needs=("labelled", "unlabelled"),
    cost="2 forward and backward passes, and 2 forward passes of the EMA teacher",
    use_when="classification with many unlabelled items and time to train on them",
    citation="Huang, Wang, Xiong, Huan, Dou. Semi-Supervised Active Learning with Temporal Output "
    "Discrepancy. ICCV 2021",
)

DECAY = 0.999
"""alpha of the EMA, in the paper's section on the unsupervised loss; the reference code's upper limit."""

WEIGHT = 0.05
"""lambda of the paper, on every data set. The reference code has 0.02 for CIFAR-10, 0.05 for CIFAR-100,
0.005 for SVHN and 0.1 for Caltech-101."""

Form = Literal["paper", "code"]

Passes = Literal["joint", "separate"]
"""Whether the labelled and the unlabelled batch of a step go through the networks as one or one by one."""

TeacherStart = Literal["copy", "random"]
"""Whether the teacher starts as a copy of the student or as a network with other initial weights."""


class Tod(Objective):
    """Cross-entropy plus the discrepancy between the model and an exponential moving average of it.

    Siyu Huang, Tianyang Wang, Haoyi Xiong, Jun Huan, Dejing Dou: Semi-Supervised Active Learning with
    Temporal Output Discrepancy, ICCV 2021, the unsupervised loss L_U and L_S + lambda L_U. With student f(x;
    w) and teacher f(x; w~), w~ <- a w~ + (1 - a) w after every optimiser step:

    * ``form="paper"``: lambda times the mean over the unlabelled batch of ||f(x; w) - f(x; w~)||^2, summed
      over classes; one head; a = 0.999. The paper does not say which outputs f are: ``outputs`` does.
    * ``form="code"``: what the authors' released code does. A second linear head on the embeddings gives
      outputs c(x); lambda times, over the labelled and the unlabelled batch each, MSE(f, c), the residual
      tie, which moves both heads, plus MSE(c, teacher's f), the consistency. MSE is the mean over batch and
      classes of raw logits; a = min(1 - 1 / (n + 1), 0.999) at the n-th step of the run. The recipe is the
      two-head one of Antti Tarvainen, Harri Valpola: Mean teachers are better role models, NeurIPS 2017.

    The rest of the released code is behind options, whose defaults repair it:

    * ``teacher_start="random"``: the teacher starts as an unrelated network with weights of its own, as in
      the code; by default as a copy of the student (w~_0 = w_0).
    * ``teacher_buffers="own"``: the teacher's batch-norm statistics are those of its own passes, as in the
      code, where the average is over parameters alone; by default they are copied from the student.
    * ``passes="separate"``: the labelled batch goes through each network first and the unlabelled one after
      it, as in the code, so that each is normalised with its own statistics, and the running statistics end
      on the unlabelled batch; by default one joint pass, whose statistics describe both.

    The teacher runs without gradients and in a chosen mode. In ``"train"``, as in the code, both networks
    normalise with the statistics of the same batch, so that the discrepancy is what the weights alone make;
    dropout draws are independent. ``"eval"`` uses the running statistics and no dropout.

    The teacher, its step count and the second head are parameters and buffers of this module: they travel
    in checkpoints, and a warm start carries them on.

    Args:
        form: ``"paper"`` or ``"code"``.
        weight: lambda, at least 0.
        decay: a, or its upper limit in the form ``code``, in [0, 1].
        outputs: What the form ``paper`` compares, ``"probs"`` (default) or ``"logits"``; the form ``code``
            always compares logits.
        teacher_mode: ``"train"`` or ``"eval"``.
        teacher_start: ``"copy"`` or ``"random"``.
        teacher_buffers: ``"copied"`` or ``"own"``.
        passes: ``"joint"`` or ``"separate"``.
        label_smoothing: Of the cross-entropy, in [0, 1).

    Raises:
        ConfigurationError: An option is unknown or out of range.
    """

    task = "classification"
    uses_unlabelled = True

    def __init__(
        self,
        *,
        form: Form = "paper",
        weight: float = WEIGHT,
        decay: float = DECAY,
        outputs: Compared | None = None,
        teacher_mode: Mode = "train",
        teacher_start: TeacherStart = "copy",
        teacher_buffers: Buffers = "copied",
        passes: Passes = "joint",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        compared = outputs or ("probs" if form == "paper" else "logits")
        check_choices(
            "tod",
            {
                "form": (form, Form),
                "outputs": (compared, Compared),
                "teacher_mode": (teacher_mode, Mode),
                "teacher_start": (teacher_start, TeacherStart),
                "teacher_buffers": (teacher_buffers, Buffers),
                "passes": (passes, Passes),
            },
        )
        if form == "code" and compared != "logits":
            raise ConfigurationError(
                "the form 'code' of the objective 'tod' compares logits; leave outputs out"
            )
        check_ranges("tod", weight=weight, decay=decay, label_smoothing=label_smoothing)
        self.form, self.weight, self.decay = form, weight, decay
        self.compared, self.teacher_mode, self.label_smoothing = compared, teacher_mode, label_smoothing
        self.teacher_buffers, self.passes = teacher_buffers, passes
        self.uses_embeddings = form == "code"
        self.uses_fresh_network = teacher_start == "random"
        self._fresh: tuple[Network, ...] = ()  # in a tuple, lest it counts as a part of this module
        self.teacher: EmaTeacher | None = None
        self.second_head: nn.Linear | None = None

    def take_fresh(self, network: Network) -> None:
        """Take the unrelated network as which the teacher is to start; called before :meth:`bind`."""
        self._fresh = (network,)

    def bind(self, model: Network, example: Forward) -> None:
        """Make the teacher and, for the form ``code``, the second head.

        Without a network from :meth:`take_fresh` the teacher is a copy of the model, also where it is to
        start at random: that is for a training run that goes on, whose state then takes the copy's place.

        Args:
            model: The network with the weights w_0.
            example: Its outputs for a few items; the form ``code`` reads the embeddings' width from it.

        Raises:
            ContractError: The form ``code`` has no embeddings to put its second head on.
        """
        if self.form == "code":
            if example.embeddings is None:
                raise ContractError(
                    "the form 'code' of the objective 'tod' puts a second head on the embeddings, but the "
                    "model gives none; name a layer with embedding_layer=, or use form='paper'"
                )
            widths = example.embeddings.shape[1], example.outputs.shape[1]
            self.second_head = nn.Linear(
                *widths, device=example.outputs.device, dtype=example.embeddings.dtype
            )
        self.teacher = EmaTeacher(
            *(self._fresh or (model,)),
            decay=self.decay,
            warm_up=self.form == "code",
            mode=self.teacher_mode,
            buffers=self.teacher_buffers,
        )
        self._fresh = ()

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the parts ``supervised`` and ``tod``, or ``supervised``, ``residual`` and ``consistency``.

        Args:
            model: The network in training, the student.
            x: (L, ...) labelled inputs.
            y: (L,) class indices.
            unlabelled: (U, ...) unlabelled inputs, or None when the pool has run out of them.
            step: Ignored; the teacher counts its own steps.

        Raises:
            ContractError: :meth:`bind` was not called.
        """
        teacher = bound(self.teacher, "tod")
        both = (x,) if unlabelled is None else (x, unlabelled)
        batches = both if self.passes == "separate" else (joint(x, unlabelled),)
        students = [model(batch) for batch in batches]
        outputs = at_least_float32(torch.cat([student.outputs for student in students]))
        entropy = functional.cross_entropy(outputs[: len(x)], y, label_smoothing=self.label_smoothing)
        if self.form == "code":
            taught = torch.cat([teach(teacher, batch) for batch in batches])
            embeddings = [student.embeddings for student in students]
            return self._code_losses(entropy, outputs, embeddings, taught, len(x))
        if unlabelled is None:
            return Losses({"supervised": entropy})
        taught = teach(teacher, batches[-1])[-len(unlabelled) :]
        distance = mean_squared_distance(outputs[len(x) :], taught, self.compared)
        return Losses({"supervised": entropy, "tod": self.weight * distance})

    def after_step(self, model: Network) -> None:
        """Move the teacher towards the model: w~ <- a w~ + (1 - a) w."""
        assert self.teacher is not None, "after_step follows a step, and a step needs bind()"
        self.teacher.follow(model)

    def _code_losses(
        self, entropy: Tensor, outputs: Tensor, embeddings: list[Tensor | None], taught: Tensor, labelled: int
    ) -> Losses:
        assert self.second_head is not None, "bind() built it"
        features = [part for part in embeddings if part is not None]
        assert len(features) == len(embeddings), "bind() checked for them"
        second = at_least_float32(self.second_head(torch.cat(features)))
        batches = [slice(0, labelled)]
        if len(outputs) > labelled:
            batches.append(slice(labelled, None))
        residual = sum((functional.mse_loss(outputs[b], second[b]) for b in batches), outputs.new_zeros(()))
        consistency = sum((functional.mse_loss(second[b], taught[b]) for b in batches), outputs.new_zeros(()))
        return Losses(
            {
                "supervised": entropy,
                "residual": self.weight * residual,
                "consistency": self.weight * consistency,
            }
        )
