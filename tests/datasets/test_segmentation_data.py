"""Segmentation data: what fits together is taken, what does not is refused with item and value."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from nextlabel.datasets.segmentation_data import SegmentationData
from nextlabel.errors import DataError
from nextlabel.maths.masks import NO_CLASS, checked_mask, labelled_share


def data(**changes: object) -> SegmentationData:
    rng = np.random.default_rng(0)
    parts = {
        "name": "tiny",
        "x": rng.integers(0, 256, (3, 3, 4, 6), dtype=np.uint8),
        "masks": rng.integers(0, 2, (3, 4, 6), dtype=np.uint8),
        "ids": ("a", "b", "c"),
        "test_x": rng.integers(0, 256, (2, 3, 4, 6), dtype=np.uint8),
        "test_masks": rng.integers(0, 2, (2, 4, 6), dtype=np.uint8),
        "test_ids": ("d", "e"),
        "classes": ("ground", "thing"),
        "ignored": None,
        "licence": "none",
        "source": "a generator",
        "recipe": {},
    }
    return SegmentationData(**{**parts, **changes})


def test_masks_come_by_id_and_know_their_test_part() -> None:
    one = data()
    assert len(one) == 3
    assert one.input_shape == (3, 4, 6)
    assert (one.masks_by_id["b"] == one.masks[1]).all()
    assert (one.test_masks_by_id["e"] == one.test_masks[1]).all()
    assert list(one.masks_by_id) == ["a", "b", "c"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
@pytest.mark.parametrize("ignored", [7, 255])
def test_the_ignored_value_becomes_no_class_whatever_it_is(dtype: type, ignored: int) -> None:
    mask = checked_mask(np.array([[0, ignored], [1, 1]], dtype=dtype), "a", classes=2, ignored=ignored)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, NO_CLASS], [1, 1]]
    assert labelled_share(mask) == 0.75


def test_a_negative_ignored_value_is_understood() -> None:
    mask = checked_mask(np.array([[0, -100], [1, 1]]), "a", classes=2, ignored=-100)
    assert mask.tolist() == [[0, NO_CLASS], [1, 1]]


@pytest.mark.parametrize(
    ("value", "dtype"), [(2, np.uint8), (255, np.uint8), (-1, np.int64), (10**9, np.int64)]
)
def test_a_value_that_is_no_class_is_refused_with_item_and_value(value: int, dtype: type) -> None:
    masks = np.zeros((3, 4, 6), dtype=dtype)
    masks[1, 2, 3] = value
    with pytest.raises(DataError, match=re.escape(f"in [0, 2), but that of item 'b' has {value};")):
        data(masks=masks)
    with pytest.raises(DataError, match="or 9, which is ignored, but that of item 'b'"):
        data(masks=masks, ignored=9)


def test_a_mask_without_any_class_is_refused() -> None:
    masks = np.zeros((3, 4, 6), dtype=np.uint8)
    masks[2] = 255
    with pytest.raises(DataError, match="that of item 'c' holds 255 only"):
        data(masks=masks, ignored=255)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"masks": np.zeros((3, 4, 5), dtype=np.uint8)}, r"same height and width, but they are \(3, 4, 6\)"),
        ({"masks": np.zeros((2, 4, 6), dtype=np.uint8)}, "3 images, 2 masks and 3 ids"),
        ({"masks": np.zeros((3, 4, 6), dtype=np.float32)}, "item 'a' has shape .* and type float32"),
        ({"x": np.zeros((3, 3, 4, 6), dtype=np.float32)}, "must be bytes"),
        ({"test_x": np.zeros((2, 1, 4, 6), dtype=np.uint8)}, "they have 3 and 1"),
        ({"ids": ("a", "b", "d")}, "come more than once: 'd'"),
        ({"classes": ("only",)}, "2 to 255 classes, but has 1"),
        ({"ignored": 1}, "ignores 1, which is 'thing'"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_sentence(changes: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        data(**changes)


class Streamed:
    """Masks of which the second is wrong, read one at a time."""

    shape = (3, 4, 6)
    dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return 3

    def __getitem__(self, row: int) -> np.ndarray:
        return np.full((4, 6), 5 if row == 1 else 0, dtype=np.uint8)


def test_masks_of_a_stream_are_checked_when_they_are_read() -> None:
    one = data(masks=Streamed())
    assert (one.masks_by_id["a"] == 0).all()
    with pytest.raises(DataError, match="item 'b' has 5"):
        one.masks_by_id["b"]
    assert dataclasses.replace(one, name="other").name == "other"
