"""Overlap of predicted and true pixels: the confusion matrix and the measures read off it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["confusion_matrix", "intersection_over_union", "mean_iou", "pixel_accuracy"]


def confusion_matrix(
    predicted: Int[Tensor, " *positions"], truth: Int[Tensor, " *positions"], classes: int
) -> Int[Tensor, "classes classes"]:
    """Count the pixels of every true class (rows) by predicted class (columns): (C, C) int64.

    Pixels whose true class is negative are left out. Matrices of parts of a test set add up to that of the
    whole.

    >>> confusion_matrix(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 1, -1]), 2)
    tensor([[1, 1],
            [0, 1]])
    """
    known = truth >= 0
    pairs = truth[known].long() * classes + predicted[known].long()
    return torch.bincount(pairs, minlength=classes * classes).view(classes, classes)


def intersection_over_union(confusion: Int[Tensor, "classes classes"]) -> Float[Tensor, " classes"]:
    """Return every class's intersection over union: true positives / (true + predicted - true positives).

    M. Everingham and others, "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2.2.
    (C,) float64 in [0, 1]; NaN for a class that is neither in the truth nor in the predictions.
    """
    counts = confusion.double()
    hits = counts.diagonal()
    return hits / (counts.sum(0) + counts.sum(1) - hits)  # 0 / 0 is NaN


def mean_iou(confusion: Int[Tensor, "classes classes"]) -> float:
    """Return the mean intersection over union of the classes that occur, in [0, 1].

    It is that of one matrix over a whole test set, not the mean over its images.

    >>> round(mean_iou(torch.tensor([[1, 1], [0, 1]])), 3)
    0.5
    """
    return float(intersection_over_union(confusion).nanmean())


def pixel_accuracy(confusion: Int[Tensor, "classes classes"]) -> float:
    """Return the fraction of correctly classified pixels, in [0, 1]."""
    return float(confusion.diagonal().sum().double() / confusion.sum())
