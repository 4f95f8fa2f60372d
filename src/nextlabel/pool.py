"""The pool: a map-style data set whose items have stable ids."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from nextlabel.errors import DataError, brief, listed
from nextlabel.ledger.events import ItemId, check_ids, ids_digest

__all__ = ["Items", "Pool", "tensor_of"]


@runtime_checkable
class Items(Protocol):
    """A map-style data set, like ``torch.utils.data.Dataset``."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...  # Any: whatever the user's model takes


class Pool:
    """Items with stable ids, which come from the data and do not depend on the order.

    Args:
        data: A tensor or NumPy array whose first axis is the items, or a map-style data set. If an item of a
            data set is a tuple, its first element is the input; the rest (a target, say) is never read.
        ids: The id of every item, distinct strings: file names, database keys.

    Attributes:
        ids: The ids in the pool's order.
        resident: The data as one tensor, or None if items are read one by one. It may hold more than this
            pool.
        source_rows: (N,) the positions of this pool's items in the data, in the pool's order.

    Raises:
        DataError: The data is unusable, or the ids are not distinct strings, one per item.

    >>> pool = Pool(torch.rand(3, 8), ids=["a.png", "b.png", "c.png"])
    >>> pool.subset(["c.png", "a.png"]).ids
    ('c.png', 'a.png')
    """

    def __init__(self, data: Tensor | np.ndarray | Items, ids: Sequence[ItemId]) -> None:
        source = tensor_of("the data of a pool", data) if isinstance(data, np.ndarray) else data
        if not isinstance(source, (Tensor, Items)) or isinstance(source, Mapping):
            raise DataError(
                "a pool must be a tensor, an array or a data set with __len__ and __getitem__, "
                f"got {type(data).__name__}"
            )
        if isinstance(source, Tensor) and source.ndim == 0:
            raise DataError("a pool's first axis must be the items, got a tensor without axes")
        if isinstance(ids, (str, set, frozenset)) or not isinstance(ids, Iterable):
            raise DataError(f"ids must be a sequence, one id per item in the items' order, got {brief(ids)}")
        self.ids: tuple[ItemId, ...] = tuple(ids)
        self._source, self.resident = source, source if isinstance(source, Tensor) else None
        self.source_rows = torch.arange(len(source))
        if len(self.ids) != len(source):
            raise DataError(f"ids must be one per item, got {len(self.ids)} ids for {len(source)} items")
        check_ids(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> Any:  # Any: whatever the user's model takes
        item = self._source[int(self.source_rows[row])]
        return item[0] if isinstance(item, tuple) else item

    @cached_property
    def _row_of(self) -> dict[ItemId, int]:
        return {item: row for row, item in enumerate(self.ids)}

    def tensor(self) -> Tensor:
        """Return the pool's items as one tensor; a DataError says why they do not stack."""
        if self.resident is not None:
            return self.resident[self.source_rows]
        try:
            return torch.stack([torch.as_tensor(self[row]) for row in range(len(self))])
        except (RuntimeError, TypeError, ValueError) as error:
            raise DataError(f"the items must stack to one tensor, got: {error}") from error

    def rows_of(self, ids: Sequence[ItemId]) -> Tensor:
        """Return the (len(ids),) rows of these items; a DataError names those that are not in the pool."""
        unknown = [item for item in ids if item not in self._row_of]
        if unknown:
            raise DataError(f"ids must be of the pool ({len(self)} items), got {listed(unknown)}")
        return torch.tensor([self._row_of[item] for item in ids], dtype=torch.int64)

    def subset(self, ids: Sequence[ItemId]) -> Pool:
        """Return the pool of these items, in this order; nothing is copied."""
        return self._view(self.source_rows[self.rows_of(ids)], tuple(ids))

    def slice(self, begin: int, end: int) -> Pool:
        """Return the pool of the rows from ``begin`` up to, not including, ``end``; nothing is copied."""
        return self._view(self.source_rows[begin:end], self.ids[begin:end])

    def _view(self, rows: Tensor, ids: tuple[ItemId, ...]) -> Pool:
        view = Pool.__new__(Pool)
        view._source, view.resident, view.source_rows, view.ids = self._source, self.resident, rows, ids
        return view

    def digest(self) -> str:
        """Return 16 hexadecimal digits that change if an id is added, removed or moved."""
        return ids_digest(self.ids)


def tensor_of(name: str, array: np.ndarray) -> Tensor:
    """Return the array, of any byte order, as a tensor, sharing its memory if possible.

    Raises:
        DataError: torch does not support its dtype; the message calls the array ``name``.
    """
    native = np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")
    try:
        with warnings.catch_warnings():
            # memory-mapped arrays are often read-only; nothing writes to them
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            return torch.from_numpy(native)
    except TypeError as error:
        raise DataError(f"{name} must have a dtype of torch, got {array.dtype}; use float32") from error
