"""Where the released code of the TOD papers has the files of its data sets: below the current directory.

Its README asks for ``./data`` with a folder for each data set, and its configurations name them. Only the
names of the files are looked at, and a folder that may not be searched counts as one without files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RELEASED", "find_layout", "found_root", "packed_archives"]


@dataclass(frozen=True)
class Layout:
    """One way in which the files of a data set lie below the current directory.

    Attributes:
        root: The folder into which the data set's publisher would have unpacked it.
        folder: The folder of the files.
        files: Their names; empty where folders are read as they are.
    """

    root: Path
    folder: Path
    files: tuple[str, ...] = ()

    @property
    def present(self) -> list[str]:
        """The files that exist."""
        return [name for name in self.files if _is(self.folder / name, Path.is_file)]

    @property
    def is_whole(self) -> bool:
        """Whether all files exist, judging by their names."""
        return _is(self.folder, Path.is_dir) and len(self.present) == len(self.files)

    @property
    def is_begun(self) -> bool:
        """Whether something exists that can only belong to this data set."""
        return (self.folder != self.root and os.path.lexists(self.folder)) or bool(self.present)


DATA = Path("data")
CIFAR10_FILES = ("batches.meta", *(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
SVHN_FILES = ("train_32x32.mat", "test_32x32.mat")

RELEASED: Mapping[str, tuple[Layout, ...]] = {
    "cifar10": (Layout(DATA, DATA / "cifar-10-batches-py", CIFAR10_FILES),),
    "cifar100": (Layout(DATA, DATA / "cifar-100-python", ("meta", "train", "test")),),
    "svhn": (Layout(DATA / "svhn", DATA / "svhn", SVHN_FILES), Layout(DATA, DATA, SVHN_FILES)),
    "caltech101": (Layout(DATA, DATA / "101_ObjectCategories"),),
}
"""The layouts of the release's data sets, in order of precedence."""

PACKED: Mapping[str, tuple[str, ...]] = {
    "cifar10": ("cifar-10-python.tar.gz",),
    "cifar100": ("cifar-100-python.tar.gz",),
    "caltech101": ("101_ObjectCategories.tar.gz", "caltech-101.zip"),
}
"""The archives in which their publishers pack them."""


def find_layout(name: str) -> Layout | None:
    """Return the first whole layout of a data set below the current directory, else the first begun one.

    Its paths are absolute, so that they outlive a change of the directory; None if there is none.
    """
    begun = [one for one in RELEASED.get(name, ()) if one.is_whole or one.is_begun]
    found = min(begun, key=lambda one: not one.is_whole, default=None)
    return Layout(found.root.absolute(), found.folder.absolute(), found.files) if found else None


def found_root(name: str) -> str | None:
    """Return the root option that names the whole layout of a data set below the current directory, or None.

    A run that records it reads the same files when it is resumed from another directory.
    """
    layout = find_layout(name)
    if layout is None or not layout.is_whole:
        return None
    whole = layout.files or _is(layout.folder, lambda path: sum(one.is_dir() for one in path.iterdir()) > 100)
    return str(layout.folder) if whole else None  # Caltech-101 has 101 classes


def packed_archives(name: str) -> list[Path]:
    """Return the archives of a data set that lie in ``./data``."""
    return [DATA / one for one in PACKED.get(name, ()) if _is(DATA / one, Path.is_file)]


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except OSError:  # no permission to look; a link to itself
        return False
