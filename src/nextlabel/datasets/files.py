"""Where the files of a data set are, and what to say if they are missing or damaged."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.released_layout import RELEASED, find_layout, packed_archives
from nextlabel.errors import ConfigurationError, DataError, listed

__all__ = ["Place", "Root", "fetch", "numbered", "place_of", "root_of"]

Root: TypeAlias = "str | os.PathLike[str] | None"
"""The option ``root`` of a data set: its folder, or None for the one that :func:`place_of` finds."""

ENVIRONMENT = "NEXTLABEL_DATA"
"""The environment variable that names the folder of all data sets, with a sub-folder for each."""

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")

UNPACK = "unpack it in its folder, with tar -xf or unzip"


def fetch(name: str, root: Root = None) -> str:
    """Return the remedy for files that a command can fetch.

    >>> fetch("svhn")
    'fetch it with: nextlabel datasets download svhn'
    """
    return f"fetch it with: nextlabel datasets download {name}" + (f" --root {root}" if root else "")


def numbered(prefix: str, count: int, digits: int = 5) -> tuple[str, ...]:
    """Return the ids of items that files hold without names: their positions.

    >>> numbered("svhn-test", 2)
    ('svhn-test-00000', 'svhn-test-00001')
    """
    return tuple(f"{prefix}-{position:0{digits}d}" for position in range(count))


def root_of(name: str, root: Root = None) -> Path:
    """Return the absolute folder of a data set.

    It is ``root``, else ``$NEXTLABEL_DATA/NAME``, or ``~/.cache/nextlabel/NAME`` if that variable is not set.

    Raises:
        ConfigurationError: The root is not a path.
    """
    if root is not None:
        if not isinstance(root, (str, os.PathLike)) or not str(root):
            raise ConfigurationError(f"root of the data set '{name}' must be a path, got {root!r}")
        return Path(root).expanduser().absolute()
    shared = os.environ.get(ENVIRONMENT)
    usual = Path(shared).expanduser() if shared else Path.home() / ".cache" / "nextlabel"
    return (usual / name).absolute()


def place_of(name: str, root: Root = None, *inner: str, remedy: str = "") -> Place:
    """Return the place of a data set's files.

    It is the folder of :func:`root_of`, but without a root the layout of the TOD papers' released code below
    the current directory comes first. For ``inner`` and ``remedy`` see :class:`Place`; without a remedy it is
    the command that fetches the files.

    Raises:
        DataError: There is only its packed archive.
        ConfigurationError: The root is not a path.
    """
    usual = root_of(name, root)
    if root is not None or name not in RELEASED:
        return Place(name, usual, remedy or fetch(name, root), inner)
    if layout := find_layout(name):
        remedy = fetch(name, layout.root) if layout.files else "put all folders of its archive into it"
        return Place(name, layout.folder, remedy, elsewhere="root")
    first = RELEASED[name][0]
    packed = packed_archives(name)
    if packed and not usual.exists():
        raise DataError(
            f"files of the data set '{name}' not found: '{first.folder.absolute()}', only the packed "
            f"'{packed[0].absolute()}'; {UNPACK}"
        )
    sign = first.folder / first.files[0] if first.folder == first.root else first.folder
    return Place(name, usual, fetch(name), inner, also=f"./{sign.as_posix()}")


@dataclass(frozen=True)
class Place:
    """The folder of one data set.

    Attributes:
        name: The data set's name.
        root: Its folder.
        remedy: How to get its files, as a clause.
        inner: Folders below the root in which its archive may have put the files; the first that exists
            counts, else the root itself.
        elsewhere: What can name another place.
        also: Where else the files were not found, or None.
    """

    name: str
    root: Path
    remedy: str
    inner: tuple[str, ...] = ()
    elsewhere: str = f"root or the environment variable {ENVIRONMENT}"
    also: str | None = None

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return next((self.root / inner for inner in self.inner if (self.root / inner).is_dir()), self.root)

    def file(self, *names: str) -> Path:
        """Return the path of the first of these files that exists.

        Raises:
            DataError: None does; see :meth:`missing`.
        """
        paths = [self.folder / name for name in names]
        return next((path for path in paths if path.is_file()), None) or self.missing(paths[0])

    def missing(self, path: Path) -> NoReturn:
        """Raise the :class:`DataError` of a missing file or folder, with how to get it."""
        where = f"files of the data set '{self.name}' not found: '{path}'"
        if self.archives:
            raise DataError(f"{where}, only the packed {listed(self.archives)}; {UNPACK}")
        blocking = next((one for one in path.parents if one.exists() and not one.is_dir()), None)
        if blocking:
            where += f", as {blocking} is a file, not a folder"
        elif path.exists():
            where += ", which is a folder" if path.is_dir() else ", which is a file"
        if self.also:
            where += f" or {self.also}"
        raise DataError(f"{where}; {self.remedy}, or set {self.elsewhere} to where they are")

    def damaged(self, path: Path, problem: str, error: Exception | None = None) -> NoReturn:
        """Raise the :class:`DataError` of a file that is not as published; ``problem`` follows "but"."""
        raise DataError(
            f"{path} of the data set '{self.name}' must be as published, but {problem}; remove it and "
            f"{self.remedy}"
        ) from error

    def labels(self, path: Path, values: Iterable[object], least: int, most: int) -> NDArray[np.int64]:
        """Return the (N,) labels of a file, which must be whole numbers in [``least``, ``most``].

        Raises:
            DataError: A label is not.
        """
        values = values.ravel().tolist() if isinstance(values, np.ndarray) else list(values)
        allowed = range(least, most + 1)
        if foreign := [value for value in values if value not in allowed]:
            self.damaged(path, f"its labels must be {least} to {most}, got {foreign[0]!r}")
        return np.asarray(values, dtype=np.int64)

    def classes(self, path: Path, names: object, count: int) -> tuple[str, ...]:
        """Return the class names of a file, which must be ``count`` distinct texts.

        Raises:
            DataError: They are not.
        """
        if not isinstance(names, list) or len(names) != count:
            found = len(names) if isinstance(names, list) else repr(names)
            self.damaged(path, f"it must name {count} classes, got {found}")
        for name in names:
            if not (isinstance(name, str) and name.strip() and name.isprintable()):
                self.damaged(path, f"its class name {name!r} is not text")
        if repeated := [name for name, times in Counter(names).items() if times > 1]:
            self.damaged(path, f"it names these classes more than once: {listed(repeated)}")
        return tuple(names)

    @property
    def archives(self) -> list[str]:
        """The paths of the archives that lie where the files or the archives should be."""
        folders = {self.root, self.folder, self.root / "caltech-101"}
        found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
        return sorted(str(path) for path in found if path.name.lower().endswith(ARCHIVES))
