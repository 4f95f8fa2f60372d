"""Folders of images, with one sub-folder per class or with a mask for each image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nextlabel.datasets.benchmark_dataset import Split
from nextlabel.datasets.images import StreamedImages, image_size
from nextlabel.errors import DataError, listed

__all__ = ["class_folders", "image_files", "split_of_classes", "split_with_masks"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
"""What counts as an image; other files are ignored."""


def class_folders(folder: Path) -> tuple[str, ...]:
    """Return the sorted names of the visible sub-folders."""
    inside = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(path.name for path in inside if path.is_dir() and not path.name.startswith(".")))


def image_files(folder: Path, pattern: str = "**/*", suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """Return the sorted paths of the visible images of the folder that match the pattern."""
    return sorted(
        path
        for path in folder.glob(pattern)
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    )


def split_of_classes(
    name: str, root: Path, folder: Path, classes: Sequence[str], *, size: int, resize: int
) -> Split:
    """Return the images below ``folder/CLASS`` for every class, class by class, sorted by their paths.

    Args:
        name: The data set, for messages.
        root: Ids are paths relative to it, with slashes.
        folder: The folder of the class folders, whose names are ``classes``.
        classes: The classes in the order of their indices.
        size: Height and width of the images, in pixels.
        resize: See :class:`~nextlabel.datasets.images.StreamedImages`.

    Raises:
        ConfigurationError: ``size`` or ``resize`` is too small.
        DataError: A class has no image, or a file is not an image.
    """
    paths: list[Path] = []
    y: list[int] = []
    for label, one in enumerate(classes):
        found = image_files(folder / one)
        if not found:
            raise DataError(
                f"images of the data set '{name}' not found: '{folder / one}' ({', '.join(SUFFIXES)}); put "
                "some there, or remove the folder"
            )
        paths += found
        y += [label] * len(found)
    ids = tuple(path.relative_to(root).as_posix() for path in paths)
    images = StreamedImages(paths, ids, (size, size), resize)
    for path, item in zip(paths, ids, strict=True):
        image_size(path, item)  # so that a file that is not an image is found before any work starts
    return Split(images, np.asarray(y, dtype=np.int64), ids)


def split_with_masks(
    name: str, images: Sequence[Path], masks: Sequence[Path], ids: tuple[str, ...], *, remedy: str
) -> Split:
    """Return images with their masks, all of one size; only the files' heads are read.

    Messages name the data set and the ``remedy`` for missing masks, a clause.

    Raises:
        DataError: A mask is missing, sizes differ, or a file is not an image.
    """
    if missing := [str(path) for path in masks if not path.exists()]:
        raise DataError(
            f"{len(missing)} of {len(masks)} masks of the data set '{name}' not found: "
            f"{listed(missing, limit=1)}; {remedy}"
        )
    first = image_size(images[0], ids[0])
    for image, mask, item in zip(images, masks, ids, strict=True):
        size, of_mask = image_size(image, item), image_size(mask, item)
        if of_mask != size:
            raise DataError(
                f"a mask must have its image's size, but {image} has {size[1]} x {size[0]} pixels and "
                f"{mask} {of_mask[1]} x {of_mask[0]}; make the mask again from this image"
            )
        if size != first:
            raise DataError(
                f"images must be of one size, but {images[0]} has {first[1]} x {first[0]} pixels and "
                f"{image} {size[1]} x {size[0]}; resize or crop them, and their masks, to one size"
            )
    return Split(StreamedImages(images, ids, first), masks, ids)
