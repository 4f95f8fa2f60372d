"""Promises of the greedy choices."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.maths.greedy import draw_row, farthest_first, kmeans_plus_plus


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def line(*positions):
    points = torch.tensor(positions, dtype=torch.float64)
    return lambda row: (points - points[row]).square()


def test_farthest_first_goes_to_the_end_and_then_to_the_middle():
    nearest = line(0, 1, 5, 9, 10)(0)
    assert farthest_first(line(0, 1, 5, 9, 10), nearest, 3).tolist() == [4, 2, 1]


def test_ties_go_to_the_lowest_row_and_no_row_comes_twice():
    same = line(3, 3, 3)
    assert farthest_first(same, same(0), 3).tolist() == [0, 1, 2]


def test_a_given_first_row_comes_first():
    assert farthest_first(line(0, 1, 5), torch.full((3,), torch.inf), 2, first=2).tolist() == [2, 0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20).filter(any), st.integers(0, 2**32))
def test_a_row_of_weight_zero_is_never_drawn(weights, seed):
    assert weights[draw_row(torch.tensor(weights, dtype=torch.float64), rng=rng(seed))] > 0


def test_rows_are_drawn_in_proportion_to_their_weights():
    generator, weights = rng(), torch.tensor([1.0, 0.0, 3.0])
    counts = Counter(draw_row(weights, rng=generator) for _ in range(2000))
    deviation = math.sqrt(2000 * 0.25 * 0.75)
    assert set(counts) == {0, 2}
    assert abs(counts[0] - 500) < 4 * deviation


def test_a_draw_follows_the_cumulative_sum_exactly():
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    uniform = torch.rand(1, generator=rng(5), dtype=torch.float64).item()
    expected = next(i for i in range(4) if weights[: i + 1].sum().item() > uniform * weights.sum().item())
    assert draw_row(weights, rng=rng(5)) == expected


def test_kmeans_plus_plus_covers_separate_clusters_before_it_returns_to_one():
    distances = line(0, 0, 0, 100, 100, 1000)
    for seed in range(20):
        rows = kmeans_plus_plus(distances, 0, 3, size=6, rng=rng(seed)).tolist()
        assert {0 if row < 3 else 1 if row < 5 else 2 for row in rows} == {0, 1, 2}


@pytest.mark.parametrize("count", [1, 2, 6])
def test_rows_are_distinct_also_where_all_distances_are_zero(count):
    same = line(2, 2, 2, 2, 2, 2)
    for seed in range(10):
        rows = kmeans_plus_plus(same, 3, count, size=6, rng=rng(seed)).tolist()
        assert rows[0] == 3
        assert len(set(rows)) == count


def test_the_rest_is_uniform_where_all_distances_are_zero():
    same = line(1, 1, 1)
    counts = Counter(kmeans_plus_plus(same, 0, 2, size=3, rng=rng(seed))[1].item() for seed in range(400))
    assert set(counts) == {1, 2}
    assert abs(counts[1] - 200) < 4 * math.sqrt(400 / 4)
