"""The loss of learning loss: a module next to the network learns to rank items by their loss."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.adapters import as_objective
from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.models.loss_prediction import LossPrediction, Pooling
from nextlabel.objectives.prepared import prepared
from nextlabel.objectives.supervised import Supervised, at_least_float32
from nextlabel.parts import check_choices, check_ranges
from nextlabel.registry import Card
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["Gradients", "LearningLoss", "Rank", "Rate", "Ties", "ranking_loss"]

CARD = Card(
    "learning_loss",
    "LearningLoss",
    needs=("labelled", "unlabelled if its base needs them"),
    cost="that of its base, and a linear layer per stage of the network",
    use_when="to query by predicted loss, with the strategy 'learning_loss'",
    citation="Yoo, Kweon. Learning Loss for Active Learning. CVPR 2019",
)

Rank: TypeAlias = Literal["hinge", "bce"]
Ties: TypeAlias = Literal["ignore", "negative"]
Rate: TypeAlias = Literal["scheduled", "constant"]
Gradients: TypeAlias = Literal["zeroed", "accumulated"]

NAME, FIELD = "learning_loss", "predicted_loss"


def ranking_loss(
    predicted: Tensor, losses: Tensor, *, margin: float = 1.0, rank: Rank = "hinge", ties: Ties = "ignore"
) -> Tensor:
    """Return how badly (B,) predicted losses rank (B,) losses, the mean over pairs of a ranking loss.

    Only the predictions get gradients. Item i is paired with item B - 1 - i; the middle one of an odd batch
    is left out, and a batch of one item gives 0. With d the difference of a pair's predictions and s = +-1
    the sign of that of its losses:

    * ``rank="hinge"``: max(0, margin - s d), Donggeun Yoo, In So Kweon: Learning Loss for Active Learning,
      CVPR 2019, equation 2.
    * ``rank="bce"``: -log sigmoid(s d), in nats, as in the released code of Kwanyoung Kim, Dongwon Park,
      Kwang In Kim, Se Young Chun: Task-Aware Variational Adversarial Active Learning, CVPR 2021.

    Deviation: in the released code of both a pair of equal losses has s = -1, which favours a smaller
    prediction for whichever item comes first (``ties="negative"``); with ``"ignore"`` it contributes 0.

    >>> ranking_loss(torch.tensor([0.5, 9.0, 0.0]), torch.tensor([1.0, 5.0, 3.0]))
    tensor(1.5000)
    """
    pairs = len(predicted) // 2
    if pairs == 0:
        return predicted.new_zeros(())
    difference = (predicted - predicted.flip(0))[:pairs]
    truth = (losses - losses.flip(0))[:pairs].detach()
    signed = torch.where(truth > 0, difference, -difference)
    each = functional.relu(margin - signed) if rank == "hinge" else functional.softplus(-signed)
    if ties == "ignore":
        each = torch.where(truth == 0, 0.0, each)
    return each.sum() / pairs


@final
class _Recorder(nn.Module):
    """Forward calls to a network and keep its first result."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.seen: Forward | None = None

    def forward(self, x: Tensor) -> Forward:
        forward: Forward = self.network(x)
        self.seen = forward if self.seen is None else self.seen
        return forward


