"""Read other people's pickles without running anything that is in them. Knows no particular data set."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from nextlabel.errors import DataError

__all__ = ["read_pickled"]

DAMAGED = (
    *(pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(ImportError, OverflowError, MemoryError, RecursionError, AssertionError),
)
"""What damaged pickles were seen to raise, ``OSError`` aside."""


class _Forbidden(pickle.UnpicklingError):
    """The pickle asks for something that data do not need."""


def read_pickled(path: Path) -> object:
    """Return what a pickle of NumPy arrays, dictionaries, lists, strings and numbers holds.

    Strings that Python 2 wrote come as ``str``, their bytes read as Latin-1.

    Raises:
        DataError: The file is damaged, or asks for anything else; nothing of it is then run.
    """
    try:
        with path.open("rb") as file:
            content: object = _DataUnpickler(file, encoding="latin1").load()
    except _Forbidden as error:
        raise DataError(f"{error}, which data do not need and nextlabel refuses") from error
    except DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"it cannot be read to its end ({reason})") from error
    return content


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:  # Any: as pickle has it
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _empty_array
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return _plain_dtype
        raise _Forbidden(f"it asks to run '{module}.{name}' when it is read")


def _empty_array(kind: type, shape: object, typecode: object) -> Any:  # Any: filled in by the pickle itself
    if kind is not np.ndarray:
        raise _Forbidden(f"it asks for an array of the kind {kind!r}")
    return np.empty(0).__reduce__()[0](np.ndarray, shape, typecode)  # type: ignore[operator]


def _plain_dtype(code: str, align: object = False, copy: object = True) -> np.dtype[Any]:
    # Python 2 wrote the flags as 0 and 1, which NumPy 2.4 deprecates.
    found = np.dtype(code, align=bool(align), copy=bool(copy))
    if found.hasobject:
        raise _Forbidden(f"it asks for an array of Python objects ('{code}')")
    return found
