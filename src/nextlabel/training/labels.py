"""Checks of what a model is trained on, the same for every learner. Knows nothing of training."""

from __future__ import annotations

from torch import Tensor

from nextlabel.errors import LabelsError
from nextlabel.pool import Pool
from nextlabel.tasks.task import Task

__all__ = ["check_counts", "checked_labels"]


def check_counts(x: Pool, y: Tensor) -> None:
    """Refuse labels that are none, or not one per item.

    Raises:
        LabelsError: So it is.
    """
    if len(x) == 0:
        raise LabelsError("training needs labelled items, but there are none; label some first")
    if y.shape != (len(x),):
        raise LabelsError(f"expected one label per item, shape ({len(x)},), but got shape {tuple(y.shape)}")


def checked_labels(x: Pool, y: Tensor, *, task: Task, width: int) -> Tensor:
    """Return the targets as the task has them for a model with this many outputs.

    Args:
        x: The L labelled items.
        y: (L,) their targets.
        task: What is learnt.
        width: Outputs of the model.

    Raises:
        LabelsError: There are none, not as many as items, or one that cannot be learnt.
    """
    check_counts(x, y)
    return task.checked(y, x.ids, width)
