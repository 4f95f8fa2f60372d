"""How many items a training step takes, and how many steps a pass has: plain arithmetic, without torch.

Knows nothing of schedules, data or models.
"""

from __future__ import annotations

__all__ = ["batch_of", "steps_of_pass"]

SMALLEST = 8
"""Batches are not halved below this: batch norm of fewer items is noise."""


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


def steps_of_pass(labelled: int, batch: int) -> int:
    """Return the steps of one pass; a rest of one item joins the batch before it.

    Args:
        labelled: L, at least 1.
        batch: Items in a step, at least 1.
    """
    full, rest = divmod(labelled, min(batch, labelled))
    return full + (rest > 1)
