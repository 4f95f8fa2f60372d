"""The size that masks in files share with their images.

Knows no particular data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from nextlabel.datasets.images import UNREADABLE
from nextlabel.errors import DataError

__all__ = ["common_size"]


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
