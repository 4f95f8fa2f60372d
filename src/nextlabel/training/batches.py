"""Batches of a pool: which items belong to which step, and their inputs on the device.

The order is a function of seed and step, so a training run can go on from any step. Tensor pools stay
resident on the device and are sliced there; other pools come through a DataLoader. Knows nothing of labels or
models.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nextlabel.errors import DataError
from nextlabel.files import exit_with_parent
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.training.config import UnlabelledDraw
from nextlabel.training.device import seed_everything

__all__ = ["DeviceCache", "Order", "as_input", "sequential", "steps_of_pass", "stream"]


def as_input(batch: Tensor) -> Tensor:
    """Return a batch as models take it: uint8 as float32 in [0, 1], other floats as float32, others as is."""
    if batch.dtype == torch.uint8:
        return batch.float() / 255
    return batch.float() if batch.is_floating_point() else batch


def steps_of_pass(labelled: int, batch: int) -> int:
    """Return the steps of one pass; a rest of one item joins the batch before it.

    Args:
        labelled: L, at least 1.
        batch: Items in a step, at least 1.
    """
    full, rest = divmod(labelled, min(batch, labelled))
    return full + (rest > 1)


class Order:
    """Which rows belong to which step: a new random permutation at every pass, cut into batches.

    Args:
        count: N, the rows of the pool, at least 1.
        batch_size: B, the rows of a batch.
        seed: The training's seed; pass p is ordered by ``derive(seed, purpose, p)``.
        purpose: What the batches are for.
        whole: Whether every row comes in every pass. Then the last batch may be shorter, and one of a single
            row is merged into the batch before it, as batch norm cannot normalise one item. Otherwise the
            rest of each pass is left out, and every batch has min(B, N) rows.
        draw: ``"passes"``; or every step is a pass by itself, of which only the first batch is taken:
            ``"redrawn"`` at every step, or ``"fixed"``, the same at all of them.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        *,
        seed: int,
        purpose: str,
        whole: bool,
        draw: UnlabelledDraw = "passes",
    ) -> None:
        self.count, self.batch_size = count, min(batch_size, count)
        self.seed, self.purpose = seed, purpose
        self.per_pass = steps_of_pass(count, batch_size) if whole else count // self.batch_size
        self.whole, self.draw = whole, draw
        if draw != "passes":
            self.per_pass = 1

    def locate(self, step: int) -> tuple[int, int, int]:
        """Return the pass of this step, and its batch's start and stop in the pass's permutation."""
        number, batch = divmod(step, self.per_pass)
        start = batch * self.batch_size
        last = self.whole and batch == self.per_pass - 1
        return number, start, self.count if last else start + self.batch_size

    def permutation(self, number: int) -> Tensor:
        """Return the (N,) rows of the pool in the order of this pass."""
        drawn = 0 if self.draw == "fixed" else number
        generator = torch.Generator().manual_seed(derive(self.seed, self.purpose, drawn))
        return torch.randperm(self.count, generator=generator)


class DeviceCache:
    """Keep pools' source tensors on the device for as long as the sources are alive."""

    def __init__(self) -> None:
        self._copies: dict[tuple[int, torch.device], tuple[weakref.ref[Tensor], Tensor]] = {}

    def on(self, source: Tensor, device: torch.device) -> Tensor:
        """Return ``source`` on ``device``, moved at the first call only."""
        if source.device == device:
            return source
        self._copies = {key: kept for key, kept in self._copies.items() if kept[0]() is not None}
        key = (id(source), device)
        if key not in self._copies:
            self._copies[key] = (weakref.ref(source), source.to(device))
        return self._copies[key][1]

    def __deepcopy__(self, memo: dict[int, object]) -> DeviceCache:
        return DeviceCache()


