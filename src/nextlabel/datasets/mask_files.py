"""Masks in image files, read one at a time, and the size they share with their images.

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
            DataError: The file is no image of one channel of bytes, or damaged.
        """
        path = self.paths[index]
        try:
            with Image.open(path) as image:
                mask = np.asarray(image)
        except UNREADABLE as error:
            raise _unreadable(path, error) from error
        if mask.ndim != 2 or mask.dtype != np.uint8:
            raise DataError(
                f"a mask must be an image of one channel with a class index of 0 to 255 a pixel, but {path} "
                f"has shape {mask.shape} and type {mask.dtype}; convert it"
            )
        return mask if self.table is None else self.table[mask]


def common_size(images: Sequence[Path], masks: Sequence[Path]) -> tuple[int, int]:
    """Return the (height, width) that all images and masks have; only the files' heads are read.

    Args:
        images: At least one file.
        masks: As many.

    Raises:
        DataError: An image and its mask, or two images, differ in size, or a file is no image.
    """
    first = _size(images[0])
    for image, mask in zip(images, masks, strict=True):
        size, other = _size(image), _size(mask)
        if other != size:
            raise DataError(
                f"a mask must have its image's size, but {image} has {size[1]} x {size[0]} pixels and "
                f"{mask} {other[1]} x {other[0]}; make the mask again from this image"
            )
        if size != first:
            raise DataError(
                f"expected images of one size, but {images[0]} has {first[1]} x {first[0]} pixels and "
                f"{image} {size[1]} x {size[0]}; resize or crop them, and their masks, to one size"
            )
    return first


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"the image {path} cannot be read ({error}); fetch or copy it again")
