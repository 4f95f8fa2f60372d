"""Folders of images: one sub-folder per class, one file per image.

Images are read when they are wanted, and their ids are their paths below the folder. Knows no particular
data set.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nextlabel.datasets.benchmark_dataset import Split
from nextlabel.datasets.images import StreamedImages
from nextlabel.errors import DataError

__all__ = ["SUFFIXES", "class_folders", "part_of_folders"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
"""What counts as an image; other files are passed over."""


def class_folders(folder: Path) -> dict[str, Path]:
    """Return the visible sub-folders by name, in the order of their names."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: path for path in inside if path.is_dir() and not path.name.startswith(".")}


def part_of_folders(
    root: Path, folder: Path, classes: tuple[str, ...], *, size: int, resize: int, who: str
) -> Split:
    """Return the images below ``folder/CLASS`` for every class, class by class, sorted by their paths.

    Args:
        root: Ids are paths from here, with slashes.
        folder: Where the folders of the classes are.
        classes: Their names, in the order of the classes' indices.
        size: Height and width of the images, in pixels.
        resize: Side to which they are scaled before their centre is cut out.
        who: The data set, for messages.

    Raises:
        DataError: A class has no image, or a file is none.
    """
    paths: list[Path] = []
    y: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(
            path
            for path in (folder / name).rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        if not found:
            raise DataError(
                f"the {who} needs images of every class, but {folder / name} holds none "
                f"({', '.join(SUFFIXES)}); put some there, or remove the folder"
            )
        paths += found
        y += [label] * len(found)
    ids = tuple(path.relative_to(root).as_posix() for path in paths)
    images = StreamedImages(paths, ids, (size, size), resize)
    images.check()
    return Split(images, np.asarray(y, dtype=np.int64), ids)
