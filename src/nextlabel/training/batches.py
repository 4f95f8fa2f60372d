"""Batches of a pool: which items belong to which step, and their inputs on the device.

The order is a function of seed and step, so a training run can continue from any step. Tensor pools stay
resident on the device and are sliced there; other pools come through a DataLoader.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
    """Return the steps of a pass over L items, both at least 1; a remainder of 1 joins the last batch."""
    full, rest = divmod(labelled, min(batch, labelled))
    return full + (rest > 1)


@dataclass
class Order:
    """Which rows belong to which step: a new random permutation for every pass, cut into batches.

    Attributes:
        count: N, the rows of the pool, at least 1.
        batch_size: B, the rows of a batch, reduced to N.
        seed: Pass p is ordered by ``derive(seed, purpose, p)``.
        purpose: What the batches are for.
        whole: Whether a pass takes every row. Then its last batch may be shorter, and a single remaining row
            joins the batch before, as batch norm cannot normalise one item. Otherwise the remainder is left
            out, and every batch has min(B, N) rows.
        draw: ``"passes"``; or every step is a pass of its own, of which only the first batch is taken: a new
            one at every step (``"redrawn"``) or always the same (``"fixed"``).
    """

    count: int
    batch_size: int
    seed: int
    purpose: str
    whole: bool
    draw: UnlabelledDraw = "passes"

    def __post_init__(self) -> None:
        count, size = self.count, min(self.batch_size, self.count)
        steps = steps_of_pass(count, size) if self.whole else count // size
        self.batch_size, self.per_pass = size, steps if self.draw == "passes" else 1

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

    def batches(self, steps: range) -> Iterator[tuple[int, Tensor, slice]]:
        """Yield, for every step, its pass, the pass's permutation, and the batch's place in it."""
        current, rows = -1, torch.empty(0, dtype=torch.int64)
        for number, start, stop in map(self.locate, steps):
            if number != current:
                current, rows = number, self.permutation(number)
            yield number, rows, slice(start, stop)


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
        pool: The items.
        order: Which rows belong to which step.
        steps: The steps, ascending by one.
        device: Where batches are wanted.
        cache: Holds tensor pools on the device.
        workers: Processes that load the items of other pools; their number does not change what is loaded.

    Raises:
        DataError: Items are not tensors or arrays of one shape.
    """
    if pool.resident is not None:
        data, current = cache.on(pool.resident, device), -1
        for number, rows, batch in order.batches(steps):
            if number != current:
                current, on_device, picked = number, rows.to(device), pool.source_rows[rows].to(device)
            yield on_device[batch], as_input(data.index_select(0, picked[batch]))
        return
    plan = ([(number, row) for row in rows[batch].tolist()] for number, rows, batch in order.batches(steps))
    loaded = _load(pool, plan, derive(order.seed, order.purpose, "item"), device, workers)
    for (_, rows, batch), inputs in zip(order.batches(steps), loaded, strict=True):
        yield rows[batch].to(device), inputs


def sequential(
    pool: Pool, batch_size: int, seed: int, device: torch.device, cache: DeviceCache, *, workers: int = 0
) -> Iterator[Tensor]:
    """Yield the inputs of all items in the pool's order, (B, ...) on the device; else as :func:`stream`."""
    starts = range(0, len(pool), batch_size)
    if pool.resident is not None:
        data = cache.on(pool.resident, device)
        for start in starts:
            rows = pool.source_rows[start : start + batch_size]
            first, stop = int(rows[0]), int(rows[0]) + len(rows)
            adjacent = torch.equal(rows, torch.arange(first, stop))  # then a slice saves a copy
            yield as_input(data[first:stop] if adjacent else data.index_select(0, rows.to(data.device)))
        return
    plan = ([(0, row) for row in range(start, min(start + batch_size, len(pool)))] for start in starts)
    yield from _load(pool, plan, derive(seed, "item"), device, workers)


class _SeededItems(Dataset[Any]):  # Any: whatever the user's data set holds
    """A pool's items, each loaded under random states that depend on the pass and the item alone."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.pool, self.seed = pool, seed

    def __getitem__(self, index: tuple[int, int]) -> Any:
        number, row = index
        seed_everything(derive(self.seed, number, self.pool.ids[row]))
        try:
            return self.pool[row]
        except DataError as error:  # an image that cannot be decoded, see _stack
            return error


def _load(
    pool: Pool, plan: Iterable[list[tuple[int, int]]], seed: int, device: torch.device, workers: int
) -> Iterator[Tensor]:
    """Yield the inputs of batches that are given as lists of (pass, row)."""
    loader: DataLoader[Any] = DataLoader(  # Any: as above
        _SeededItems(pool, seed),
        batch_sampler=plan,
        num_workers=workers,
        collate_fn=_stack,
        worker_init_fn=_init_worker,
        pin_memory=device.type == "cuda",
        generator=torch.Generator().manual_seed(seed),
    )
    try:
        for batch in loader:
            if isinstance(batch, DataError):
                raise batch
            yield as_input(batch.to(device, non_blocking=True))
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise DataError(
            f"a process that loads items was killed ({str(error).strip()}; out of memory?); use fewer "
            "num_workers"
        ) from error


def _init_worker(_: int) -> None:
    # torch's own watch trusts whoever is the parent when it starts: it misses a death before that.
    exit_with_parent()


def _stack(items: list[Any]) -> Tensor | DataError:
    # An error is returned, and raised in the main process: raised in a worker, it would carry a traceback.
    fault = next((item for item in items if isinstance(item, DataError)), None)
    if fault is not None:
        return fault
    try:  # NumPy arrays of decoded images are often read-only, of which torch warns: copy them
        return torch.stack(
            [torch.as_tensor(item.copy() if isinstance(item, np.ndarray) else item) for item in items]
        )
    except (RuntimeError, TypeError, ValueError) as error:
        return DataError(f"items must be tensors or arrays of one shape, got some that do not stack: {error}")
