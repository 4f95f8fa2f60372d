"""How a model is trained: optimiser, learning rate over time, sizes. All of it is a function of the step.

Because the learning rate is computed from the step, no scheduler has state to save. Knows nothing of data
or models.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import nn
from torch.optim import Optimizer

from nextlabel.errors import ConfigurationError, UnknownNameError

__all__ = [
    "MixedPrecision",
    "OptimizerFactory",
    "OptimizerName",
    "Schedule",
    "TrainingConfig",
    "UnlabelledDraw",
    "batch_of",
    "lr_factor",
    "split_options",
]

Schedule = Literal["constant", "multistep", "cosine", "one_cycle"]
OptimizerName = Literal["sgd", "adam", "adamw"]
MixedPrecision = Literal["no", "fp16", "bf16"]
UnlabelledDraw = Literal["passes", "redrawn", "fixed", "fixed_first"]
OptimizerFactory: TypeAlias = Callable[[Iterable[nn.Parameter]], Optimizer]
"""Makes an optimiser for these parameters; its groups' learning rates are what the schedule scales."""


SMALLEST = 8
"""Batches are not halved below this: batch norm of fewer items is noise."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained.

    Attributes:
        epochs: Passes over the labelled items, at least 1.
        epochs_from_scratch: Passes of a fit that begins with new weights, where they are not as many; at
            least 1.
        batch_size: B, labelled items in a step, and as many unlabelled ones; at least 1.
        optimizer: A name, or a function of the parameters.
        lr: Learning rate at factor 1; None for the optimiser's usual one: 0.1 for ``sgd``, 0.001 for the
            others. An optimiser function sets its own.
        momentum: Of ``sgd``, in [0, 1).
        weight_decay: At least 0.
        schedule: Course of the learning rate, see :func:`lr_factor`.
        milestones: For ``multistep``: fractions of the training, in (0, 1).
        gamma: For ``multistep``: factor at every milestone, in (0, 1].
        mixed_precision: Arithmetic of the forward pass.
        progressive_resize: Fractions of the images' height and width in equal parts of the training, each in
            (0, 1]; None for whole images throughout.
        min_steps_per_epoch: Steps that a pass is to have at least, see :meth:`batch_of`; None for no such
            wish.
        unlabelled_draw: Which unlabelled items a step takes: the next ones of ``"passes"`` over all of them,
            a draw of its own (``"redrawn"``), or those that every step takes (``"fixed"``);
            ``"fixed_first"`` is ``fixed`` in a fit that begins with new weights, and else ``redrawn``, as in
            the released code of the TOD papers.

        channels_last: Whether images and convolutions' weights lie in memory channel by channel for each
            pixel, which is mostly faster; results differ in their last digits.
        compile: Whether training steps go through ``torch.compile``, which takes minutes to prepare and is
            meant for long fits on a GPU; results differ in their last digits.
        ema_decay: a of the snapshot ``"ema"``, w~ <- a w~ + (1 - a) w after every step from w~_0 = w_0.
        predict_batch_size: Items in one pass of ``predict``, at least 1.
        checkpoint_seconds: Time between checkpoints; a killed fit loses at most as much. 0 for one after
            every step.

    Raises:
        ConfigurationError: A value is out of range, or a name unknown.
    """

    epochs: int = 100
    batch_size: int = 128
    optimizer: OptimizerName | OptimizerFactory = "sgd"
    lr: float | None = None
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Schedule = "multistep"
    milestones: tuple[float, ...] = (0.8,)
    gamma: float = 0.1
    mixed_precision: MixedPrecision = "no"
    progressive_resize: tuple[float, ...] | None = None
    min_steps_per_epoch: int | None = None
    epochs_from_scratch: int | None = None
    unlabelled_draw: UnlabelledDraw = "passes"
    channels_last: bool = False
    compile: bool = False  # torch's own word for it
    ema_decay: float = 0.999
    predict_batch_size: int = 1024
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        for kind, name, known in (
            ("schedule", self.schedule, get_args(Schedule)),
            ("mixed precision", self.mixed_precision, get_args(MixedPrecision)),
            ("draw of unlabelled items", self.unlabelled_draw, get_args(UnlabelledDraw)),
        ):
            if name not in known:
                raise UnknownNameError(kind, name, known)
        if isinstance(self.optimizer, str) and self.optimizer not in get_args(OptimizerName):
            raise UnknownNameError("optimizer", self.optimizer, get_args(OptimizerName))
        if not isinstance(self.optimizer, str) and self.lr is not None:
            raise ConfigurationError("an optimizer function sets its own learning rate; leave lr out")
        self._check("epochs", self.epochs, self.epochs >= 1, "at least 1")
        self._check("batch_size", self.batch_size, self.batch_size >= 1, "at least 1")
        self._check("lr", self.lr, self.lr is None or 0 < self.lr < math.inf, "above 0")
        self._check("momentum", self.momentum, 0 <= self.momentum < 1, "in [0, 1)")
        self._check("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "at least 0")
        self._check("gamma", self.gamma, 0 < self.gamma <= 1, "in (0, 1]")
        inside = all(0 < milestone < 1 for milestone in self.milestones)
        self._check("milestones", self.milestones, inside, "fractions of the training in (0, 1)")
        for option, count in (
            ("min_steps_per_epoch", self.min_steps_per_epoch),
            ("epochs_from_scratch", self.epochs_from_scratch),
        ):
            self._check(option, count, count is None or count >= 1, "at least 1")
        self._check("predict_batch_size", self.predict_batch_size, self.predict_batch_size >= 1, "at least 1")
        self._check("checkpoint_seconds", self.checkpoint_seconds, self.checkpoint_seconds >= 0, "at least 0")
        for sequence in ("milestones", "progressive_resize"):
            if isinstance(getattr(self, sequence), list):  # as configurations have it
                object.__setattr__(self, sequence, tuple(getattr(self, sequence)))
        if self.progressive_resize is not None:
            inside = (
                all(0 < fraction <= 1 for fraction in self.progressive_resize)
                and len(self.progressive_resize) > 0
            )
            self._check(
                "progressive_resize",
                self.progressive_resize,
                inside,
                "one or more fractions of an image in (0, 1]",
            )

    @staticmethod
    def _check(name: str, value: object, holds: bool, wanted: str) -> None:
        if not holds:
            raise ConfigurationError(f"{name} must be {wanted}, but is {value}")

    def factor(self, step: int, total: int) -> float:
        """Return the learning rate's factor in this step of ``total``."""
        return lr_factor(self.schedule, step / total, self.milestones, self.gamma)

    def batch_of(self, labelled: int) -> int:
        """Return the items per step, see :func:`batch_of`.

        The learning rate falls with it (the linear rule of Goyal et al.: Accurate, Large Minibatch SGD,
        2017).
        """
        return batch_of(labelled, self.batch_size, self.min_steps_per_epoch)

    def beginning(self, *, with_new_weights: bool) -> TrainingConfig:
        """Return the recipe of one fit, with the ``epochs`` and the ``unlabelled_draw`` of that fit."""
        cold = self.epochs_from_scratch if with_new_weights else None
        draw = self.unlabelled_draw
        if draw == "fixed_first":
            draw = "fixed" if with_new_weights else "redrawn"
        return replace(self, epochs=self.epochs if cold is None else cold, unlabelled_draw=draw)

    def resolution(self, step: int, total: int) -> float:
        """Return the fraction of the images' height and width in this step of ``total``."""
        if self.progressive_resize is None:
            return 1.0
        return self.progressive_resize[len(self.progressive_resize) * step // total]

    def build_optimizer(
        self, parameters: Iterable[nn.Parameter], unscheduled: Iterable[nn.Parameter] = ()
    ) -> Optimizer:
        """Return the optimiser of these parameters, its learning rates at factor 1.

        Args:
            parameters: All that train.
            unscheduled: Those of them whose learning rate stays; their group says ``scheduled=False``.
        """
        apart = {id(parameter) for parameter in unscheduled}
        given: list[Any] = list(parameters)  # Any: what optimisers take, parameters or groups of them
        if apart:
            groups = [[p for p in given if (id(p) in apart) == staying] for staying in (False, True)]
            given = [
                {"params": group, "scheduled": scheduled}
                for group, scheduled in zip(groups, (True, False), strict=True)
                if group
            ]
        return self._optimizer_of(given)

    def _optimizer_of(self, parameters: list[Any]) -> Optimizer:  # Any: as above
        if not isinstance(self.optimizer, str):
            return self.optimizer(parameters)
        if self.optimizer == "sgd":
            lr = 0.1 if self.lr is None else self.lr
            return torch.optim.SGD(parameters, lr=lr, momentum=self.momentum, weight_decay=self.weight_decay)
        made = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return made(parameters, lr=1e-3 if self.lr is None else self.lr, weight_decay=self.weight_decay)


def batch_of(labelled: int, batch_size: int, min_steps_per_epoch: int | None) -> int:
    """Return the items in a step: ``batch_size``, halved while a pass has too few steps, but not below 8.

    Args:
        labelled: L, the items of a pass.
        batch_size: B, at least 1.
        min_steps_per_epoch: Steps that a pass is to have at least; None for no such wish.
    """
    size = batch_size
    while min_steps_per_epoch is not None and size >= 2 * SMALLEST and labelled < size * min_steps_per_epoch:
        size //= 2
    return size


def lr_factor(
    schedule: Schedule, progress: float, milestones: tuple[float, ...] = (0.8,), gamma: float = 0.1
) -> float:
    """Return what the learning rate is multiplied by at this fraction of the training.

    ``multistep`` multiplies by ``gamma`` at every milestone; ``cosine`` falls as half a cosine to 0
    (Loshchilov,
    Hutter: SGDR, ICLR 2017, equation 5 without restarts); ``one_cycle`` rises from 1/25 to 1 in the first 30
    % and falls to 1/250,000, both as half a cosine (the constants of torch's OneCycleLR, after Smith, Topin:
    Super-Convergence, 2018; unlike there, the momentum stays).

    Args:
        schedule: The course.
        progress: Fraction of the training that is done, in [0, 1).
        milestones: Shares for ``multistep``.
        gamma: Factor for ``multistep``.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "multistep":
        return gamma ** sum(progress >= milestone for milestone in milestones)
    if schedule == "cosine":
        return _half_cosine(1.0, 0.0, progress)
    if progress < 0.3:
        return _half_cosine(1 / 25, 1.0, progress / 0.3)
    return _half_cosine(1.0, 1 / 25e4, (progress - 0.3) / 0.7)


def _half_cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


def split_options(
    options: Mapping[str, Any], *, base: TrainingConfig | None = None
) -> tuple[TrainingConfig, dict[str, Any]]:  # Any: options of a learner
    """Return how a model is trained, and the other options of a learner, from settings in one table.

    Args:
        options: Fields of :class:`TrainingConfig` and options of a learner.
        base: What the settings are laid over; None for the defaults.

    Raises:
        ConfigurationError: A value is out of range, or a name unknown.
    """
    fields = {field.name for field in dataclasses.fields(TrainingConfig)}
    given = {name: value for name, value in options.items() if name in fields}
    others = {name: value for name, value in options.items() if name not in fields}
    return replace(base or TrainingConfig(), **given), others
