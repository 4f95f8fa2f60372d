"""Checks of what a model is trained on, the same for every learner. Knows nothing of training."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from nextlabel.errors import LabelsError, UnknownNameError
from nextlabel.pool import Pool

__all__ = ["Task", "check_counts", "check_task", "checked_labels"]

Task = Literal["classification", "regression", "segmentation"]


def check_task(task: str) -> None:
    """Refuse a task that is not there.

    Raises:
        UnknownNameError: There is no such task.
    """
    if task not in get_args(Task):
        raise UnknownNameError("task", task, get_args(Task))


def check_counts(x: Pool, y: Tensor) -> None:
    """Refuse labels that are none, or not one per item.

    Raises:
        LabelsError: So it is.
    """
    if len(x) == 0:
        raise LabelsError("training needs labelled items, but there are none; label some first")
    if y.shape != (len(x),):
        raise LabelsError(f"expected one label per item, shape ({len(x)},), but got shape {tuple(y.shape)}")


def checked_labels(x: Pool, y: Tensor, *, task: Task, classes: int) -> Tensor:
    """Return int64 class indices, float32 targets in regression, or in segmentation the labels as they are.

    Args:
        x: The L labelled items.
        y: (L,) their labels.
        task: What is learnt.
        classes: C; of no meaning in regression.

    Raises:
        LabelsError: There are none, not as many as items, or one that cannot be learnt; or one class only.
    """
    check_counts(x, y)
    if task == "regression":
        return _finite(x, y)
    if task == "segmentation":  # the objective finds the masks in the batches
        return y
    if y.dtype == torch.bool or torch.is_floating_point(y) or torch.is_complex(y):
        raise LabelsError(
            f"class labels must be integers, but are {y.dtype}; for real targets use task='regression'"
        )
    outside = ((y < 0) | (y >= classes)).nonzero()
    if len(outside):
        row = int(outside[0])
        raise LabelsError(
            f"class labels must be in [0, {classes}), as the model has {classes} outputs, but item "
            f"'{x.ids[row]}' "
            f"has {int(y[row])}"
        )
    if bool((y == y[0]).all()):
        raise LabelsError(
            f"training a classifier needs labels of at least two classes, but all {len(y)} labels are class "
            f"{int(y[0])}; label more items, or start with a larger random set"
        )
    return y.to(torch.int64)


def _finite(x: Pool, y: Tensor) -> Tensor:
    targets = y.to(torch.float32)
    wrong = (~targets.isfinite()).nonzero()
    if len(wrong):
        row = int(wrong[0])
        raise LabelsError(
            f"targets must be finite float32 numbers, but item '{x.ids[row]}' has {float(y[row])}"
        )
    return targets
