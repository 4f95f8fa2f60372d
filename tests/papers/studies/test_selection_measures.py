"""Promises of choosing among models: the scores, Top-k(N), and the choice by sample."""

import itertools
import math
import random

import pytest
import torch

from nextlabel.errors import ConfigurationError, DataError
from nextlabel.papers.studies.selection import (
    Hits,
    discrepancy_scores,
    picked_by_sample,
    sample_scores,
    top_k_of_n,
)

PROBS = [[0.6, 0.3, 0.1], [0.4, 0.4, 0.2], [0.98, 0.01, 0.01]]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def log(probs):
    return torch.tensor(probs, dtype=torch.float64).log()


def naive_top(scores, quality, k, n):
    hits, chances = [], []
    for members in itertools.combinations(range(len(scores)), n):
        best = max(quality[i] for i in members)
        ranked = sorted(members, key=lambda i: scores[i])
        hits.append(any(quality[i] == best for i in ranked[:k]))
        drawn = list(itertools.combinations(members, k))
        chances.append(sum(any(quality[i] == best for i in some) for some in drawn) / len(drawn))
    return sum(hits) / len(hits), sum(chances) / len(chances)


def test_the_scores_of_a_sample_are_those_worked_out_by_hand():
    scores = sample_scores(log(PROBS))
    assert scores["least_confidence"].tolist() == pytest.approx([0.4, 0.6, 0.02])
    assert scores["margin"].tolist() == pytest.approx([0.7, 1.0, 0.03])
    assert scores["ratio"].tolist() == pytest.approx([0.5, 1.0, 0.01 / 0.98])
    assert scores["entropy"].tolist() == pytest.approx([-sum(p * math.log(p) for p in row) for row in PROBS])


def test_the_discrepancy_is_the_squared_distance_of_the_probabilities():
    before = [[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.01, 0.98, 0.01]]
    assert discrepancy_scores(log(PROBS), log(before)).tolist() == pytest.approx([0.02, 0.0, 2 * 0.97**2])


def test_a_score_that_ranks_as_the_truth_always_finds_the_best():
    quality = [0.9, 0.8, 0.95, 0.7]
    best = top_k_of_n([-q for q in quality], quality, k=1, n=3, limit=9, rng=rng())
    assert best == Hits(1, 3, 1.0, pytest.approx(1 / 3), 4)
    worst = top_k_of_n(quality, quality, k=1, n=2, limit=9, rng=rng())
    assert worst == Hits(1, 2, 0.0, 0.5, 6)


@pytest.mark.parametrize(("k", "n"), [(1, 3), (1, 5), (3, 6), (2, 2)])
@pytest.mark.parametrize("levels", [3, 1000])
def test_top_k_of_n_equals_the_naive_count_also_where_models_are_equally_good(k, n, levels):
    randomness = random.Random(levels)
    scores = [randomness.random() for _ in range(7)]
    quality = [randomness.randrange(levels) for _ in range(7)]
    found = top_k_of_n(scores, quality, k=k, n=n, limit=10_000, rng=rng())
    assert (found.fraction, found.random) == pytest.approx(naive_top(scores, quality, k, n))
    assert found.cases == math.comb(7, n)


def test_of_too_many_subsets_random_ones_come_near_the_count_of_all():
    randomness = random.Random(0)
    quality = [randomness.random() for _ in range(12)]
    scores = [randomness.random() - q for q in quality]
    some = top_k_of_n(scores, quality, k=1, n=4, limit=400, rng=rng())
    assert some == top_k_of_n(scores, quality, k=1, n=4, limit=400, rng=rng())
    assert some.cases == 400
    fraction = naive_top(scores, quality, 1, 4)[0]
    assert some.fraction == pytest.approx(fraction, abs=4 * math.sqrt(fraction * (1 - fraction) / 400))


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ConfigurationError, match=r"1 <= k <= N <= 2 models"):
        top_k_of_n([1, 2], [1, 2], k=1, n=3, limit=1, rng=rng())
    with pytest.raises(DataError, match="got 2 and 1"):
        top_k_of_n([1, 2], [1], k=1, n=1, limit=1, rng=rng())


def test_each_sample_takes_the_class_of_the_surest_model_and_of_equals_the_first():
    scores = torch.tensor([[0.3, 0.2, 0.5], [0.1, 0.2, 0.6], [0.2, 0.4, 0.1]])
    predicted = torch.tensor([[0, 0, 0], [1, 1, 1], [2, 2, 2]])
    assert picked_by_sample(scores, predicted).tolist() == [1, 0, 2]
