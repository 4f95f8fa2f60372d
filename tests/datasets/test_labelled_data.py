from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.errors import DataError


def build(**changes: Any) -> LabelledData:
    parts: dict[str, Any] = {
        "name": "toy",
        "x": np.zeros((3, 1, 2, 2), np.uint8),
        "y": np.array([0, 1, 1]),
        "ids": ("a", "b", "c"),
        "test_x": np.zeros((2, 1, 2, 2), np.uint8),
        "test_y": np.array([1, 0]),
        "test_ids": ("d", "e"),
        "classes": ("no", "yes"),
        "licence": "CC0",
        "source": "made by hand",
        "recipe": {},
    }
    return LabelledData(**parts | changes)


def test_a_fitting_data_set_knows_its_size_and_the_shape_of_an_item() -> None:
    data = build()
    assert len(data) == 3
    assert data.input_shape == (1, 2, 2)


def test_an_id_shared_by_pool_and_test_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"more than once: 'b'$"):
        build(test_ids=("d", "b"))


def test_an_id_that_comes_twice_in_the_pool_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"more than once: 'a'$"):
        build(ids=("a", "a", "c"))


@pytest.mark.parametrize(("label", "item"), [(2, "c"), (-1, "c")])
def test_a_label_outside_the_classes_names_its_item(label: int, item: str) -> None:
    with pytest.raises(DataError, match=rf"\[0, 2\), but item '{item}' has {label}"):
        build(y=np.array([0, 1, label]))


def test_a_number_that_is_not_finite_names_its_part_and_item() -> None:
    x = np.zeros((2, 1, 2, 2), np.float32)
    x[1, 0, 1, 0] = np.nan
    with pytest.raises(DataError, match="test inputs of the data set 'toy' must be finite, but item 'e'"):
        build(x=np.zeros((3, 1, 2, 2), np.float32), test_x=x)


@pytest.mark.parametrize(
    "change",
    [{"y": np.array([0, 1])}, {"ids": ("a", "b")}, {"y": np.zeros((3, 1), np.int64)}],
)
def test_a_pool_whose_parts_differ_in_length_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(
        DataError, match="pool items of the data set 'toy' must be at least one, with one label"
    ):
        build(**change)


def test_an_empty_test_part_is_refused() -> None:
    empty = {"test_x": np.zeros((0, 1, 2, 2), np.uint8), "test_y": np.zeros(0, np.int64), "test_ids": ()}
    with pytest.raises(DataError, match="test items of the data set 'toy' must be at least one"):
        build(**empty)


@pytest.mark.parametrize("change", [{"x": np.zeros((3, 1, 2, 2))}, {"y": np.array([0, 1, 1], np.int32)}])
def test_other_number_types_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="must be uint8 or float32 with int64 labels, but are"):
        build(**change)


def test_pool_and_test_items_of_different_shape_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"one shape and type, but they are \(1, 2, 2\) uint8 and \(1, 3, 3\) uint8"
    ):
        build(test_x=np.zeros((2, 1, 3, 3), np.uint8))
