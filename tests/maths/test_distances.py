"""Promises of the squared distances."""

import pytest
import torch

from nextlabel.maths.blocks import row_blocks
from nextlabel.maths.distances import centred, min_squared_distances, squared_distances


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def naive(points, centres):
    return (points[:, None].double() - centres[None].double()).square().sum(-1)


def test_blocks_cover_every_row_once_and_never_stall():
    assert list(row_blocks(0, 8)) == []
    assert [b.stop - b.start for b in row_blocks(7, 10, budget_bytes=35)] == [3, 3, 1]
    assert len(list(row_blocks(3, 100, budget_bytes=1))) == 3


def test_distances_to_one_centre_agree_with_the_naive_ones():
    points = normal(50, 8)
    norms = points.square().sum(1)
    torch.testing.assert_close(squared_distances(points, points[7], norms), naive(points, points[7:8])[:, 0])
    assert squared_distances(points, points[7], norms)[7] == 0


@pytest.mark.parametrize("budget", [1, 1000, 10**9])
def test_chunked_distances_equal_the_naive_minimum_whatever_the_budget(budget):
    points, centres = normal(60, 5), normal(9, 5, seed=1)
    got = min_squared_distances(points, centres, budget_bytes=budget)
    torch.testing.assert_close(got, naive(points, centres).amin(1))


def test_more_centres_than_one_block_takes_are_all_seen():
    points, centres = normal(7, 2), normal(5000, 2, seed=1)
    torch.testing.assert_close(min_squared_distances(points, centres), naive(points, centres).amin(1))


def test_without_centres_every_distance_is_infinite():
    assert bool(min_squared_distances(normal(3, 2), normal(0, 2)).isinf().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("features", [1, 64, 2048])
def test_copies_of_a_point_are_at_distance_zero(features, dtype):
    points = normal(20, features, dtype=dtype).repeat(5, 1)
    norms = torch.linalg.vector_norm(points, dim=1).square()
    assert squared_distances(points, points[3], norms)[3::20].tolist() == [0.0] * 5
    assert not min_squared_distances(points, points[:20]).any()


def test_a_common_offset_does_not_cost_digits():
    points = normal(40, 16, dtype=torch.float32) + 1e4
    moved, centres = centred(points, points[:3])
    got = min_squared_distances(moved, centres)
    torch.testing.assert_close(got.double(), naive(points, points[:3]).amin(1), rtol=1e-4, atol=1e-4)


def test_centring_widens_half_precision_and_leaves_the_input_alone():
    points = torch.ones(3, 2, dtype=torch.float16)
    (moved,) = centred(points)
    assert moved.dtype == torch.float32
    assert points.unique().tolist() == [1.0]
