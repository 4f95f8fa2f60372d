"""Validation parts and smaller pools: which items go where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from published import encoded, noise

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.catalogue import DATASETS, reducible
from nextlabel.datasets.images import StreamedImages
from nextlabel.datasets.reduction import read_whole, reduced
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.seeds import derive
from nextlabel.tasks.classification import Classification


def whole(x: Any = None, **changes: Any) -> BenchmarkDataset:
    inputs = np.arange(20, dtype=np.uint8)[:, None] if x is None else x
    tested = np.zeros((10, 1), np.uint8) if x is None else x.take(range(10))
    pool = Split(inputs, np.arange(20, dtype=np.int64) % 3, tuple(f"p{row}" for row in range(20)))
    return BenchmarkDataset(
        name="toy",
        task=Classification(("a", "b", "c")),
        pool=pool,
        test=Split(tested, np.zeros(10, np.int64), tuple(f"t{row}" for row in range(10))),
        licence="CC0",
        source="made by hand",
        training_defaults={},
        **changes,
    )


def first(ids: tuple[str, ...], count: int, purpose: str, seed: int = 0) -> set[str]:
    return set(sorted(ids, key=lambda item: derive(seed, purpose, item))[:count])


def test_the_validation_items_are_those_of_the_smallest_derived_seeds_and_leave_the_pool() -> None:
    data, full = reduced(whole(), validation=5, split_seed=3), whole()
    held = first(full.pool.ids, 5, "validation", seed=3)
    assert data.validation is not None
    assert set(data.validation.ids) == held
    assert data.pool.ids == tuple(item for item in full.pool.ids if item not in held)
    for part in (data.validation, data.pool):
        rows = [full.pool.ids.index(item) for item in part.ids]
        assert np.array_equal(part.x, full.pool.x[rows])
        assert part.y.tolist() == [row % 3 for row in rows]


def test_a_smaller_pool_lies_in_every_larger_one_and_is_drawn_from_what_validation_leaves() -> None:
    pools = [reduced(whole(), validation=0.25, pool=count).pool.ids for count in (5, 10, 15)]
    assert [len(pool) for pool in pools] == [5, 10, 15]
    assert set(pools[0]) < set(pools[1]) < set(pools[2])
    assert set(pools[0]) == first(pools[2], 5, "pool")


def test_fractions_are_of_the_part_that_they_reduce() -> None:
    data = reduced(whole(), validation=0.5, pool=0.5, test=0.2)
    assert (len(data.validation.ids), len(data), len(data.test.ids)) == (10, 5, 2)  # type: ignore[union-attr]
    assert set(data.test.ids) == first(whole().test.ids, 2, "test")


def test_a_whole_data_set_is_not_copied() -> None:
    data = whole()
    assert reduced(data, validation=0, pool=1.0, test=10).pool.x is data.pool.x
    assert reduced(data).validation is None


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("validation", 20, "must be a count from 0 to 19 or a fraction of 20 items, got 20"),
        ("validation", 1.0, "must be a count from 0 to 19"),
        ("validation", -1, "got -1"),
        ("validation", True, "got True"),
        ("pool", 0, "must be a count from 1 to 20 or a fraction of 20 items, got 0"),
        ("pool", 21, "got 21"),
        ("pool", 1.5, "got 1.5"),
        ("pool", 0.01, "got 0.01"),  # of 20 items, none
        ("test", "half", "must be a count from 1 to 10 or a fraction of 10 items, got 'half'"),
    ],
)
def test_a_count_that_cannot_be_had_is_refused(option: str, value: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{option} of the data set 'toy' .*{said}"):
        reduced(whole(), **{option: value})  # type: ignore[arg-type]


def streamed(count: int = 20) -> StreamedImages:
    ids = tuple(f"p{row}" for row in range(count))
    return StreamedImages([encoded(noise(row, 4, 5, 3), "PNG") for row in range(count)], ids, (4, 5))


def test_streamed_images_are_reduced_without_being_read_and_read_whole_on_demand() -> None:
    data = reduced(whole(streamed()), validation=4, pool=6, test=2)
    assert isinstance(data.pool.x, StreamedImages)
    assert data.input_shape == (3, 4, 5)
    read = read_whole(data)
    assert isinstance(read.pool.x, np.ndarray)
    assert read.pool.x.shape == (6, 3, 4, 5)
    assert read.validation is not None
    for row, item in enumerate(read.pool.ids):
        assert np.array_equal(read.pool.x[row], noise(int(item[1:]), 4, 5, 3).transpose(2, 0, 1))
        assert np.array_equal(read.pool.x[row], data.pool.x[row])


def test_a_validation_part_of_another_shape_or_with_an_id_of_the_pool_is_refused() -> None:
    y = np.zeros(1, np.int64)
    with pytest.raises(DataError, match=r"validation items .* the pool's shape and type"):
        whole(validation=Split(np.zeros((1, 2), np.uint8), y, ("v",)))
    with pytest.raises(DataError, match="more than once: 'p3'"):
        whole(validation=Split(np.zeros((1, 1), np.uint8), y, ("p3",)))


def test_a_loader_gets_the_options_that_it_names_and_the_reduction_the_others() -> None:
    seen = []

    def load(*, test: float = 0.5, split_seed: int = 0) -> BenchmarkDataset:
        seen.append((test, split_seed))
        return whole()

    data = reducible(load)(test=0.25, pool=5, split_seed=3)
    assert seen == [(0.25, 3)]
    assert (len(data.pool), len(data.test)) == (5, 10)
    assert data.pool.ids == reduced(whole(), pool=5, split_seed=3).pool.ids


def test_a_data_set_that_is_to_lie_in_memory_is_read_after_it_was_reduced() -> None:
    data = reducible(lambda: whole(streamed(), in_memory=True))(pool=2, test=1)
    assert isinstance(data.pool.x, np.ndarray)
    assert (data.pool.x.shape, data.test.x.shape) == ((2, 3, 4, 5), (1, 3, 4, 5))


def test_every_registered_data_set_takes_the_options_of_the_reduction() -> None:
    for card in DATASETS:
        DATASETS.check_options(card.name, {"validation": 0.1, "pool": 10, "split_seed": 1, "test": 1})
    assert len(DATASETS.create("digits", pool=100, test=0.5)) == 100
    with pytest.raises(ConfigurationError, match="not found: 'pol'; did you mean 'pool'"):
        DATASETS.create("digits", pol=100)
