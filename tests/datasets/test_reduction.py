"""Validation parts and smaller pools: which items go where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from published import encoded, noise

from nextlabel.datasets.images import StreamedImages
from nextlabel.datasets.labelled_data import LabelledData, Split
from nextlabel.datasets.reduction import read_whole, reduced
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.seeds import derive


def whole(x: Any = None, **changes: Any) -> LabelledData:
    parts: dict[str, Any] = {
        "name": "toy",
        "x": np.arange(20, dtype=np.uint8)[:, None] if x is None else x,
        "y": np.arange(20, dtype=np.int64) % 3,
        "ids": tuple(f"p{row}" for row in range(20)),
        "test_x": np.zeros((10, 1), np.uint8) if x is None else x.take(range(10)),
        "test_y": np.zeros(10, np.int64),
        "test_ids": tuple(f"t{row}" for row in range(10)),
        "classes": ("a", "b", "c"),
        "licence": "CC0",
        "source": "made by hand",
        "recipe": {},
    }
    return LabelledData(**parts | changes)


def first(ids: tuple[str, ...], count: int, purpose: str, seed: int = 0) -> set[str]:
    return set(sorted(ids, key=lambda item: derive(seed, purpose, item))[:count])


def test_the_validation_items_are_those_of_the_smallest_derived_seeds_and_leave_the_pool() -> None:
    data, full = reduced(whole(), validation=5, seed=3), whole()
    held = first(full.ids, 5, "validation", seed=3)
    assert data.validation is not None
    assert set(data.validation.ids) == held
    assert data.ids == tuple(item for item in full.ids if item not in held)
    for part in (data.validation, Split(data.x, data.y, data.ids)):
        rows = [full.ids.index(item) for item in part.ids]
        assert np.array_equal(part.x, full.x[rows])
        assert part.y.tolist() == [row % 3 for row in rows]


def test_a_smaller_pool_lies_in_every_larger_one_and_is_drawn_from_what_validation_leaves() -> None:
    pools = [reduced(whole(), validation=0.25, pool=count).ids for count in (5, 10, 15)]
    assert [len(pool) for pool in pools] == [5, 10, 15]
    assert set(pools[0]) < set(pools[1]) < set(pools[2])
    assert set(pools[0]) == first(pools[2], 5, "pool")


def test_shares_are_of_the_part_that_they_reduce() -> None:
    data = reduced(whole(), validation=0.5, pool=0.5, test=0.2)
    assert (len(data.validation.ids), len(data), len(data.test_ids)) == (10, 5, 2)  # type: ignore[union-attr]
    assert set(data.test_ids) == first(whole().test_ids, 2, "test")


def test_a_whole_data_set_is_not_copied() -> None:
    data = whole()
    assert reduced(data, validation=0, pool=1.0, test=10).x is data.x
    assert reduced(data).validation is None


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("validation", 20, "validation as a count from 0 to 19 or as a fraction of 20 items, but got 20"),
        ("validation", 1.0, "validation as a count from 0 to 19"),
        ("validation", -1, "but got -1"),
        ("validation", True, "but got True"),
        ("pool", 0, "pool as a count from 1 to 20 or as a fraction of 20 items, but got 0"),
        ("pool", 21, "but got 21"),
        ("pool", 1.5, "but got 1.5"),
        ("test", "half", "test as a count from 1 to 10 or as a fraction of 10 items, but got 'half'"),
    ],
)
def test_a_count_that_cannot_be_had_is_refused(option: str, value: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the data set 'toy' needs .*{said}"):
        reduced(whole(), **{option: value})  # type: ignore[arg-type]


def streamed(count: int = 20) -> StreamedImages:
    ids = tuple(f"p{row}" for row in range(count))
    return StreamedImages([encoded(noise(row, 4, 5, 3), "PNG") for row in range(count)], ids, (4, 5))


def test_streamed_images_are_reduced_without_being_read_and_read_whole_on_demand() -> None:
    data = reduced(whole(streamed()), validation=4, pool=6, test=2)
    assert isinstance(data.x, StreamedImages)
    assert data.input_shape == (3, 4, 5)
    read = read_whole(data)
    assert isinstance(read.x, np.ndarray)
    assert read.x.shape == (6, 3, 4, 5)
    assert read.validation is not None
    for row, item in enumerate(read.ids):
        assert np.array_equal(read.x[row], noise(int(item[1:]), 4, 5, 3).transpose(2, 0, 1))
        assert np.array_equal(read.x[row], data.x[row])


def test_a_validation_part_of_another_shape_or_with_an_id_of_the_pool_is_refused() -> None:
    y = np.zeros(1, np.int64)
    with pytest.raises(DataError, match="pool and validation items of one shape and type"):
        whole(validation=Split(np.zeros((1, 2), np.uint8), y, ("v",)))
    with pytest.raises(DataError, match="more than once: 'p3'"):
        whole(validation=Split(np.zeros((1, 1), np.uint8), y, ("p3",)))
