"""The semi-supervised loss of temporal output discrepancy: stay near an EMA teacher."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.objectives.prepared import prepared
from nextlabel.objectives.supervised import at_least_float32
from nextlabel.objectives.teacher import Buffers, Compared, EmaTeacher, Mode, joint, squared_distance, teach
from nextlabel.parts import check_choices, check_ranges
from nextlabel.registry import Card
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["WEIGHT", "Passes", "TeacherStart", "Tod", "TodForm"]

CARD = Card(
    "tod",
    "Tod",
    needs=("labelled", "unlabelled"),
    cost="2 forward and backward passes, and 2 forward passes of the EMA teacher",
    use_when="classification with many unlabelled items and time to train on them",
    citation="Huang, Wang, Xiong, Huan, Dou. Semi-Supervised Active Learning with Temporal Output "
    "Discrepancy. ICCV 2021",
)

WEIGHT = 0.05
"""lambda of the paper, on every data set. The reference code has 0.02 for CIFAR-10, 0.05 for CIFAR-100,
0.005 for SVHN and 0.1 for Caltech-101."""

TodForm = Literal["paper", "code"]

Passes = Literal["joint", "separate"]

TeacherStart = Literal["copy", "random"]


class Tod(Objective):
    """Cross-entropy plus the discrepancy between the model and an exponential moving average of it.

    Siyu Huang, Tianyang Wang, Haoyi Xiong, Jun Huan, Dejing Dou: Semi-Supervised Active Learning with
    Temporal Output Discrepancy, ICCV 2021, the unsupervised loss L_U and L_S + lambda L_U. With student f(x;
    w) and teacher f(x; w~), w~ <- a w~ + (1 - a) w after every optimiser step:

    * ``form="paper"``: lambda times the mean over the unlabelled batch of ||f(x; w) - f(x; w~)||^2, summed
      over classes; one head; a = 0.999. The paper does not say which outputs f are; ``outputs`` does.
    * ``form="code"``: what the authors' released code does. A second linear head on the embeddings gives
      outputs c(x); lambda times, over the labelled and the unlabelled batch each, MSE(f, c), the residual
      tie, which moves both heads, plus MSE(c, teacher's f), the consistency. MSE is the mean over batch and
      classes of raw logits; a = min(1 - 1 / (n + 1), 0.999) at the n-th step of the run. It is the
      two-head recipe of Antti Tarvainen, Harri Valpola: Mean teachers are better role models, NeurIPS 2017.

    The rest of the released code is behind options, whose defaults repair it. The teacher, its step count and
    the second head are parameters and buffers of this module: they are saved in checkpoints, and a warm start
    carries them on.

    Args:
        form: ``"paper"`` or ``"code"``.
        weight: lambda, at least 0.
        decay: The paper's a, or its upper limit in the form ``code``, in [0, 1].
        outputs: What the form ``paper`` compares, ``"probs"`` (default) or ``"logits"``; the form ``code``
            always compares logits.
        teacher_mode: In ``"train"``, as in the code, both networks normalise with the statistics of the same
            batch, so that the discrepancy comes from the weights alone; dropout draws are independent.
            ``"eval"`` uses the running statistics and no dropout.
        teacher_start: ``"copy"`` of the student (w~_0 = w_0), or as in the code a ``"random"``, unrelated
            network.
        teacher_buffers: Batch-norm statistics ``"copied"`` from the student, or as in the code those of the
            teacher's ``"own"`` passes.
        passes: One ``"joint"`` pass, whose statistics describe both batches, or as in the code ``"separate"``
            ones, first of the labelled and then of the unlabelled batch, each normalised by itself; the
            running statistics then end on the unlabelled batch.
        label_smoothing: Of the cross-entropy, in [0, 1).
    """

    task = "classification"
    uses_unlabelled = True

    def __init__(
        self,
        *,
        form: TodForm = "paper",
        weight: float = WEIGHT,
        decay: float = 0.999,
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
            "objective 'tod'",
            form=(form, TodForm),
            outputs=(compared, Compared),
            teacher_mode=(teacher_mode, Mode),
            teacher_start=(teacher_start, TeacherStart),
            teacher_buffers=(teacher_buffers, Buffers),
            passes=(passes, Passes),
        )
        if form == "code" and compared != "logits":
            raise ConfigurationError(
                "option 'outputs' of objective 'tod' must be 'logits' with form='code', got "
                f"'{compared}'; leave it out"
            )
        check_ranges(
            "objective 'tod'",
            weight=(weight, "[0, inf)"),
            decay=(decay, "[0, 1]"),
            label_smoothing=(label_smoothing, "[0, 1)"),
        )
        self.form, self.weight, self.decay = form, weight, decay
        self.compared, self.teacher_mode, self.label_smoothing = compared, teacher_mode, label_smoothing
        self.teacher_buffers, self.passes = teacher_buffers, passes
        self.uses_embeddings = form == "code"
        self.uses_fresh_network = teacher_start == "random"
        self._fresh: tuple[Network, ...] = ()  # a tuple hides it from the module's state
        self.teacher: EmaTeacher | None = None
        self.second_head: nn.Linear | None = None

    def take_fresh(self, network: Network) -> None:
        """Take the unrelated network that the teacher starts as."""
        self._fresh = (network,)

    def bind(self, model: Network, example: Forward) -> None:
        """Make the teacher and, for the form ``code``, the second head, which needs embeddings.

        Without a network from :meth:`take_fresh` the teacher is a copy of the model, even if it is to start
        at random: the state of a fit that continues then replaces the copy.
        """
        if self.form == "code":
            if example.embeddings is None:
                raise ContractError(
                    "the model must give embeddings for the second head of objective 'tod' with form='code', "
                    "got none; name a layer with embedding_layer=, or use form='paper'"
                )
            widths = example.embeddings.shape[1], example.outputs.shape[1]
            device, dtype = example.outputs.device, example.embeddings.dtype
            self.second_head = nn.Linear(*widths, device=device, dtype=dtype)
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
        """Return ``supervised``, and ``tod`` or in the form ``code`` ``residual`` and ``consistency``."""
        teacher = prepared(self.teacher, "tod")
        both = (x,) if unlabelled is None else (x, unlabelled)
        batches = both if self.passes == "separate" else (joint(x, unlabelled),)
        students = [model(batch) for batch in batches]
        outputs = at_least_float32(torch.cat([student.outputs for student in students]))
        entropy = functional.cross_entropy(outputs[: len(x)], y, label_smoothing=self.label_smoothing)
        if self.form == "code":
            head = prepared(self.second_head, "tod")
            second = at_least_float32(head(torch.cat([student.embeddings for student in students])))
            taught = torch.cat([teach(teacher, batch) for batch in batches])
            sizes = [len(batch) for batch in both]

            def weighted(one: Tensor, two: Tensor) -> Tensor:
                pairs = zip(torch.split(one, sizes), torch.split(two, sizes), strict=True)
                return self.weight * torch.stack([functional.mse_loss(*pair) for pair in pairs]).sum()

            residual, consistency = weighted(outputs, second), weighted(second, taught)
            return Losses({"supervised": entropy, "residual": residual, "consistency": consistency})
        if unlabelled is None:
            return Losses({"supervised": entropy})
        taught = teach(teacher, batches[-1])[-len(unlabelled) :]
        distance = squared_distance(outputs[len(x) :], taught, self.compared)
        return Losses({"supervised": entropy, "tod": self.weight * distance})

    def after_step(self, model: Network) -> None:
        """Move the teacher towards the model: w~ <- a w~ + (1 - a) w."""
        prepared(self.teacher, "tod").follow(model)
