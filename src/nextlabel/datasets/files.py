"""Where the files of a data set lie, and what to say when they do not. Knows no particular data set."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.released_layout import RELEASED, Layout, find_archive, find_layout
from nextlabel.errors import ConfigurationError, DataError, listed

__all__ = ["ENVIRONMENT", "Place", "Root", "fetch", "numbered", "place_of", "root_of"]

Root: TypeAlias = "str | os.PathLike[str] | None"
"""The option ``root`` of a data set: its folder, or None for the usual one."""

ENVIRONMENT = "NEXTLABEL_DATA"
"""The environment variable that names the folder of all data sets; each has a folder of its name in it."""

OPTION = f"the option root or the environment variable {ENVIRONMENT}"
OPTION_ALONE = "the option root"
"""What names another place; where the release's layout is begun, that comes before the environment."""

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")


def fetch(name: str, root: Root = None) -> str:
    """Return the remedy for files that a command can fetch.

    >>> fetch("svhn")
    'fetch it with: nextlabel datasets download svhn'
    """
    return f"fetch it with: nextlabel datasets download {name}" + (f" --root {root}" if root else "")


def numbered(prefix: str, count: int) -> tuple[str, ...]:
    """Return the ids of items that files hold without names: their positions.

    >>> numbered("svhn-test", 2)
    ('svhn-test-00000', 'svhn-test-00001')
    """
    return tuple(f"{prefix}-{position:05d}" for position in range(count))


def root_of(name: str, root: Root = None) -> Path:
    """Return the folder of a data set: ``root``, else ``$NEXTLABEL_DATA/NAME``, else one below ``~/.cache``.

    It is absolute, so that it means the same after a change of the directory.

    Raises:
        ConfigurationError: The root is no path.
    """
    if root is not None:
        if not isinstance(root, (str, os.PathLike)) or not str(root):
            raise ConfigurationError(
                f"the data set '{name}' needs the option root as a path, but got {root!r}"
            )
        return Path(root).expanduser().absolute()
    shared = os.environ.get(ENVIRONMENT)
    usual = Path(shared).expanduser() if shared else Path.home() / ".cache" / "nextlabel"
    return (usual / name).absolute()


def place_of(name: str, root: Root = None, inner: tuple[str, ...] = ()) -> Place:
    """Return the place of a data set that the TOD papers' released code has, too.

    Without a root, the layout of that code below the current directory counts first, see
    :mod:`nextlabel.datasets.released_layout`, and then the folders of :func:`root_of`.

    Args:
        name: The data set.
        root: Its folder, or None.
        inner: See :class:`Place`.

    Raises:
        DataError: There is nothing but its packed archive.
        ConfigurationError: The root is no path.
    """
    usual = root_of(name, root)
    if root is not None:
        return Place(name, usual, fetch(name, root), inner)
    if layout := find_layout(name):
        return Place(name, layout.folder, _completed(name, layout), elsewhere=OPTION_ALONE)
    first = RELEASED[name][0]
    if not usual.exists() and (archive := find_archive(name)):
        raise DataError(
            f"the data set '{name}' needs {first.folder.absolute()}, but there is only the packed "
            f"'{archive}'; unpack it in its folder, with tar -xf or unzip"
        )
    sign = first.folder / first.files[0] if first.folder == first.root else first.folder
    return Place(name, usual, fetch(name), inner, also=f"./{sign.as_posix()}")


def _completed(name: str, layout: Layout) -> str:
    """Return the remedy for a layout of the release that is not whole."""
    return fetch(name, layout.root) if layout.files else "put all folders of its archive into it"


@dataclass(frozen=True)
class Place:
    """The folder of one data set.

    Attributes:
        name: The data set's name.
        root: Its folder.
        remedy: How to get its files, as a clause.
        inner: Folders below the root in which its archive may have put the files; the first that is there
            counts, else the root itself.
        elsewhere: What names another place, as a phrase.
        also: Where else nothing was found, or None.
    """

    name: str
    root: Path
    remedy: str
    inner: tuple[str, ...] = ()
    elsewhere: str = OPTION
    also: str | None = None

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return next((self.root / inner for inner in self.inner if (self.root / inner).is_dir()), self.root)

    def file(self, *names: str) -> Path:
        """Return the path of the first of these files that is there.

        Raises:
            DataError: None is; the message says which was expected where, and how to get it.
        """
        paths = [self.folder / name for name in names]
        return next((path for path in paths if path.is_file()), None) or self.missing(paths[0])

    def missing(self, path: Path) -> NoReturn:
        """Say that there is no such file, and how to get it.

        Raises:
            DataError: Always.
        """
        if self.archives:
            raise DataError(
                f"the data set '{self.name}' needs {path}, but there is only the packed "
                f"{listed(self.archives)}; unpack it in its folder, with tar -xf or unzip"
            )
        blocking = next((one for one in path.parents if one.exists() and not one.is_dir()), None)
        came = (
            f"{blocking} is a file, not a folder" if blocking
            else "it is not there" if not path.exists()
            else "it is a folder" if path.is_dir()
            else "it is a file"
        )  # fmt: skip
        also = f", and neither is {self.also}" if self.also else ""
        raise DataError(
            f"the data set '{self.name}' needs {path}, but {came}{also}; {self.remedy}, or say with "
            f"{self.elsewhere} where its files are"
        )

    def damaged(self, path: Path, came: str, error: Exception | None = None) -> NoReturn:
        """Say that a file is not what the data set's publisher made.

        Args:
            path: The file.
            came: What is wrong, as a clause that follows "but".
            error: What was raised, if anything.

        Raises:
            DataError: Always.
        """
        raise DataError(
            f"the data set '{self.name}' needs {path} as it was published, but {came}; remove it and "
            f"{self.remedy}"
        ) from error

    def check_labels(self, path: Path, labels: NDArray[np.integer], least: int, most: int) -> None:
        """Refuse labels that the publisher's files do not have.

        Args:
            path: Their file.
            labels: (N,) labels as they stand in it.
            least: The smallest label there is.
            most: The largest.

        Raises:
            DataError: A label is outside.
        """
        foreign = labels[(labels < least) | (labels > most)]
        if len(foreign):
            self.damaged(path, f"it holds the label {foreign[0]} where labels go from {least} to {most}")

    def check_classes(self, path: Path, names: Sequence[object]) -> tuple[str, ...]:
        """Return the names of classes; refuse what is no text, and two that are alike.

        Args:
            path: Their file.
            names: The names as they stand in it.

        Raises:
            DataError: A name is no readable text, or comes twice.
        """
        texts = tuple(name for name in names if isinstance(name, str) and name.strip() and name.isprintable())
        if len(texts) < len(names):
            foreign = next(name for name in names if name not in texts)
            self.damaged(path, f"the class name {foreign!r} in it is no text")
        twice = [name for name, count in Counter(texts).items() if count > 1]
        if twice:
            self.damaged(path, f"it names these classes more than once: {listed(twice)}")
        return texts

    @property
    def archives(self) -> list[str]:
        """The paths of the archives that lie where the files or the archives should."""
        folders = {self.root, self.folder, self.root / "caltech-101"}
        found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
        return sorted(str(path) for path in found if path.name.lower().endswith(ARCHIVES))