def stream(
    pool: Pool, order: Order, steps: range, device: torch.device, cache: DeviceCache, *, workers: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield, for every step, the (B,) rows of its batch and the (B, ...) inputs, both on the device.

    Args:
        pool: Where the items come from.
        order: Which rows belong to which step.
        steps: The steps, ascending by one.
        device: Where batches are wanted.
        cache: Holds tensor pools on the device.
        workers: Processes that load items of a pool that is no tensor; they do not change what is loaded.

    Raises:
        DataError: Items are not tensors or arrays of one shape.
    """
    if pool.resident is not None:
        data, current = cache.on(pool.resident, device), -1
        for number, rows, start, stop in _walk(order, steps):
            if number != current:
                current, on_device, picked = number, rows.to(device), pool.source_rows[rows].to(device)
            yield on_device[start:stop], as_input(data.index_select(0, picked[start:stop]))
        return
    loaded = _loaded(pool, _Plan(order, steps), derive(order.seed, order.purpose, "item"), device, workers)
    for (_, rows, start, stop), batch in zip(_walk(order, steps), loaded, strict=True):
        yield rows[start:stop].to(device), batch


def sequential(
    pool: Pool, batch_size: int, seed: int, device: torch.device, cache: DeviceCache, *, workers: int = 0
) -> Iterator[Tensor]:
    """Yield the inputs of all items in the pool's order, (B, ...) on the device, ``batch_size`` at a time.

    Raises:
        DataError: Items are not tensors or arrays of one shape.
    """
    starts = range(0, len(pool), batch_size)
    if pool.resident is not None:
        data, rows = cache.on(pool.resident, device), pool.source_rows
        for start in starts:
            yield as_input(_taken(data, rows[start : start + batch_size]))
        return
    plan = [[(0, row) for row in range(start, min(start + batch_size, len(pool)))] for start in starts]
    yield from _loaded(pool, plan, derive(seed, "item"), device, workers)


def _taken(data: Tensor, rows: Tensor) -> Tensor:
    first = int(rows[0])
    if torch.equal(rows, torch.arange(first, first + len(rows))):
        return data[first : first + len(rows)]  # a run of rows needs no copy
    return data.index_select(0, rows.to(data.device))


def _walk(order: Order, steps: range) -> Iterator[tuple[int, Tensor, int, int]]:
    """Yield, for every step, its pass, the pass's permutation, and the batch's start and stop in it."""
    current, rows = -1, torch.empty(0, dtype=torch.int64)
    for step in steps:
        number, start, stop = order.locate(step)
        if number != current:
            current, rows = number, order.permutation(number)
        yield number, rows, start, stop


class _Plan:
    """The batches of these steps as lists of (pass, row), for a DataLoader."""

    def __init__(self, order: Order, steps: range) -> None:
        self.order, self.steps = order, steps

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for number, rows, start, stop in _walk(self.order, self.steps):
            yield [(number, row) for row in rows[start:stop].tolist()]


class _SeededItems(Dataset[Any]):  # Any: whatever the user's data set holds
    """A pool's items, each loaded under random states that depend on the pass and the item alone."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.pool, self.seed = pool, seed

    def __len__(self) -> int:
        return len(self.pool)

    def __getitem__(self, index: tuple[int, int]) -> Any:
        number, row = index
        seed_everything(derive(self.seed, number, self.pool.ids[row]))
        try:
            return self.pool[row]
        except DataError as error:  # an image that cannot be decoded; handed over, see below
            return error


def _loaded(
    pool: Pool, plan: _Plan | Sequence[list[tuple[int, int]]], seed: int, device: torch.device, workers: int
) -> Iterator[Tensor]:
    loader: DataLoader[Any] = DataLoader(  # Any: as above
        _SeededItems(pool, seed),
        batch_sampler=plan,
        num_workers=workers,
        collate_fn=_stacked,
        worker_init_fn=_begin_loading,
        pin_memory=device.type == "cuda",
        generator=torch.Generator().manual_seed(seed),
    )
    batches = iter(loader)
    while (batch := _next(batches)) is not None:
        if isinstance(batch, DataError):
            raise batch
        yield as_input(batch.to(device, non_blocking=True))


def _next(batches: Iterator[Any]) -> Any:  # Any: as above
    """Return the next batch or the error that stands for it, None after the last."""
    try:
        return next(batches, None)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise DataError(
            f"a process that loads items was ended from outside ({str(error).strip()}); is the memory large "
            "enough? Fewer num_workers need less"
        ) from error


def _begin_loading(_: int) -> None:
    # torch's own watch trusts whoever is the parent when it begins: a death before that it never sees.
    exit_with_parent()


def _stacked(items: list[Any]) -> Tensor | DataError:
    # The error is handed over and raised in the main process: raised in a worker, it would come with a
    # traceback.
    fault = next((item for item in items if isinstance(item, DataError)), None)
    if fault is not None:
        return fault
    try:
        return torch.stack([_as_tensor(item) for item in items])
    except (RuntimeError, TypeError, ValueError) as error:
        wanted = "expected items that are tensors or arrays of one shape"
        return DataError(f"{wanted}, but could not stack them: {error}")


def _as_tensor(item: Any) -> Tensor:
    # NumPy arrays of decoded images are often read-only, of which torch warns: copy them.
    return torch.from_numpy(item.copy()) if isinstance(item, np.ndarray) else torch.as_tensor(item)
