"""Read foreign pickles without running anything in them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import DataError

__all__ = ["read_pickled"]

DAMAGED = (
    *(pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError),
    *(ImportError, OverflowError, MemoryError, RecursionError, AssertionError),
)
"""What damaged pickles were seen to raise, ``OSError`` aside."""

Unpickled = Any  # Any: what a pickle makes of its arguments, and fills in afterwards


class _Forbidden(pickle.UnpicklingError):
    """The pickle asks for something that data do not need."""


def read_pickled(path: Path) -> object:
    """Return what a pickle of NumPy arrays, dictionaries, lists, strings and numbers holds.

    Protocols 0 to 5 are read, as Python 2 and 3 with NumPy 1 and 2 write them. Strings that Python 2 wrote
    become ``str``, decoded as Latin-1. Arrays are read-only.

    Raises:
        DataError: The file is damaged, or asks for anything else, which is not run.
    """
    try:
        with path.open("rb") as file:
            return _finished(_DataUnpickler(file, encoding="latin1").load(), {})
    except _Forbidden as error:
        raise DataError(f"{error}, which data do not need and nextlabel refuses") from error
    except DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"it cannot be read to its end ({reason})") from error


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Unpickled:
        # NumPy 2 renamed numpy.core; both names are in files
        make = MAKERS.get((module.replace("numpy._core.", "numpy.core."), name))
        if make is None:
            raise _Forbidden(f"it asks to run '{module}.{name}' when it is read")
        return _Maker(make)


@final
@dataclass(frozen=True)
class _Maker:
    """What a pickle gets for a name: it can be called, and nothing else."""

    make: Callable[..., Unpickled]

    def __call__(self, *arguments: object) -> Unpickled:
        return self.make(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _Forbidden("it asks to change a function when it is read")


@final
class _Type:
    """A type of an array's numbers; NumPy's own would trust any flags in a file."""

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str):
            raise _Forbidden(f"it asks for an array of {code!r}")
        self.dtype = np.dtype(code)
        if self.dtype.hasobject:
            raise _Forbidden(f"it asks for an array of Python objects ('{code}')")

    def __setstate__(self, state: tuple[Any, ...]) -> None:  # Any: whatever the file holds
        _, order, *parts = state
        if any(part is not None for part in parts[:3]):  # of arrays of arrays and of records
            raise _Forbidden("it asks for an array of records")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


@final
class _Array:
    """An array that the pickle has named but not yet filled."""

    def __init__(self, kind: object, *_: object) -> None:
        if not isinstance(kind, _Maker) or kind.make is not _Array:
            raise _Forbidden(f"it asks for an array of the kind {kind!r}")
        self.array: NDArray[Any] | None = None  # Any: numbers of whatever type

    def __setstate__(self, state: tuple[Any, ...]) -> None:  # Any: whatever the file holds
        shape, kind, by_columns, data = state[-4:]
        self.array = _from_buffer(data, kind, shape, "F" if by_columns else "C")


def _from_buffer(data: object, kind: object, shape: object, order: object, axes: object = None) -> Unpickled:
    """Return an array as NumPy's function of this name does."""
    array = _numbers(data, kind)
    if order == "K" and axes is not None:
        return array.reshape(shape).transpose(axes)  # type: ignore[call-overload]  # or a TypeError
    return array.reshape(shape, order=order)  # type: ignore[call-overload]  # or a TypeError


def _encoded(text: object, encoding: object) -> Unpickled:
    """Return the bytes that Python 3 writes as text under the protocols of Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise _Forbidden(f"it asks to encode text as {encoding!r}")
    return text.encode("latin-1")


def _numbers(data: object, kind: object, count: int = -1) -> NDArray[Any]:  # Any: of whatever type
    if isinstance(data, str):  # the bytes of Python 2
        data = data.encode("latin-1")
    if not isinstance(data, bytes | bytearray) or not isinstance(kind, _Type):
        raise TypeError(f"an array of {type(data).__name__} and of the type {kind!r}")
    return np.frombuffer(data, kind.dtype, count)


def _finished(content: Unpickled, done: dict[int, Unpickled]) -> Unpickled:
    """Return the content with its arrays in place of their stand-ins.

    What occurs several times is finished once, or a small file could keep this busy for ever.
    """
    if isinstance(content, _Array):
        if content.array is None:
            raise ValueError("an array without numbers")
        return content.array
    if not isinstance(content, dict | list | tuple):
        return content
    if id(content) not in done:
        done[id(content)] = (
            {_finished(key, done): _finished(value, done) for key, value in content.items()}
            if isinstance(content, dict)
            else type(content)(_finished(one, done) for one in content)
        )
    return done[id(content)]


MAKERS: Mapping[tuple[str, str], Callable[..., Unpickled]] = {
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): lambda kind, data: _numbers(data, kind, 1)[0],
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encoded,
    ("builtins", "bytes"): lambda: b"",
    ("__builtin__", "bytes"): lambda: b"",
}
"""Stand-ins for the names in pickles of data; none of them reads, writes or runs anything."""
