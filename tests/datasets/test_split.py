from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.datasets.reduction import stratified_test_rows
from nextlabel.errors import DataError
from nextlabel.seeds import derive


def names(n: int) -> list[str]:
    return [f"item-{row}" for row in range(n)]


def test_rows_left_over_by_rounding_go_to_the_largest_remainders() -> None:
    y = np.array([0] * 5 + [1] * 3 + [2] * 2)  # 4 of 10: shares 2.0, 1.2 and 0.8
    rows = stratified_test_rows(y, names(10), 4)
    assert np.bincount(y[rows]).tolist() == [2, 1, 1]


def test_equal_remainders_favour_the_lower_class() -> None:
    y = np.array([0, 0, 1, 1])  # 1 of 4: both shares are 0.5
    assert y[stratified_test_rows(y, names(4), 1)].tolist() == [0]


def test_within_a_class_the_smallest_derived_seeds_are_taken() -> None:
    y = np.array([0, 1, 0, 1, 0, 0])
    rows = stratified_test_rows(y, names(6), 3, seed=5)
    zeros = sorted([0, 2, 4, 5], key=lambda row: derive(5, "test", f"item-{row}"))[:2]
    ones = sorted([1, 3], key=lambda row: derive(5, "test", f"item-{row}"))[:1]
    assert rows.tolist() == sorted(zeros + ones)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.data())
def test_the_split_is_distinct_of_its_size_and_fair_to_within_one_item_a_class(
    labels: list[int], data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, len(labels) - 1))
    y = np.array(labels)
    rows = stratified_test_rows(y, names(len(y)), size)
    assert len(set(rows.tolist())) == size
    drawn = np.bincount(y[rows], minlength=5)
    fair = size * np.bincount(y, minlength=5) / len(y)
    assert (np.abs(drawn - fair) < 1).all()


@given(st.permutations(range(12)))
def test_the_items_drawn_do_not_depend_on_their_order(order: list[int]) -> None:
    y, ids = np.arange(12) % 3, names(12)
    expected = {ids[row] for row in stratified_test_rows(y, ids, 6)}
    shuffled = [ids[row] for row in order]
    assert {shuffled[row] for row in stratified_test_rows(y[order], shuffled, 6)} == expected


@pytest.mark.parametrize("size", [0, -1, 4, 5])
def test_a_size_that_leaves_one_part_empty_is_refused(size: int) -> None:
    with pytest.raises(DataError, match=rf"1 to 3 of the 4 items, got size {size}"):
        stratified_test_rows(np.array([0, 0, 1, 1]), names(4), size)
