"""How a model is trained: optimiser, learning rate over time, sizes. All of it is a function of the step.

The learning rate is computed from the step, so no scheduler has state to save.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import nn
from torch.optim import Optimizer

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError, brief
from nextlabel.registry import check_fields

__all__ = [
    "MixedPrecision",
    "OptimizerFactory",
    "OptimizerName",
    "Schedule",
    "TrainingConfig",
    "UnlabelledDraw",
    "batch_of",
    "check_option",
    "check_training",
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


def check_option(
    name: str, value: object, holds: bool, wanted: str, remedy: str = "correct it or leave it out"
) -> None:
    """Raise :class:`ConfigurationError` for an option unless ``holds``, which says that it is as wanted."""
    if not holds:
        raise ConfigurationError(f"{name} must be {wanted}, got {brief(value)}; {remedy}")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained.

    Attributes:
        epochs: Passes over the labelled items, at least 1.
        epochs_from_scratch: The same for a fit that starts from new weights, at least 1; None for ``epochs``.
        batch_size: B, labelled items per step, and as many unlabelled ones; at least 1.
        optimizer: A name, or a function of the parameters.
        lr: Learning rate at factor 1; None for the optimiser's usual one: 0.1 for ``sgd``, 0.001 for the
            others. An optimiser function sets its own.
        momentum: Of ``sgd``, in [0, 1).
        weight_decay: At least 0.
        schedule: Course of the learning rate, see :func:`lr_factor`.
        milestones: For ``multistep``: fractions of the training run, in (0, 1).
        gamma: For ``multistep``: factor at every milestone, in (0, 1].
        mixed_precision: Arithmetic of the forward pass.
        progressive_resize: Fractions of the images' height and width, in (0, 1], each for an equal part of
            the training run; None for whole images throughout.
        min_steps_per_epoch: The batch is halved until an epoch has this many steps, see :func:`batch_of`; at
            least 1, or None.
        unlabelled_draw: Which unlabelled items a step takes: the next ones of ``"passes"`` over all of them,
            a new random draw (``"redrawn"``), or the same ones in every step (``"fixed"``).
            ``"fixed_first"`` is ``fixed`` in a fit that starts from new weights and ``redrawn`` in any
            other, as in the released code of the TOD papers.
        channels_last: Whether images and convolution weights are stored in the channels-last memory format,
            which is usually faster; results differ in their last digits.
        compile: Whether training steps go through ``torch.compile``, which takes minutes to prepare and is
            meant for long fits on a GPU; results differ in their last digits.
        ema_decay: a of the snapshot ``"ema"``, in [0, 1]: w~ <- a w~ + (1 - a) w after every step, from w~_0
            = w_0.
        predict_batch_size: Items per pass of ``predict``, at least 1.
        checkpoint_seconds: Time between checkpoints, and the most that a killed fit loses; 0 for a checkpoint
            after every step.

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
    compile: bool = False  # the name that torch gives it
    ema_decay: float = 0.999
    predict_batch_size: int = 1024
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in ("milestones", "progressive_resize"):
            if isinstance(sizes := getattr(self, name), list):  # as configurations have it
                object.__setattr__(self, name, sizes := tuple(sizes))
            absent = sizes is None and name == "progressive_resize"
            numbers = isinstance(sizes, tuple) and all(isinstance(size, Real) for size in sizes)
            check_option(name, sizes, absent or numbers, "a list of numbers")
        check_fields(self)
        custom = callable(self.optimizer)
        for kind, given, known in (
            ("schedule", self.schedule, Schedule),
            ("mixed precision", self.mixed_precision, MixedPrecision),
            ("draw of unlabelled items", self.unlabelled_draw, UnlabelledDraw),
            ("optimizer", "sgd" if custom else self.optimizer, OptimizerName),
        ):
            if given not in get_args(known):
                raise UnknownNameError(kind, given, get_args(known))
        if custom and self.lr is not None:
            raise ConfigurationError("an optimizer function sets its own learning rate; leave lr out")
        scratch, steps, sizes = self.epochs_from_scratch, self.min_steps_per_epoch, self.progressive_resize
        for name, holds, wanted in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("epochs_from_scratch", scratch is None or scratch >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("min_steps_per_epoch", steps is None or steps >= 1, "at least 1"),
            ("predict_batch_size", self.predict_batch_size >= 1, "at least 1"),
            ("lr", self.lr is None or 0 < self.lr < math.inf, "above 0 and finite"),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite"),
            ("gamma", 0 < self.gamma <= 1, "in (0, 1]"),
            ("milestones", all(0 < m < 1 for m in self.milestones), "fractions of the run in (0, 1)"),
            ("ema_decay", 0 <= self.ema_decay <= 1, "in [0, 1]"),
            ("checkpoint_seconds", self.checkpoint_seconds >= 0, "at least 0"),
            (
                "progressive_resize",
                sizes is None or (len(sizes) > 0 and all(0 < size <= 1 for size in sizes)),
                "one or more fractions of an image in (0, 1]",
            ),
        ):
            check_option(name, getattr(self, name), holds, wanted)

    def for_fit(self, *, from_scratch: bool) -> TrainingConfig:
        """Return the settings of one fit, with its own ``epochs`` and ``unlabelled_draw``."""
        epochs, draw = self.epochs, self.unlabelled_draw
        if from_scratch and self.epochs_from_scratch is not None:
            epochs = self.epochs_from_scratch
        if draw == "fixed_first":
            draw = "fixed" if from_scratch else "redrawn"
        return replace(self, epochs=epochs, unlabelled_draw=draw)

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
            unscheduled: Those whose learning rate stays constant; their group has ``scheduled=False``.
        """
        constant = {id(parameter) for parameter in unscheduled}
        given: list[Any] = list(parameters)  # Any: what optimisers take, parameters or groups of them
        if constant:
            groups = [(on, [p for p in given if (id(p) not in constant) == on]) for on in (True, False)]
            given = [{"params": group, "scheduled": on} for on, group in groups if group]
        if not isinstance(self.optimizer, str):
            made = self.optimizer(given)
            if not isinstance(made, Optimizer):
                raise ContractError(f"optimizer must return an Optimizer, got {brief(made)}; return it")
            return made
        usual = 0.1 if self.optimizer == "sgd" else 1e-3
        lr = usual if self.lr is None else self.lr
        if self.optimizer == "sgd":
            return torch.optim.SGD(given, lr=lr, momentum=self.momentum, weight_decay=self.weight_decay)
        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return kind(given, lr=lr, weight_decay=self.weight_decay)


