"""The training loop: steps, checkpoints, snapshots and the check of the loss.

Every step's randomness is derived from the seed and the step, so a training run that was killed at any step
and continues from its checkpoint ends in the same weights, bit for bit, as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nextlabel.errors import ConfigurationError, ContractError, DataError, brief
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.snapshots import Snapshot
from nextlabel.training.batches import DeviceCache, Order, stream
from nextlabel.training.checkpoint import (
    check_same,
    joined,
    load_state,
    optimizer_state,
    part,
    read_tensors,
    restore_optimizer,
    write_tensors,
)
from nextlabel.training.config import TrainingConfig, batch_of, lr_factor
from nextlabel.training.device import Engine, default_generators, deterministic_kernels, isolated_rng
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.preprocess import Augmentation, Preparation, resized
from nextlabel.training.snapshots import SnapshotWriter
from nextlabel.types import Losses, Objective

__all__ = ["CHECKPOINT", "LossMeter", "TrainingRun"]

CHECKPOINT = "checkpoint.safetensors"

PROGRESS_SECONDS = 0.1
"""Least time between two calls of a progress function: a display needs no more."""

WINDOW = 50
"""Steps whose losses wait on the device before they are read: reading each at once would stall a GPU."""


class LossMeter:
    """Add up the losses of an epoch without reading the device at every step, and refuse non-finite ones.

    ``sums`` holds each part of the loss, summed over ``steps`` steps.
    """

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.steps = 0
        self._waiting: list[tuple[int, Mapping[str, Tensor]]] = []

    def add(self, step: int, parts: Mapping[str, Tensor]) -> None:
        """Take the losses of one step, and :meth:`settle` every :data:`WINDOW` steps."""
        self._waiting.append((step, parts))
        if len(self._waiting) >= WINDOW:
            self.settle()

    def settle(self) -> None:
        """Read and add what waits; the sums do not depend on when this is called.

        Raises:
            ContractError: A loss is not finite; the message names step and part.
        """
        keys = [(step, name) for step, parts in self._waiting for name in parts]
        losses = [loss.detach().float() for _, parts in self._waiting for loss in parts.values()]
        if not losses:
            return
        for (step, name), value in zip(keys, torch.stack(losses).tolist(), strict=True):
            if not math.isfinite(value):
                raise ContractError(
                    f"the training loss must be finite, got {value} as its part '{name}' at step {step}; "
                    "lower lr, or look for non-finite inputs"
                )
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.steps += len(self._waiting)
        self._waiting.clear()

    def restart(self) -> None:
        """Start an epoch."""
        self.settle()
        self.sums, self.steps = {}, 0

    def means(self) -> dict[str, float]:
        """Return ``train_loss``, the mean over the epoch's steps, and ``PART_loss`` if there are several."""
        self.settle()
        means = {f"{name}_loss": total / self.steps for name, total in self.sums.items()}
        return {"train_loss": sum(means.values()), **(means if len(means) > 1 else {})}


