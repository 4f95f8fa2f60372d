"""The pool: a map-style data set whose items have stable ids.

Knows nothing of labels, models or what was asked; ids come from the data and never change with the order.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from nextlabel.errors import DataError, listed
from nextlabel.ledger.events import ItemId, check_ids, ids_digest

__all__ = ["Items", "Pool", "tensor_of"]


@runtime_checkable
class Items(Protocol):
    """A map-style data set, as ``torch.utils.data.Dataset`` has it."""

    def __len__(self) -> int:
        """Return the number of items."""

    def __getitem__(self, index: int, /) -> Any:  # Any: whatever the user's model takes
        """Return the item at this position."""


class Pool:
    """Items with stable ids.

    Args:
        data: A tensor or NumPy array whose first axis is the items, or a map-style data set. Where an item of
            a data set is a tuple, its first element is the input; the rest (a target, say) is never read.
        ids: The id of every item, distinct: file names, database keys. Strings.

    Raises:
        DataError: The data cannot be used, or the ids are not strings, not distinct, or not as many as items.

    >>> pool = Pool(torch.rand(3, 8), ids=["a.png", "b.png", "c.png"])
    >>> pool.subset(["c.png", "a.png"]).ids
    ('c.png', 'a.png')
    """

    def __init__(self, data: Tensor | np.ndarray | Items, ids: Sequence[ItemId]) -> None:
        source = tensor_of("the data of a pool", data) if isinstance(data, np.ndarray) else data
        if not isinstance(source, Tensor) and not isinstance(source, Items):
            raise DataError(
                "a pool needs a tensor, an array or a data set with __len__ and __getitem__, "
                f"but got {type(data).__name__}"
            )
        if isinstance(source, Tensor) and source.ndim == 0:
            raise DataError("a pool's first axis is the items, but this tensor has no axis")
        if isinstance(ids, str) or not isinstance(ids, Iterable):
            raise DataError(f"a pool needs the id of every item, but ids is {ids!r}")
        self._source = source
        self.ids: tuple[ItemId, ...] = tuple(ids)
        self._rows = torch.arange(len(source))
        if len(self.ids) != len(source):
            raise DataError(f"ids must be one per item, got {len(self.ids)} ids for {len(source)} items")
        check_ids(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> Any:  # Any: whatever the user's model takes
        item = self._source[int(self._rows[row])]
        return item[0] if isinstance(item, tuple) else item

    @cached_property
    def _row_of(self) -> dict[ItemId, int]:
        return {item: row for row, item in enumerate(self.ids)}

    @property
    def resident(self) -> Tensor | None:
        """The whole source as one tensor, or None where items come one by one from per data set.

        It may hold more than this pool; :attr:`source_rows` says which of its rows are this pool's.
        """
        return self._source if isinstance(self._source, Tensor) else None

    @property
    def source_rows(self) -> Tensor:
        """(N,) the positions of this pool's items in the source, in the pool's order."""
        return self._rows

    def tensor(self) -> Tensor:
        """Return the pool's items as one tensor, first axis the items.

        Raises:
            DataError: The items are not tensors of one shape.
        """
        if self.resident is not None:
            return self.resident[self._rows]
        try:
            return torch.stack([torch.as_tensor(self[row]) for row in range(len(self))])
        except (RuntimeError, TypeError, ValueError) as error:
            raise DataError(
                f"expected items that stack to one tensor, but could not stack them: {error}"
            ) from error

    def rows_of(self, ids: Sequence[ItemId]) -> Tensor:
        """Return the (len(ids),) rows of these items.

        Raises:
            DataError: An id is not in the pool.
        """
        unknown = [item for item in ids if item not in self._row_of]
        if unknown:
            raise DataError(
                f"expected ids of the pool ({len(self)} items), but it does not hold {listed(unknown)}"
            )
        return torch.tensor([self._row_of[item] for item in ids], dtype=torch.int64)

    def subset(self, ids: Sequence[ItemId]) -> Pool:
        """Return the pool of these items only, in this order; nothing is copied."""
        return self._view(self._rows[self.rows_of(ids)], tuple(ids))

    def slice(self, start: int, stop: int) -> Pool:
        """Return the pool of the rows from ``start`` up to, not including, ``stop``; nothing is copied."""
        return self._view(self._rows[start:stop], self.ids[start:stop])

    def _view(self, rows: Tensor, ids: tuple[ItemId, ...]) -> Pool:
        view = Pool.__new__(Pool)
        view._source, view._rows, view.ids = self._source, rows, ids
        return view

    def digest(self) -> str:
        """Return 16 hexadecimal digits that change when an id is added, removed or moved."""
        return ids_digest(self.ids)


def tensor_of(name: str, array: np.ndarray) -> Tensor:
    """Return the array as a tensor, which shares its memory where it can.

    Args:
        name: What it is, for the message.
        array: Numbers in any byte order; it may be read-only, and nothing here writes to it.

    Raises:
        DataError: It holds no numbers that torch knows.
    """
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    try:
        with warnings.catch_warnings():
            # Memory-mapped arrays are often read-only; nothing here writes to its inputs.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            return torch.from_numpy(native)
    except TypeError as error:
        raise DataError(
            f"{name} must hold numbers that torch knows, but has dtype {array.dtype}; use float32"
        ) from error
