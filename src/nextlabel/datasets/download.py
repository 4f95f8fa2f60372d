"""Fetch data sets from their publishers where their licences allow a program to.

torchvision knows the addresses and the checksums.
"""

from __future__ import annotations

import tarfile
import warnings
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.files import Root, root_of
from nextlabel.datasets.released_layout import find_layout
from nextlabel.errors import DataError, MissingExtraError

__all__ = ["BY_TORCHVISION", "download"]

BY_TORCHVISION: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {  # Any: torchvision's arguments
    "cifar10": ("CIFAR10", ({"train": True},)),
    "cifar100": ("CIFAR100", ({"train": True},)),
    "svhn": ("SVHN", ({"split": "train"}, {"split": "test"})),
    "fashion_mnist": ("FashionMNIST", ({"train": True},)),
    "stl10": ("STL10", ({"split": "train"},)),
    "caltech101": ("Caltech101", ({},)),
}
"""torchvision's class for a data set, and the arguments of every call that is needed."""

FAILURES = (
    *(OSError, RuntimeError, HTTPException, ImportError, EOFError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error),
)
"""Without a connection, on a full disk, of a damaged archive, for an old torchvision that lacks gdown."""


def download(name: str, root: Root = None) -> Path:
    """Fetch a data set into its folder, unless it is there already, and return the folder.

    Args:
        name: The data set.
        root: The folder to put it into; None for the one in which the data set looks for its files, or for
            the released code's layout below the current directory if some of the files are in it.

    Raises:
        DataError: The data set must be fetched by hand, or cannot be downloaded, or the folder cannot be
            written.
        MissingExtraError: torchvision is not installed.
    """
    layout = find_layout(name) if root is None else None
    folder = layout.root if layout else root_of(name, root)
    if layout and not layout.files:  # torchvision would put it next to that, into a folder of its own
        return folder
    if name not in BY_TORCHVISION:
        remedy = DATASETS.remedy(name, "see the package that it comes from")
        where = f" (folder: {folder})" if "files" in DATASETS.card(name).needs else ""
        raise DataError(f"the data set '{name}' cannot be downloaded by this command; {remedy}{where}")
    try:
        from torchvision import datasets
    except ImportError as error:
        raise MissingExtraError("torchvision", "vision", f"downloading the data set '{name}'") from error
    class_name, calls = BY_TORCHVISION[name]
    refused = _refused(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchvision's, about how it reads the files
            for arguments in calls:
                getattr(datasets, class_name)(folder, download=refused is None, **arguments)
    except FAILURES as error:
        if refused is not None:
            raise DataError(
                f"the folder of the data set '{name}' must be writable, but {folder} is not "
                f"({refused.strerror}); choose another one with --root"
            ) from refused
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"the data set '{name}' could not be downloaded to {folder} ({reason}); check the connection and "
            "the free disk space, and run the same command again"
        ) from error
    return folder


def _refused(folder: Path) -> OSError | None:
    """Return why the folder cannot be made or written, or None; one that can be read may hold the files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error