@final
class LearningLoss(Objective):
    """Another objective, and a module that learns to predict each item's loss from the network's stages.

    Donggeun Yoo, In So Kweon: Learning Loss for Active Learning, CVPR 2019: the losses of ``base`` plus
    ``weight`` times :func:`ranking_loss` of the predictions of a
    :class:`~nextlabel.models.loss_prediction.LossPrediction` for the labelled batch, whose true losses are
    cross-entropies (squared errors in regression), without gradients. After the fraction ``detach_after`` of
    the fit, the module no longer moves the network: in the paper after 120 of 200 epochs.

    With ``detach_after=0`` it never does: the network's weights are then, bit for bit, those that ``base``
    alone would give with the same seed, and only predicted losses are gained. This is the combination "task
    loss alone, learning-loss sampling" of the released code of Siyu Huang, Tianyang Wang, Haoyi Xiong, Jun
    Huan, Dejing Dou: Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021.

    The rest of that code is behind options, whose defaults repair it. Deviation: odd batches, which the code
    refuses, leave out one item. The module is trained by the network's optimiser, which for SGD is the
    same as one of its own.

    Args:
        base: The objective that trains the network; None for ``supervised``. It may only call the model, and
            its first pass must begin with the labelled batch, as in every objective of the catalogue.
        weight: Of the ranking loss, at least 0.
        margin: Of :func:`ranking_loss`, at least 0.
        rank: ``"hinge"`` or ``"bce"``, see :func:`ranking_loss`.
        ties: ``"ignore"`` or, as in the code, ``"negative"``, see :func:`ranking_loss`.
        detach_after: In [0, 1]; 0.605 in the code, which detaches the stages one epoch after the paper.
        units: Units of the module's hidden layers, one layer per stage.
        pooling: ``"mean"`` or, as in the code, ``"corner"``, see ``LossPrediction``.
        module_rate: The module's learning rate is ``"scheduled"`` as the network's, or ``"constant"`` as in
            the code, where its schedule is never stepped.
        module_gradients: ``"zeroed"`` before every step, or ``"accumulated"`` since the first, as in the code
            with RANDOM sampling and no auxiliary loss, where nothing reads the module.

    Raises:
        ConfigurationError: ``base`` predicts losses itself.
        ContractError: ``base`` is no objective.
    """

    uses_stages = True
    extra_fields = frozenset({FIELD})

    def __init__(
        self,
        base: nn.Module | None = None,
        /,
        *,
        weight: float = 1.0,
        margin: float = 1.0,
        rank: Rank = "hinge",
        ties: Ties = "ignore",
        detach_after: float = 0.6,
        units: int = 128,
        pooling: Pooling = "mean",
        module_rate: Rate = "scheduled",
        module_gradients: Gradients = "zeroed",
    ) -> None:
        super().__init__()
        check_choices(
            "objective 'learning_loss'",
            rank=(rank, Rank),
            ties=(ties, Ties),
            pooling=(pooling, Pooling),
            module_rate=(module_rate, Rate),
            module_gradients=(module_gradients, Gradients),
        )
        check_ranges(
            "objective 'learning_loss'",
            weight=(weight, "[0, inf)"),
            margin=(margin, "[0, inf)"),
            detach_after=(detach_after, "[0, 1]"),
            units=(units, "[1, inf)"),
        )
        self.base = as_objective(Supervised() if base is None else base)
        if isinstance(self.base, LearningLoss):
            raise ConfigurationError(
                "the base of objective 'learning_loss' must be another objective, got 'learning_loss'; "
                "name the loss that trains the network, such as 'supervised' or 'tod'"
            )
        self.task = self.base.task or "classification"
        self.uses_unlabelled = self.base.uses_unlabelled
        self.uses_embeddings = self.base.uses_embeddings
        self.uses_fresh_network = self.base.uses_fresh_network
        self.weight, self.margin, self.rank, self.ties = weight, margin, rank, ties
        self.detach_after, self.units, self.pooling = detach_after, units, pooling
        self.module_rate, self.module_gradients = module_rate, module_gradients
        self.predictor: LossPrediction | None = None
        self._total: int | None = None

    def take_fresh(self, network: Network) -> None:
        """Pass the unrelated network on to the base."""
        self.base.take_fresh(network)

    def bind(self, model: Network, example: Forward) -> None:
        """Bind the base and build the module for the model's stages; without stages raise a ContractError."""
        if not example.stages:
            raise ContractError(
                "the model must give stages for objective 'learning_loss' to predict losses from, got none; "
                "give it forward_stages, as the models of the catalogue have it"
            )
        self.base.bind(model, example)  # first, so that it draws what it would draw alone
        channels = [stage.shape[1] for stage in example.stages]
        self.predictor = LossPrediction(channels, units=self.units, pooling=self.pooling)
        if self.module_gradients == "accumulated":
            for number, parameter in enumerate(self.predictor.parameters()):
                self.register_buffer(f"accumulated_{number}", torch.zeros_like(parameter))
                parameter.register_hook(partial(self._accumulate, number))  # type: ignore[no-untyped-call]

    def unscheduled(self) -> tuple[nn.Parameter, ...]:
        """Return the parameters whose learning rate does not follow the schedule."""
        own = prepared(self.predictor, NAME).parameters() if self.module_rate == "constant" else ()
        return (*self.base.unscheduled(), *own)

    def begin(self, total_steps: int) -> None:
        """Take the number of steps of this fit, of which ``detach_after`` is a fraction."""
        self._total = total_steps
        self.base.begin(total_steps)

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the parts of the base, and ``ranking``; ``model`` must return stages.

        Raises:
            ContractError: :meth:`bind` or :meth:`begin` was not called, or the base did not run the model on
                the labelled batch.
        """
        attached = self.detach_after == 1.0
        if 0.0 < self.detach_after < 1.0:
            remedy = "begin() with the number of steps, or set detach_after to 0 or 1"
            attached = step / prepared(self._total, NAME, remedy) < self.detach_after
        recorder = _Recorder(model)
        parts = dict(self.base(recorder, x, y, unlabelled, step=step).parts)
        seen = recorder.seen
        if seen is None or len(seen.outputs) < len(x):
            raise ContractError(
                f"the base of objective 'learning_loss' must first pass the labelled batch of {len(x)} "
                f"items to the model, got {type(self.base).__name__} that passed "
                f"{'none' if seen is None else len(seen.outputs)}; use an objective of the catalogue"
            )
        stages = tuple(stage[: len(x)] for stage in seen.stages or ())
        predicted = self._predicted(stages if attached else tuple(stage.detach() for stage in stages))
        losses = self._item_losses(seen.outputs[: len(x)].detach(), y)
        ranking = ranking_loss(predicted, losses, margin=self.margin, rank=self.rank, ties=self.ties)
        return Losses({**parts, "ranking": self.weight * ranking})

    def after_step(self, model: Network) -> None:
        """Let the base follow the model."""
        self.base.after_step(model)

    def extra(self, model: Network, x: Tensor) -> Mapping[str, Tensor]:
        """Return ``predicted_loss``, (B,); only its order has a meaning, not its unit."""
        return {FIELD: self._predicted(model(x).stages or ())}

    def _predicted(self, stages: tuple[Tensor, ...]) -> Tensor:
        return at_least_float32(prepared(self.predictor, NAME)(stages))

    def _accumulate(self, number: int, gradient: Tensor) -> Tensor:
        """Return the sum of all gradients of this parameter so far; the optimiser steps along it."""
        return self.get_buffer(f"accumulated_{number}").add_(gradient).clone()

    def _item_losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        outputs = at_least_float32(outputs)
        if self.task == "regression":
            return (outputs[:, 0] - y.to(outputs.dtype)).square()
        return functional.cross_entropy(outputs, y, reduction="none")
