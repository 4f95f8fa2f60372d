"""What a trained model is worth on items with known labels, by the task's own losses and metrics.

Outputs that are not kept whole are measured while they stream.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    """Return what the task's meter counts, the primary metric as ``accuracy`` with its name as ``metric``."""
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
    """Return (N,) true losses of the items.

    Args:
        learner: The model.
        task: What its outputs are for.
        pool: N items.
        targets: Their targets.
        seed: Of stochastic passes.
        outputs: (N, 1, ...) what the model says of them, where that is known already; of several draws the
            model is asked again, as they are not of the model that is reported.
    """
    if outputs is not None and outputs.shape[1] == 1:
        return task.item_loss(outputs, targets)
    batches = _batches(learner, task, pool, targets, seed)
    return torch.cat([task.item_loss(outputs, part).cpu() for outputs, part in batches])


def _batches(
    learner: Learner, task: Task, pool: Pool, targets: Targets, seed: int
) -> Iterator[tuple[Tensor, Targets]]:
    """Yield the outputs that answer the task with their targets, in the pool's order."""
    done = 0
    for outputs in _outputs(learner, task, pool, seed):
        yield outputs, targets[done : done + len(outputs)]
        done += len(outputs)


def _outputs(learner: Learner, task: Task, pool: Pool, seed: int) -> Iterator[Tensor]:
    who = f"learner {type(learner).__name__}"
    if task.output is None:
        if not isinstance(learner, Streaming):
            raise ContractError(f"{who} must have stream, as outputs of {task.name} are not kept whole")
        yield from learner.stream(pool, seed=seed)
        return
    found = learner.predict(pool, needs=frozenset({task.output}), seed=seed).fields().get(task.output)
    if found is None:
        raise ContractError(f"{who} was asked for {task.output}, but returned none")
    yield found
