"""Which rows come at which step, and how they come to the device."""

from __future__ import annotations

import gc
import random
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.errors import DataError
from nextlabel.pool import Pool
from nextlabel.training.batches import DeviceCache, Order, as_input, sequential, stream

CPU = torch.device("cpu")


class Listed:
    """A map-style data set over a list."""

    def __init__(self, items):
        self.items = list(items)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def rows_of_pass(order, number):
    rows = []
    for step in range(number * order.per_pass, (number + 1) * order.per_pass):
        where, start, stop = order.locate(step)
        assert where == number
        rows.append(order.permutation(number)[start:stop].tolist())
    return rows


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3))
def test_a_whole_pass_holds_every_row_once_and_no_lonely_last_one(count, size, number):
    order = Order(count, size, seed=0, purpose="order", whole=True)
    batches = rows_of_pass(order, number)
    assert sorted(chain(*batches)) == list(range(count))
    if size > 1 and count > 1:
        assert min(map(len, batches)) > 1
        assert max(map(len, batches)) <= size + 1


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3))
def test_other_passes_hold_full_batches_of_distinct_rows(count, size, number):
    batches = rows_of_pass(Order(count, size, seed=0, purpose="unlabelled", whole=False), number)
    assert {len(batch) for batch in batches} == {min(count, size)}
    flat = list(chain(*batches))
    assert len(set(flat)) == len(flat) > count - min(count, size)


def test_a_last_batch_of_one_joins_the_batch_before():
    batches = rows_of_pass(Order(9, 4, seed=0, purpose="order", whole=True), 0)
    assert [len(batch) for batch in batches] == [4, 5]


def test_passes_seeds_and_purposes_have_their_own_orders():
    order = Order(30, 10, seed=0, purpose="order", whole=True)
    others = [
        order.permutation(1),
        Order(30, 10, seed=1, purpose="order", whole=True).permutation(0),
        Order(30, 10, seed=0, purpose="unlabelled", whole=True).permutation(0),
    ]
    assert all(not torch.equal(order.permutation(0), other) for other in others)
    assert torch.equal(order.permutation(0), Order(30, 4, seed=0, purpose="order", whole=True).permutation(0))


@pytest.mark.parametrize("kind", ["tensor", "data set"])
@pytest.mark.parametrize("first", [0, 4])
def test_a_stream_gives_rows_and_their_items_from_any_step_on(kind, first):
    values = torch.arange(14.0).view(7, 2)
    source = values if kind == "tensor" else Listed(values)
    pool = Pool(source, [f"i{row}" for row in range(7)]).subset([f"i{row}" for row in (6, 2, 0, 5, 3)])
    order = Order(5, 2, seed=0, purpose="order", whole=True)
    whole = list(stream(pool, order, range(0, 9), CPU, DeviceCache()))
    part = list(stream(pool, order, range(first, 9), CPU, DeviceCache()))
    assert len(whole) == 9
    for rows, batch in whole:
        assert torch.equal(batch, pool.tensor()[rows])
    for (rows, batch), (rows_then, batch_then) in zip(whole[first:], part, strict=True):
        assert torch.equal(rows, rows_then)
        assert torch.equal(batch, batch_then)


@pytest.mark.parametrize("kind", ["tensor", "data set"])
def test_items_come_one_after_the_other_in_the_pools_order(kind):
    values = torch.arange(20.0).view(10, 2)
    source = values if kind == "tensor" else Listed(values)
    pool = Pool(source, [f"i{row}" for row in range(10)]).subset([f"i{row}" for row in (1, 2, 3, 9, 0)])
    batches = list(sequential(pool, 3, 0, CPU, DeviceCache()))
    assert [len(batch) for batch in batches] == [3, 2]
    assert torch.equal(torch.cat(batches), pool.tensor())


class Noisy(Listed):
    """A data set that draws from every global generator while it loads an item."""

    def __getitem__(self, index):
        noise = torch.rand(1).item() + float(np.random.random()) + random.random()
        return torch.tensor([float(index), noise])


def test_randomness_in_a_data_set_depends_on_the_pass_and_the_item_only():
    pool = Pool(Noisy(range(6)), [f"i{row}" for row in range(6)])
    order = Order(6, 4, seed=0, purpose="order", whole=True)

    def noises(steps):
        drawn = {}
        for step, (rows, batch) in zip(steps, stream(pool, order, steps, CPU, DeviceCache()), strict=True):
            for row, item in zip(rows.tolist(), batch.tolist(), strict=True):
                drawn[(order.locate(step)[0], row)] = item[1]
        return drawn

    whole, part = noises(range(0, 4)), noises(range(3, 4))
    assert part.items() <= whole.items()
    assert len(set(whole.values())) == 12


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (torch.tensor([0, 51, 255], dtype=torch.uint8), torch.tensor([0.0, 0.2, 1.0])),
        (torch.tensor([1.5], dtype=torch.float64), torch.tensor([1.5])),
        (torch.tensor([1.5]), torch.tensor([1.5])),
        (torch.tensor([7]), torch.tensor([7])),
    ],
)
def test_inputs_have_one_documented_scale(batch, expected):
    made = as_input(batch)
    assert made.dtype == expected.dtype
    torch.testing.assert_close(made, expected)


def test_read_only_arrays_can_be_items():
    array = np.ones(3, dtype=np.float32)
    array.flags.writeable = False
    pool = Pool(Listed([array, array]), ["a", "b"])
    assert torch.equal(next(sequential(pool, 2, 0, CPU, DeviceCache())), torch.ones(2, 3))


@pytest.mark.parametrize("items", [[torch.ones(2), torch.ones(3)], ["text", "more"]])
def test_items_that_do_not_stack_are_refused(items):
    with pytest.raises(DataError, match="tensors or arrays of one shape"):
        next(sequential(Pool(Listed(items), ["a", "b"]), 2, 0, CPU, DeviceCache()))


def test_a_source_is_moved_once_and_let_go_with_the_source():
    cache, device = DeviceCache(), torch.device("meta")
    source, other = torch.ones(3), torch.ones(3)
    moved = cache.on(source, device)
    assert moved.device.type == "meta"
    assert cache.on(source, device) is moved
    assert cache.on(other, device) is not moved
    del source
    gc.collect()
    cache.on(other, device)
    assert len(cache._copies) == 1
    assert cache.on(other, CPU) is other


class Damaged(Listed):
    """Its last item is one that the data set itself cannot read."""

    def __getitem__(self, index):
        if index == len(self) - 1:
            raise DataError("expected an image as item 'c', but it cannot be decoded")
        return super().__getitem__(index)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 1])
def test_an_item_that_cannot_be_read_is_one_sentence_from_a_worker_process_too(workers):
    pool = Pool(Damaged([np.zeros(2, np.float32)] * 3), ["a", "b", "c"])
    with pytest.raises(DataError) as error:
        list(sequential(pool, 2, 0, CPU, DeviceCache(), workers=workers))
    assert str(error.value) == "expected an image as item 'c', but it cannot be decoded"