def check_training(training: object) -> None:
    """Raise :class:`ConfigurationError` unless this is a :class:`TrainingConfig`."""
    remedy = "write training=TrainingConfig(batch_size=64)"
    check_option("training", training, isinstance(training, TrainingConfig), "a TrainingConfig", remedy)


def batch_of(labelled: int, batch_size: int, min_steps_per_epoch: int | None) -> int:
    """Return the items per step: ``batch_size``, halved while an epoch has too few steps, but not below 8.

    The learning rate falls with it (the linear rule of Goyal et al.: Accurate, Large Minibatch SGD, 2017).

    Args:
        labelled: L, the items of an epoch.
        batch_size: B, at least 1.
        min_steps_per_epoch: The steps that are enough; None for any number.
    """
    size = batch_size
    while min_steps_per_epoch is not None and size >= 2 * SMALLEST and labelled < size * min_steps_per_epoch:
        size //= 2
    return size


def lr_factor(
    schedule: Schedule, progress: float, milestones: tuple[float, ...] = (0.8,), gamma: float = 0.1
) -> float:
    """Return what the learning rate is multiplied by at this point of the training run.

    ``multistep`` multiplies by ``gamma`` at every milestone; ``cosine`` falls as half a cosine to 0
    (Loshchilov, Hutter: SGDR, ICLR 2017, equation 5 without restarts); ``one_cycle`` rises from 1/25 to 1 in
    the first 30 % and falls to 1/250,000, both as half a cosine (the constants of torch's OneCycleLR, after
    Smith, Topin: Super-Convergence, 2018; unlike there, the momentum stays).

    Args:
        schedule: The course.
        progress: Fraction of the training run that is done, in [0, 1).
        milestones: Fractions for ``multistep``.
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
    """Return the training configuration, and the other options of a learner, from one table of settings.

    Args:
        options: Fields of :class:`TrainingConfig` and options of a learner.
        base: What the fields override; None for the defaults.

    Raises:
        ConfigurationError: A value is out of range, or a name unknown.
    """
    fields = {field.name for field in dataclasses.fields(TrainingConfig)}
    given = {name: value for name, value in options.items() if name in fields}
    others = {name: value for name, value in options.items() if name not in fields}
    return replace(base or TrainingConfig(), **given), others
