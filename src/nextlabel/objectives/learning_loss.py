"""The loss of learning loss: a module next to the network learns to rank items by their loss.

It stands around another objective, whose forward pass it shares. It does not know what the predicted losses
are used for.
"""

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
from nextlabel.objectives.options import bound, check_choices, check_ranges
from nextlabel.objectives.supervised import Supervised, at_least_float32
from nextlabel.registry import Card
from nextlabel.types import Forward, Losses, Network, Objective

__all__ = ["Gradients", "LearningLoss", "Rank", "Rate", "Ties", "ranking_loss"]

CARD = Card(
    "learning_loss",
    "LearningLoss",
    needs=("labelled", "unlabelled where its base needs them"),
    cost="that of its base, and a linear layer for each stage of the network",
    use_when="to query by predicted loss, with the strategy 'learning_loss'",
    citation="Yoo, Kweon. Learning Loss for Active Learning. CVPR 2019",
)

Rank: TypeAlias = Literal["hinge", "bce"]
Ties: TypeAlias = Literal["ignore", "negative"]
Rate: TypeAlias = Literal["scheduled", "constant"]
Gradients: TypeAlias = Literal["zeroed", "accumulated"]

FIELD = "predicted_loss"


def ranking_loss(
    predicted: Tensor, losses: Tensor, *, margin: float = 1.0, rank: Rank = "hinge", ties: Ties = "ignore"
) -> Tensor:
    """Return how badly predicted losses rank the items of a batch, a scalar; the mean over pairs.

    Item i is compared with item n - 1 - i; the middle one of an odd batch is left out, and a batch of one
    item gives 0. With d the difference of a pair's predictions and s = +-1 the sign of that of its losses:

    * ``rank="hinge"``: max(0, margin - s d), Donggeun Yoo, In So Kweon: Learning Loss for Active Learning,
      CVPR 2019, equation 2.
    * ``rank="bce"``: -log sigmoid(s d), in nats, as in the released code of Kwanyoung Kim, Dongwon Park,
      Kwang In Kim, Se Young Chun: Task-Aware Variational Adversarial Active Learning, CVPR 2021.

    Deviation: in the released codes of both a pair of equal losses has s = -1, so that the item that happens
    to come first is to be the smaller one. ``ties="ignore"`` lets such a pair count for nothing;
    ``"negative"`` is the code.

    Args:
        predicted: (B,) predicted losses; gradients flow into them alone.
        losses: (B,) losses.
        margin: The distance between predictions that ``hinge`` asks for.
        rank: ``"hinge"`` or ``"bce"``.
        ties: ``"ignore"`` or ``"negative"``.

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
    """Pass calls on to a network and keep the first thing that it returned."""

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
    """Another objective, and a module that learns from the network's stages how large each item's loss is.

    Donggeun Yoo, In So Kweon: Learning Loss for Active Learning, CVPR 2019: the losses of ``base`` plus
    ``weight`` times :func:`ranking_loss` of what a :class:`~nextlabel.models.loss_prediction.LossPrediction`
    says of the labelled batch, whose true losses are cross-entropies (squared errors in regression),
    without gradients. From ``detach_after`` of the training on, the module trains next to the network and no
    longer moves it: in the paper after 120 of 200 epochs.

    With ``detach_after=0`` it never does: the network's weights are then, bit for bit, those that ``base``
    alone would give with the same seed, and only predicted losses are gained. This is the combination "task
    loss alone, learning-loss sampling" of the released code of Siyu Huang, Tianyang Wang, Haoyi Xiong, Jun
    Huan, Dejing Dou: Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021.

    The rest of the latter's code is behind options, whose defaults repair it:

    * ``module_rate="constant"``: the module's learning rate never falls, for its schedule is never stepped;
      by default it falls with the network's.
    * ``module_gradients="accumulated"``: the module's gradients are never zeroed, so that each step follows
      the sum of all of them since the first, as with the code's RANDOM sampling and no auxiliary loss, where
      nothing reads the module; by default each step has its own.
    * ``ties="negative"`` and ``pooling="corner"``: see :func:`ranking_loss` and
      :class:`~nextlabel.models.loss_prediction.LossPrediction`.
    * The code detaches the stages after the epoch of index 120 of 200, one epoch later than the paper's
      120 / 200: ``detach_after=0.605``.

    Deviation: odd batches, which are refused in the code, leave out one item. The module is a part of the one
    optimiser, which for SGD is the same as one of its own.

    Args:
        base: The objective that trains the network; None for ``supervised``. Its first pass of the model must
            begin with the labelled batch, as that of every objective in the catalogue does; it may only call
            the model.
        weight: Of the ranking loss, at least 0.
        margin: Of the ranking loss, at least 0.
        rank: ``"hinge"`` or ``"bce"``, see :func:`ranking_loss`.
        ties: ``"ignore"`` or ``"negative"``, see :func:`ranking_loss`.
        detach_after: Fraction of the training after which the module moves the network no longer, in [0, 1].
        units: Units of the module's hidden layers, one layer a stage.
        pooling: ``"mean"`` or ``"corner"``.
        module_rate: ``"scheduled"`` or ``"constant"``.
        module_gradients: ``"zeroed"`` or ``"accumulated"``.

    Raises:
        ConfigurationError: An option is unknown or out of range, or ``base`` predicts losses itself.
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
            "learning_loss",
            {
                "rank": (rank, Rank),
                "ties": (ties, Ties),
                "pooling": (pooling, Pooling),
                "module_rate": (module_rate, Rate),
                "module_gradients": (module_gradients, Gradients),
            },
        )
        check_ranges("learning_loss", weight=weight, margin=margin, detach_after=detach_after)
        if units < 1:
            raise ConfigurationError(f"the objective 'learning_loss' needs units >= 1, but got units={units}")
        self.base = _base(base)
        self.task = self.base.task or "classification"
        self.uses_unlabelled = self.base.uses_unlabelled
        self.uses_embeddings = self.base.uses_embeddings
        self.weight, self.margin, self.rank, self.ties = weight, margin, rank, ties
        self.uses_fresh_network = self.base.uses_fresh_network
        self.detach_after, self.units, self.pooling = detach_after, units, pooling
        self.module_rate, self.module_gradients = module_rate, module_gradients
        self.predictor: LossPrediction | None = None
        self._total: int | None = None

    def take_fresh(self, network: Network) -> None:
        """Hand the unrelated network on to the base."""
        self.base.take_fresh(network)

    def bind(self, model: Network, example: Forward) -> None:
        """Bind the base and build the module for the model's stages.

        Args:
            model: The network with its starting weights.
            example: Its outputs for a few items; the stages' channels are read from it.

        Raises:
            ContractError: There are no stages, or the base cannot be bound.
        """
        if not example.stages:
            raise ContractError(
                "the objective 'learning_loss' predicts losses from the stages of the network, but the model "
                "gives none; give it forward_stages, as the models of the catalogue have it"
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
        own = bound(self.predictor, "learning_loss").parameters() if self.module_rate == "constant" else ()
        return (*self.base.unscheduled(), *own)

    def begin(self, total_steps: int) -> None:
        """Take the number of steps of this training, of which ``detach_after`` is a fraction."""
        self._total = total_steps
        self.base.begin(total_steps)

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the parts of the base, and ``ranking``.

        Args:
            model: The network in training, which returns stages.
            x: (L, ...) labelled inputs.
            y: (L,) class indices, or target values.
            unlabelled: (U, ...) unlabelled inputs for the base, or None.
            step: The step of this training, from 0.

        Raises:
            ContractError: :meth:`bind` or :meth:`begin` was not called, or the base did not run the model on
                the labelled batch.
        """
        attached = self._attached(step)
        recorder = _Recorder(model)
        parts = dict(self.base(recorder, x, y, unlabelled, step=step).parts)
        seen = recorder.seen
        if seen is None or len(seen.outputs) < len(x):
            raise ContractError(
                "the base of the objective 'learning_loss' must begin its first pass of the model with the "
                f"labelled batch, but {type(self.base).__name__} "
                f"{'made none' if seen is None else f'passed {len(seen.outputs)} items for {len(x)}'}"
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
        """Return ``predicted_loss``, (B,); only its order is meant, not its unit.

        Args:
            model: The trained network, which returns stages.
            x: (B, ...) inputs.

        Raises:
            ContractError: :meth:`bind` was not called, or the model gives no stages.
        """
        return {FIELD: self._predicted(model(x).stages or ())}

    def _predicted(self, stages: tuple[Tensor, ...]) -> Tensor:
        return at_least_float32(bound(self.predictor, "learning_loss")(stages))

    def _accumulate(self, number: int, gradient: Tensor) -> Tensor:
        """Return the sum of all gradients of this parameter so far; the optimiser steps along it."""
        total = self.get_buffer(f"accumulated_{number}").add_(gradient)
        return total.clone()

    def _item_losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        outputs = at_least_float32(outputs)
        if self.task == "regression":
            return (outputs[:, 0] - y.to(outputs.dtype)).square()
        return functional.cross_entropy(outputs, y, reduction="none")

    def _attached(self, step: int) -> bool:
        if self.detach_after in (0.0, 1.0):
            return self.detach_after == 1.0
        if self._total is None:
            raise ContractError(
                "the objective 'learning_loss' must know the length of the training before its first step: "
                "call begin() with the number of steps, or set detach_after to 0 or 1"
            )
        return step / self._total < self.detach_after


def _base(given: object) -> Objective:
    made = as_objective(Supervised() if given is None else given)
    if isinstance(made, LearningLoss):
        raise ConfigurationError(
            "the base of the objective 'learning_loss' must be another objective, got 'learning_loss'; name "
            "the loss that trains the network, such as 'supervised' or 'tod'"
        )
    return made
