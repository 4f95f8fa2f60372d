"""Where the released code of the TOD papers has its files: below the current directory.

Its README asks for ``./data`` with a folder for each data set, and its configurations name them. Knows names
of files, not what is in them. A folder that may not be searched is taken for one without files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RELEASED", "Layout", "find_archive", "find_layout", "found_root"]


@dataclass(frozen=True)
class Layout:
    """One way in which the files of a data set lie below the current directory.

    Attributes:
        root: The folder that the data set's publisher would have unpacked into.
        folder: The folder of the files.
        files: Their names; empty where folders are read as they are.
    """

    root: Path
    folder: Path
    files: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all files are there, as far as their names say."""
        return _is_there(self.folder, Path.is_dir) and len(self.present) == len(self.files)

    @property
    def is_begun(self) -> bool:
        """Whether something is there that can only be meant for this data set."""
        own = self.folder != self.root and os.path.lexists(self.folder)
        return own or bool(self.present)

    @property
    def present(self) -> list[str]:
        """The files that are there."""
        return [name for name in self.files if _is_there(self.folder / name, Path.is_file)]

    def absolute(self) -> Layout:
        """Return it with absolute paths, which mean the same after a change of the directory."""
        return Layout(self.root.absolute(), self.folder.absolute(), self.files)


DATA = Path("data")
CIFAR10_FILES = ("batches.meta", *(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
SVHN_FILES = ("train_32x32.mat", "test_32x32.mat")

RELEASED: Mapping[str, tuple[Layout, ...]] = {
    "cifar10": (Layout(DATA, DATA / "cifar-10-batches-py", CIFAR10_FILES),),
    "cifar100": (Layout(DATA, DATA / "cifar-100-python", ("meta", "train", "test")),),
    "svhn": (Layout(DATA / "svhn", DATA / "svhn", SVHN_FILES), Layout(DATA, DATA, SVHN_FILES)),
    "caltech101": (Layout(DATA, DATA / "101_ObjectCategories"),),
}
"""The ways in which the data sets of the release lie, the first first."""

CLASSES = 101
"""Of Caltech-101, besides the background."""

ARCHIVES: Mapping[str, tuple[str, ...]] = {
    "cifar10": ("cifar-10-python.tar.gz",),
    "cifar100": ("cifar-100-python.tar.gz",),
    "caltech101": ("101_ObjectCategories.tar.gz", "caltech-101.zip"),
}
"""What their publishers packed them into."""


def find_layout(name: str) -> Layout | None:
    """Return how a data set lies below the current directory, or None where nothing of it does.

    A whole one counts before one that is only begun.
    """
    layouts = RELEASED.get(name, ())
    found = next((one for one in layouts if one.is_whole), None) or next(
        (one for one in layouts if one.is_begun), None
    )
    return found.absolute() if found else None


def found_root(name: str) -> str | None:
    """Return the root option that names the whole layout of a data set below the current directory, or None.

    A run that records it means the same files when it goes on from another directory.
    """
    layout = find_layout(name)
    if layout is None or not layout.is_whole or (not layout.files and not _has_classes(layout.folder)):
        return None
    return str(layout.folder)


def _has_classes(folder: Path) -> bool:
    """Return whether a folder has as many folders as Caltech-101 has classes."""
    try:
        return sum(path.is_dir() for path in folder.iterdir()) >= CLASSES
    except OSError:
        return False


def find_archive(name: str) -> Path | None:
    """Return the packed archive of a data set in ``./data``, or None."""
    paths = (DATA / archive for archive in ARCHIVES.get(name, ()))
    return next((path.absolute() for path in paths if _is_there(path, Path.is_file)), None)


def _is_there(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except OSError:  # no permission to look; a link to itself
        return False
