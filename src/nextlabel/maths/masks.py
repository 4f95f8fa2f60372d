"""Masks: maps of class indices in which some pixels may have no class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError

__all__ = ["NO_CLASS", "checked_mask"]

NO_CLASS = 255
"""The value of pixels without a class in a checked mask, whatever value the data set's files use."""


def checked_mask(
    mask: NDArray[Any],  # Any: other types than whole numbers are refused
    item: str,
    *,
    classes: int,
    ignored: int | None,
) -> NDArray[np.uint8]:
    """Return a mask as bytes, :data:`NO_CLASS` where a pixel has no class.

    Args:
        mask: (height, width) class indices.
        item: The id of its item, for messages; may be empty.
        classes: C.
        ignored: The value of pixels without a class, or None.

    Raises:
        DataError: The mask is no map of whole numbers, holds a value that is no class, or no pixel with a
            class.
    """
    who = f"the mask of item '{item}'" if item else "a mask"
    if mask.ndim != 2 or not mask.size or not np.issubdtype(mask.dtype, np.integer):
        raise DataError(
            f"{who} must be (height, width) whole numbers, one class index per pixel, "
            f"got shape {mask.shape} and type {mask.dtype}; convert it"
        )
    quick = mask.dtype == np.uint8  # counting bytes is much faster than sorting them
    values = set((np.flatnonzero(np.bincount(mask.ravel())) if quick else np.unique(mask)).tolist())
    foreign = sorted(value for value in values if value != ignored and not 0 <= value < classes)
    if foreign:
        allowed = f"[0, {classes})" + ("" if ignored is None else f" or the ignored value {ignored}")
        raise DataError(
            f"{who} must hold class indices in {allowed}, got {foreign[0]}; declare the "
            "value of pixels without a class as ignored, or correct the mask"
        )
    if values == {ignored}:
        raise DataError(
            f"{who} must have a pixel with a class, got only the ignored value {ignored}; leave the item out"
        )
    known = mask.astype(np.uint8)
    return np.where(mask == ignored, np.uint8(NO_CLASS), known) if ignored is not None else known
