"""Masks in picture files, read one at a time, and the size they share with their pictures.

Knows no particular data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nextlabel.datasets.images import UNREADABLE
from nextlabel.errors import DataError

__all__ = ["MaskFiles", "common_size"]


class MaskFiles:
    """Masks of one channel, each (height, width) bytes.

    Args:
        paths: N files, grey or with a palette; the stored numbers count, not the colours.
        size: (height, width) of every one.
        table: (256,) class index of every stored number; None takes the numbers as they are.
    """

    def __init__(
        self, paths: Sequence[Path], size: tuple[int, int], *, table: NDArray[np.uint8] | None = None
    ) -> None:
        self.paths, self.table = tuple(paths), table
        self.shape: tuple[int, ...] = (len(paths), *size)
        self.dtype: np.dtype[Any] = np.dtype(np.uint8)  # Any: as NumPy's arrays have it

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]:
        """Read one.

        Raises:
            DataError: The file is no picture of one channel of bytes, or damaged.
        """
        path = self.paths[index]
        try:
            with Image.open(path) as picture:
                mask = np.asarray(picture)
        except UNREADABLE as error:
            raise _unreadable(path, error) from error
        if mask.ndim != 2 or mask.dtype != np.uint8:
            raise DataError(
                f"a mask must be a picture of one channel with a class index of 0 to 255 a pixel, but {path} "
                f"has shape {mask.shape} and type {mask.dtype}; convert it"
            )
        return mask if self.table is None else self.table[mask]


def common_size(pictures: Sequence[Path], masks: Sequence[Path]) -> tuple[int, int]:
    """Return the (height, width) that all pictures and masks have; only the files' heads are read.

    Args:
        pictures: At least one file.
        masks: As many.

    Raises:
        DataError: A picture and its mask, or two pictures, differ in size, or a file is no picture.
    """
    first = _size(pictures[0])
    for picture, mask in zip(pictures, masks, strict=True):
        size, other = _size(picture), _size(mask)
        if other != size:
            raise DataError(
                f"a mask must have its picture's size, but {picture} has {size[1]} x {size[0]} pixels and "
                f"{mask} {other[1]} x {other[0]}; make the mask anew from this picture"
            )
        if size != first:
            raise DataError(
                f"expected pictures of one size, but {pictures[0]} has {first[1]} x {first[0]} pixels and "
                f"{picture} {size[1]} x {size[0]}; resize or crop them, and their masks, to one size"
            )
    return first


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"the picture {path} cannot be read ({error}); fetch or copy it again")
