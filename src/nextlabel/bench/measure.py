"""How good a trained model is on items with known labels, by the task's own losses and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from nextlabel.errors import ContractError
from nextlabel.pool import Pool
from nextlabel.tasks.task import Targets, Task
from nextlabel.types import Learner, Streaming

__all__ = ["item_losses", "metrics"]


def metrics(
    learner: Learner, task: Task, pool: Pool, targets: Targets, *, seed: int
) -> dict[str, Any]:  # Any: JSON
    """Return the task's metrics, the primary one as ``accuracy`` with its name as ``metric``."""
    meter = task.meter()
    for outputs, part in _batches(learner, task, pool, targets, seed):
        meter.update(outputs, part)
    found = meter.compute()
    return {"accuracy": found.pop(task.metric.name), "metric": task.metric.name, **found}


def item_losses(
    learner: Learner,
    task: Task,
    pool: Pool,
    targets: Targets,
    *,
    seed: int,
    outputs: Tensor | None = None,
) -> Tensor:
    """Return (N,) true losses of the pool's items.

    ``outputs`` are the model's (N, 1, ...) outputs for them, if known. Outputs of several draws are not those
    of the model whose accuracy is reported, so the model predicts again. ``seed`` is for stochastic passes.
    """
    if outputs is not None and outputs.shape[1] == 1:
        return task.item_loss(outputs, targets)
    batches = _batches(learner, task, pool, targets, seed)
    return torch.cat([task.item_loss(outputs, part).cpu() for outputs, part in batches])


def _batches(
    learner: Learner, task: Task, pool: Pool, targets: Targets, seed: int
) -> Iterator[tuple[Tensor, Targets]]:
    """Yield the outputs that answer the task with their targets, in the pool's order."""
    who = f"learner {type(learner).__name__}"
    batches: Iterable[Tensor | None]
    if task.output is not None:
        predicted = learner.predict(pool, needs=frozenset({task.output}), seed=seed)
        batches = [predicted.fields().get(task.output)]
    elif isinstance(learner, Streaming):
        batches = learner.stream(pool, seed=seed)
    else:
        raise ContractError(f"{who} must have a method stream for {task.name}, got none; add it")
    done = 0
    for outputs in batches:
        if outputs is None:
            raise ContractError(f"{who} must return {task.output}, got none; return it from predict")
        yield outputs, targets[done : done + len(outputs)]
        done += len(outputs)
