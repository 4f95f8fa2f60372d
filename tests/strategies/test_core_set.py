"""Promises of the core-set strategy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.strategies.core_set import CoreSet
from nextlabel.types import Outputs, PoolView


def choose(pool, labelled, count):
    view = PoolView(
        size=len(pool),
        pool=Outputs(embeddings=torch.as_tensor(pool)),
        labelled=Outputs(embeddings=torch.as_tensor(labelled)),
    )
    return CoreSet().select(view, count, rng=torch.Generator()).tolist()


def naive(pool, labelled, count):
    """Choose by the k-Center-Greedy of the paper, word for word, on explicit distances."""
    centres = [np.asarray(row, dtype=np.float64) for row in labelled]
    chosen = []
    for _ in range(count):
        best, best_distance = None, -1.0
        for row, point in enumerate(np.asarray(pool, dtype=np.float64)):
            distance = min(float(((point - centre) ** 2).sum()) for centre in centres)
            if row not in chosen and distance > best_distance:
                best, best_distance = row, distance
        chosen.append(best)
        centres.append(np.asarray(pool, dtype=np.float64)[best])
    return chosen


def test_the_farthest_candidate_from_the_labelled_comes_first_then_the_farthest_from_both():
    pool = np.array([[0.0], [4.0], [6.0], [10.0]])
    assert choose(pool, np.array([[0.0]]), 3) == [3, 1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_choices_agree_with_the_naive_algorithm(seed):
    generator = np.random.default_rng(seed)
    pool, labelled = generator.normal(size=(40, 6)), generator.normal(size=(5, 6))
    assert choose(pool, labelled, 12) == naive(pool, labelled, 12)


def test_without_labels_the_candidate_nearest_the_mean_comes_first():
    pool = np.array([[0.0], [1.0], [5.0], [9.0], [10.0]])
    assert choose(pool, np.empty((0, 1)), 3) == [2, 0, 4]


def test_copies_come_last_and_by_row():
    pool = np.array([[1.0, 2.0], [7.0, 7.0], [1.0, 2.0], [1.0, 2.0]], dtype=np.float32)
    assert choose(pool, pool[:1], 4) == [1, 0, 2, 3]


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(15)))
def test_the_choice_belongs_to_the_items_and_not_to_their_order(order):
    generator = np.random.default_rng(0)
    pool, labelled = generator.normal(size=(15, 3)), generator.normal(size=(2, 3))
    moved = choose(pool[order], labelled, 6)
    assert [order[row] for row in moved] == choose(pool, labelled, 6)


def test_the_radius_is_at_most_twice_the_best_possible():
    generator = np.random.default_rng(1)
    pool = generator.normal(size=(9, 2))
    gaps = ((pool[:, None] - pool[None]) ** 2).sum(-1)
    best = min(gaps[:, [i, j, k]].min(1).max() for i in range(9) for j in range(i) for k in range(j)) ** 0.5
    got = gaps[:, choose(pool, np.empty((0, 2)), 3)].min(1).max() ** 0.5
    assert got <= 2 * best
