"""Masks: maps of class indices, in which a pixel may have none. Knows neither models nor data sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError

__all__ = ["NO_CLASS", "checked_mask"]

NO_CLASS = 255
"""What a checked mask holds at a pixel without a class, whatever the data set's own files say there."""


def checked_mask(
    mask: NDArray[Any],  # Any: whole numbers, or what is refused
    item: str,
    *,
    classes: int,
    ignored: int | None,
) -> NDArray[np.uint8]:
    """Return a mask as bytes, :data:`NO_CLASS` where a pixel has no class.

    Args:
        mask: (height, width) class indices.
        item: The id of its item, for messages.
        classes: C.
        ignored: The value of pixels without a class, or None.

    Raises:
        DataError: The mask is no map of whole numbers, holds a value that is no class, or no pixel with a
            class.
    """
    if mask.ndim != 2 or not np.issubdtype(mask.dtype, np.integer):
        raise DataError(
            f"a mask must be (height, width) whole numbers, one class index a pixel, but that of item "
            f"'{item}' has shape {mask.shape} and type {mask.dtype}"
        )
    quick = mask.dtype == np.uint8  # counting bytes is much faster than sorting them
    values = set((np.flatnonzero(np.bincount(mask.ravel())) if quick else np.unique(mask)).tolist())
    foreign = sorted(value for value in values if value != ignored and not 0 <= value < classes)
    if foreign:
        told = f" or {ignored}, which is ignored" if ignored is not None else ""
        raise DataError(
            f"a mask must hold class indices in [0, {classes}){told}, but that of item '{item}' has "
            f"{foreign[0]}; name the value of pixels without a class as ignored, or correct the mask"
        )
    if values == {ignored}:
        raise DataError(
            f"a mask must have a pixel with a class, but that of item '{item}' holds {ignored} only, which "
            "is ignored; leave the item out"
        )
    known = mask.astype(np.uint8)
    return np.where(mask == ignored, np.uint8(NO_CLASS), known) if ignored is not None else known
