"""Promises of BADGE."""

import math
from collections import Counter

import numpy as np
import pytest
import torch

from nextlabel.strategies.badge import Badge
from nextlabel.types import Outputs, PoolView


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def make_view(log_probs, embeddings):
    return PoolView(size=len(embeddings), pool=Outputs(log_probs=log_probs, embeddings=embeddings))


def random_view(size=30, draws=1, dtype=torch.float64):
    generator = rng(11)
    logits = 2 * torch.randn(size, draws, 4, generator=generator, dtype=torch.float64)
    embeddings = torch.randn(size, 6, generator=generator, dtype=torch.float64)
    return make_view(torch.log_softmax(logits, -1).to(dtype), embeddings.to(dtype))


def gradients(view):
    """Return the (N, C D) gradient embeddings, built explicitly."""
    probs = view.pool.log_probs.double().exp().mean(1).numpy()
    one_hot = np.eye(probs.shape[1])[probs.argmax(1)]
    return np.einsum("nc,nd->ncd", probs - one_hot, view.pool.embeddings.double().numpy()).reshape(
        len(probs), -1
    )


def naive(points, count, uniforms):
    """Choose by k-means++ on explicit points: the longest first, then by the given uniform numbers."""
    chosen = [int((points**2).sum(1).argmax())]
    while len(chosen) < count:
        weights = np.array([min(((point - points[row]) ** 2).sum() for row in chosen) for point in points])
        cumulative, reached = 0.0, next(uniforms) * weights.sum()
        for row, weight in enumerate(weights):
            cumulative += weight
            if cumulative > reached:
                chosen.append(row)
                break
    return chosen


@pytest.mark.parametrize("draws", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_choices_agree_with_kmeans_plus_plus_on_explicit_gradients_and_the_same_uniform_numbers(seed, draws):
    view = random_view(draws=draws)
    generator = rng(seed)
    uniforms = (torch.rand(1, generator=generator, dtype=torch.float64).item() for _ in range(100))
    expected = naive(gradients(view), 10, uniforms)
    assert Badge().select(view, 10, rng=rng(seed)).tolist() == expected


def test_the_largest_gradient_comes_first():
    log_probs = torch.tensor([[[0.9, 0.1]], [[0.6, 0.4]], [[0.6, 0.4]]]).log()
    embeddings = torch.tensor([[9.0, 0.0], [1.0, 1.0], [4.0, 0.0]])
    # ||p - e||^2 ||h||^2 = 0.02 * 81, 0.32 * 2, 0.32 * 16
    assert Badge().select(make_view(log_probs, embeddings), 1, rng=rng()).tolist() == [2]


def test_gradients_in_opposite_directions_are_far_apart_though_the_embeddings_are_equal():
    log_probs = torch.tensor([[[0.6, 0.4]], [[0.4, 0.6]], [[0.6, 0.4]], [[0.6, 0.4]]]).log()
    view = make_view(log_probs, torch.ones(4, 3))
    for seed in range(10):
        assert Badge().select(view, 2, rng=rng(seed)).tolist()[1] == 1


def test_candidates_without_gradient_are_drawn_uniformly_once_nothing_else_is_left():
    log_probs = torch.log_softmax(torch.tensor([[[0.5, 0.0]]] + [[[500.0, 0.0]]] * 4), -1)
    view = make_view(log_probs, torch.ones(5, 2))
    seconds = Counter()
    for seed in range(120):
        rows = Badge().select(view, 5, rng=rng(seed)).tolist()
        assert sorted(rows) == [0, 1, 2, 3, 4]
        assert rows[0] == 0
        seconds[rows[2]] += 1
    assert all(abs(seconds[row] - 30) < 4 * math.sqrt(120 * 0.25 * 0.75) for row in (1, 2, 3, 4))


def test_copies_of_a_chosen_candidate_are_not_drawn_before_others_in_float32():
    embeddings = torch.randn(40, 512, generator=rng(2)).relu()
    log_probs = torch.log_softmax(torch.randn(40, 1, 10, generator=rng(3)), -1)
    view = make_view(log_probs.repeat(10, 1, 1), embeddings.repeat(10, 1))
    rows = Badge().select(view, 40, rng=rng(4)) % 40
    assert len(set(rows.tolist())) == 40


def test_the_second_draw_follows_the_squared_distance():
    view = random_view(size=4)
    points = gradients(view)
    first = int((points**2).sum(1).argmax())
    weights = ((points - points[first]) ** 2).sum(1)
    counts = Counter(Badge().select(view, 2, rng=rng(seed))[1].item() for seed in range(300))
    for row, fraction in enumerate(weights / weights.sum()):
        assert abs(counts[row] - 300 * fraction) <= 4 * math.sqrt(300 * fraction * (1 - fraction))


def test_mixed_precisions_are_computed_in_the_wider_one():
    view = random_view()
    mixed = make_view(view.pool.log_probs, view.pool.embeddings.float())
    expected = Badge().select(
        make_view(view.pool.log_probs, view.pool.embeddings.float().double()), 8, rng=rng()
    )
    assert torch.equal(Badge().select(mixed, 8, rng=rng()), expected)