@dataclass(kw_only=True)
class TrainingRun:
    """Train a network from its present weights to the end of one fit.

    Attributes:
        network: Trained in place.
        objective: The loss, bound to the network.
        x: The L labelled items.
        targets: (L,) labels as the objective takes them, on the device.
        unlabelled: Items for the objective, or None.
        augment: Applied to labelled and unlabelled batches before ``preparation``, or None.
        snapshots: What to keep in ``workdir`` besides the end.
        seed: All randomness is derived from it.
        arguments: What distinguishes this fit from others, as JSON.
        cache: Holds tensor pools on the device; ``workers`` processes load the items of others.
        progress: Called in the phase ``fit``, at most ten times a second and at the end; or None.
    """

    network: ModuleNetwork
    objective: Objective
    config: TrainingConfig
    engine: Engine
    x: Pool
    targets: Tensor
    unlabelled: Pool | None
    augment: Augmentation | None
    preparation: Preparation
    snapshots: frozenset[Snapshot]
    seed: int
    workdir: Path
    arguments: dict[str, Any]  # Any: whatever JSON holds
    cache: DeviceCache
    workers: int
    progress: Progress | None
    meter: LossMeter = field(default_factory=LossMeter)

    def __post_init__(self) -> None:
        config = self.config
        self.size = batch_of(len(self.x), config.batch_size, config.min_steps_per_epoch)
        self.order = Order(len(self.x), self.size, seed=self.seed, purpose="order", whole=True)
        self.total = self.order.per_pass * config.epochs
        every = [*self.network.parameters(), *self.objective.parameters()]
        parameters = [parameter for parameter in every if parameter.requires_grad]
        if not parameters:
            raise ConfigurationError(
                "the model must have parameters that can change, got "
                f"{type(self.network.module).__name__} with {'only frozen ones' if every else 'none'}; use "
                "another model, or set requires_grad"
            )
        self.optimizer: Optimizer = config.build_optimizer(parameters, self.objective.unscheduled())
        fraction = self.size / config.batch_size
        self.base_lrs = [group["lr"] * fraction for group in self.optimizer.param_groups]
        self.device_generator = torch.Generator(self.engine.device)
        self.prepare = self.preparation.on(self.engine.device)
        self.model: nn.Module = self.network
        if config.compile:  # a wrapper: the network itself, its names and its state stay as they are
            self.model = torch.compile(self.network)  # type: ignore[assignment]  # it returns a module
        self.writer = SnapshotWriter(
            self.snapshots,
            self.network.module,
            self.workdir,
            steps=self.total,
            steps_per_epoch=self.order.per_pass,
            ema_decay=config.ema_decay,
        )

    def run(self) -> dict[str, float]:
        """Train to the end and return ``train_loss``, ``steps`` and ``epochs``.

        Raises:
            ContractError: The loss is not finite.
            DataError: The checkpoint is of another fit or damaged, or a state cannot be written.
            ConfigurationError: The checkpoint does not fit the model or the objective.
        """
        first = self._resume()
        self.network.train()
        self.objective.train()
        self.objective.begin(self.total)
        with isolated_rng(self.seed, self.engine.device), deterministic_kernels():
            self._run_steps(first)
        return {**self.meter.means(), "steps": self.total, "epochs": self.config.epochs}

    def _run_steps(self, first: int) -> None:
        generators = default_generators(self.engine.device)
        saved = reported = time.monotonic()
        with closing(self._batches(range(first, self.total))) as batches:
            for step, (rows, x, unlabelled) in zip(range(first, self.total), batches, strict=True):
                self.writer.before(step)
                if step % self.order.per_pass == 0:
                    self.meter.restart()
                self._set_lr(step)
                seed = derive(self.seed, "step", step)
                for generator in generators:
                    generator.manual_seed(seed)
                self._step(step, x, self.targets[rows], unlabelled)
                self.writer.after(step)
                now = time.monotonic()
                if step + 1 < self.total and now - saved >= self.config.checkpoint_seconds:
                    self._save(step + 1)
                    saved = now
                if self.progress and (now - reported >= PROGRESS_SECONDS or step + 1 == self.total):
                    self.progress("fit", step + 1, self.total)
                    reported = now

    def _step(self, step: int, x: Tensor, y: Tensor, unlabelled: Tensor | None) -> None:
        if self.augment is not None:
            generator = self.device_generator.manual_seed(derive(self.seed, "augment", step))
            x = self.augment(x, generator)
            unlabelled = None if unlabelled is None else self.augment(unlabelled, generator)
        fraction = self.config.resolution(step, self.total)
        x = self.prepare(resized(x, fraction))
        unlabelled = None if unlabelled is None else self.prepare(resized(unlabelled, fraction))
        with self.engine.autocast():
            losses: Losses = self.objective(self.model, x, y, unlabelled, step=step)
            parts = [*losses.parts.values()] if isinstance(losses, Losses) else []
            if not parts or not all(isinstance(one, Tensor) and one.numel() == 1 for one in parts):
                raise ContractError(
                    f"{type(self.objective).__name__} must return Losses of scalar tensors, got "
                    f"{brief(losses)}; correct its forward"
                )
            # adding up a single part would cost as much as a small layer
            loss = losses.total if len(parts) > 1 else parts[0]
        self.engine.step(self.optimizer, loss)
        self.objective.after_step(self.network)
        self.meter.add(step, {name: part.detach() for name, part in losses.parts.items()})

    def _batches(self, steps: range) -> Generator[tuple[Tensor, Tensor, Tensor | None], None, None]:
        labelled = stream(self.x, self.order, steps, self.engine.device, self.cache, workers=self.workers)
        if self.unlabelled is None:
            for rows, x in labelled:
                yield rows, x, None
            return
        order = Order(
            len(self.unlabelled), self.size, seed=self.seed, purpose="unlabelled", whole=False,
            draw=self.config.unlabelled_draw,
        )  # fmt: skip
        others = stream(self.unlabelled, order, steps, self.engine.device, self.cache, workers=self.workers)
        for (rows, x), (_, unlabelled) in zip(labelled, others, strict=True):
            yield rows, x, unlabelled

    def _set_lr(self, step: int) -> None:
        config = self.config
        factor = lr_factor(config.schedule, step / self.total, config.milestones, config.gamma)
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr * (factor if group.get("scheduled", True) else 1.0)

    def _save(self, step: int) -> None:
        self.meter.settle()
        tensors, others = optimizer_state(self.optimizer)
        parts = {
            "model": self.network.module.state_dict(),
            "objective": self.objective.state_dict(),
            "optimizer": tensors,
            "ema": self.writer.state(),
        }
        notes = {
            "step": step,
            "steps": self.total,
            "arguments": self.arguments,
            "optimizer": others,
            "engine": self.engine.state(),
            "losses": self.meter.sums,
            "loss_steps": self.meter.steps,
        }
        write_tensors(self.workdir / CHECKPOINT, joined(parts), notes)

    def _resume(self) -> int:
        """Load the checkpoint, if there is one, and return the first step to make."""
        path = self.workdir / CHECKPOINT
        if not path.exists():
            return 0
        tensors, notes = read_tensors(path)
        check_same(notes["arguments"], self.arguments, path)
        if notes["steps"] != self.total:
            raise DataError(
                f"{path} must be of a fit of {self.total} steps, got one of {notes['steps']}, which started "
                "from other weights; load those first, or use another folder"
            )
        for name, module in (("model", self.network.module), ("objective", self.objective)):
            load_state(module, part(tensors, name), what=f"the {name}")
        self.writer.restore(part(tensors, "ema"))
        restore_optimizer(self.optimizer, part(tensors, "optimizer"), notes["optimizer"])
        self.engine.restore(notes["engine"])
        self.meter.sums, self.meter.steps = dict(notes["losses"]), int(notes["loss_steps"])
        return int(notes["step"])
