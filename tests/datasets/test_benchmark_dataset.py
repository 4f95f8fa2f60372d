"""Benchmark data: what fits together is taken, what does not is refused with split, item and value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.errors import DataError
from nextlabel.maths.masks import NO_CLASS, checked_mask
from nextlabel.tasks.classification import Classification
from nextlabel.tasks.regression import Regression
from nextlabel.tasks.segmentation import Segmentation

RNG = np.random.default_rng(0)
IMAGES, MASKS = RNG.integers(0, 256, (5, 3, 4, 6), dtype=np.uint8), RNG.integers(0, 2, (5, 4, 6))


def build(task: Any = None, pool: Any = None, test: Any = None, **changes: Any) -> BenchmarkDataset:
    own = Split(np.zeros((3, 1, 2, 2), np.uint8), np.array([0, 1, 1]), ("a", "b", "c"))
    held = Split(np.zeros((2, 1, 2, 2), np.uint8), np.array([1, 0]), ("d", "e"))
    return BenchmarkDataset(
        name="toy",
        task=task or Classification(("no", "yes")),
        pool=Split(**vars(own) | (pool or {})),
        test=Split(**vars(held) | (test or {})),
        licence="CC0",
        source="made by hand",
        training_defaults={},
        **changes,
    )


def masked(task: Any = None, pool: Any = None, test: Any = None) -> BenchmarkDataset:
    return build(
        task or Segmentation(("ground", "thing"), ignored=None),
        {"x": IMAGES[:3], "y": MASKS[:3], **(pool or {})},
        {"x": IMAGES[3:], "y": MASKS[3:], **(test or {})},
    )


def test_a_fitting_data_set_knows_its_size_the_shape_of_an_item_and_its_classes() -> None:
    data = build()
    assert len(data) == len(data.pool) == 3
    assert data.input_shape == (1, 2, 2)
    assert data.classes == ("no", "yes")
    assert list(data.splits()) == ["pool", "test"]


def test_labels_are_in_the_form_of_the_ledger_by_id(tmp_path: Path) -> None:
    data = build()
    assert data.labels(data.test) == {"d": 1, "e": 0}
    values = build(
        Regression(), {"y": np.array([0.5, 2.0, -1.0])}, {"y": np.array([1.0, 2.0], dtype=np.float32)}
    )
    assert values.labels(values.pool) == {"a": 0.5, "b": 2.0, "c": -1.0}
    masks = masked()
    labels = masks.labels(masks.pool)
    assert list(labels) == ["a", "b", "c"]
    assert labels["b"].startswith("rle:4x6:")
    assert np.array_equal(masks.task.decode(labels["b"]), MASKS[1])


def test_masks_in_files_are_paths_that_are_read_when_they_are_needed(tmp_path: Path) -> None:
    for number, item in enumerate("abc"):
        Image.fromarray(np.full((4, 6), 5 if item == "b" else number % 2, np.uint8)).save(
            tmp_path / f"{item}.png"
        )
    task = Segmentation(("ground", "thing"), root=tmp_path)
    data = masked(task, {"y": tuple(tmp_path / f"{item}.png" for item in "abc")})
    labels = data.labels(data.pool)
    assert dict(labels) == {item: f"{item}.png" for item in "abc"}
    targets = task.targets(labels)
    assert (targets[0] == 0).all()
    with pytest.raises(DataError, match=r"item 'b' must hold .*, got 5"):
        targets[1]


def test_an_id_shared_by_pool_and_test_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"more than once: 'b'$"):
        build(test={"ids": ("d", "b")})


def test_an_id_that_occurs_twice_in_the_pool_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"more than once: 'a'$"):
        build(pool={"ids": ("a", "a", "c")})


@pytest.mark.parametrize(("label", "item"), [(2, "c"), (-1, "c")])
def test_a_label_outside_the_classes_names_its_item(label: int, item: str) -> None:
    with pytest.raises(DataError, match=rf"\[0, 2\), got {label} for item '{item}'"):
        build(pool={"y": np.array([0, 1, label])})


def test_a_number_that_is_not_finite_names_its_split_and_item() -> None:
    x = np.zeros((2, 1, 2, 2), np.float32)
    x[1, 0, 1, 0] = np.nan
    with pytest.raises(
        DataError, match="test items of the data set 'toy': inputs must be finite, but item 'e'"
    ):
        build(pool={"x": np.zeros((3, 1, 2, 2), np.float32)}, test={"x": x})
    with pytest.raises(DataError, match="must be finite, got nan for item 'c'"):
        build(Regression(), {"y": np.array([0.5, 2.0, np.nan])}, {"y": np.zeros(2)})


@pytest.mark.parametrize("change", [{"y": np.array([0, 1])}, {"ids": ("a", "b")}])
def test_a_pool_whose_parts_differ_in_length_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(
        DataError, match="pool items of the data set 'toy': there must be at least one, with one label"
    ):
        build(pool=change)


def test_an_empty_test_split_is_refused() -> None:
    empty = {"x": np.zeros((0, 1, 2, 2), np.uint8), "y": np.zeros(0, np.int64), "ids": ()}
    with pytest.raises(DataError, match="test items of the data set 'toy': there must be at least one"):
        build(test=empty)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": np.zeros((3, 1, 2, 2))}, "uint8 or float32, got float64"),
        ({"y": np.array([0, 1, 1], np.int32)}, "int64 class indices, got .* of int32"),
        ({"y": np.zeros((3, 1), np.int64)}, r"got \(3, 1\) of int64"),
        ({"y": (Path("a"), Path("b"), Path("c"))}, "class indices, got tuple"),
    ],
)
def test_other_types_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        build(pool=change)


def test_pool_and_test_items_of_different_shape_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"the pool's shape and type, \(1, 2, 2\) uint8, got \(1, 3, 3\) uint8"
    ):
        build(test={"x": np.zeros((2, 1, 3, 3), np.uint8)})


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("ignored", [7, 255])
def test_the_ignored_value_becomes_no_class_whatever_it_is(dtype: type, ignored: int) -> None:
    mask = checked_mask(np.array([[0, ignored], [1, 1]], dtype=dtype), "a", classes=2, ignored=ignored)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, NO_CLASS], [1, 1]]


def test_a_negative_ignored_value_is_understood() -> None:
    mask = checked_mask(np.array([[0, -100], [1, 1]]), "a", classes=2, ignored=-100)
    assert mask.tolist() == [[0, NO_CLASS], [1, 1]]


@pytest.mark.parametrize(
    ("value", "dtype"), [(2, np.uint8), (255, np.uint8), (-1, np.int64), (10**9, np.int64)]
)
def test_a_value_that_is_no_class_is_refused_with_item_and_value(value: int, dtype: type) -> None:
    masks = np.zeros((3, 4, 6), dtype=dtype)
    masks[1, 2, 3] = value
    with pytest.raises(
        DataError, match=re.escape(f"item 'b' must hold class indices in [0, 2), got {value};")
    ):
        masked(pool={"y": masks})
    with pytest.raises(DataError, match=r"item 'b' must .* or the ignored value 9, got"):
        masked(Segmentation(("ground", "thing"), ignored=9), {"y": masks})


def test_a_mask_without_any_class_is_refused() -> None:
    masks = np.zeros((3, 4, 6), dtype=np.uint8)
    masks[2] = 255
    with pytest.raises(DataError, match=r"item 'c' must .* got only the ignored value 255; leave"):
        masked(Segmentation(("ground", "thing")), {"y": masks})


@pytest.mark.parametrize(
    ("pool", "sentence"),
    [
        ({"y": np.zeros((3, 4, 5), np.uint8)}, r"height and width of their images, \(4, 6\), got \(4, 5\)"),
        ({"y": np.zeros((2, 4, 6), np.uint8)}, "3 inputs, 2 labels and 3 ids"),
        ({"y": np.zeros((3, 4, 6), np.float32)}, "item 'a' must .* got shape .* and type float32"),
        ({"x": np.zeros((3, 3, 4, 6), np.float32)}, "uint8, got .* of float32"),
        ({"ids": ("a", "b", "d")}, "more than once: 'd'"),
    ],
)
def test_masks_that_do_not_fit_are_refused_in_one_sentence(pool: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        masked(pool=pool)
