"""Overlap of masks: known by hand, and equal to an independent count of sets of pixels."""

from __future__ import annotations

import math

import pytest
import torch

from nextlabel.maths.overlap import confusion_matrix, intersection_over_union, mean_iou, pixel_accuracy


def test_a_matrix_of_three_classes_is_known_by_hand():
    truth = torch.tensor([[0, 0, 1], [1, 2, -1]])
    predicted = torch.tensor([[0, 1, 1], [1, 0, 2]])
    confusion = confusion_matrix(predicted, truth, 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    # class 0: 1 / (2 + 2 - 1); class 1: 2 / (2 + 3 - 2); class 2: 0 / (1 + 0 - 0), as its one hit is ignored
    assert intersection_over_union(confusion).tolist() == pytest.approx([1 / 3, 2 / 3, 0.0])
    assert mean_iou(confusion) == pytest.approx(1 / 3)
    assert pixel_accuracy(confusion) == pytest.approx(3 / 5)


def test_a_class_that_is_nowhere_is_left_out_of_the_mean():
    confusion = confusion_matrix(torch.tensor([0, 0]), torch.tensor([0, 0]), 2)
    assert math.isnan(intersection_over_union(confusion)[1])
    assert mean_iou(confusion) == 1.0


def test_a_class_that_is_only_predicted_counts_as_zero():
    assert mean_iou(confusion_matrix(torch.tensor([0, 1]), torch.tensor([0, 0]), 2)) == pytest.approx(0.25)


def test_matrices_of_parts_add_up_and_their_mean_iou_is_not_the_mean_over_images():
    truth = torch.tensor([[0, 0, 0, 1], [1, 1, 1, 1]])
    predicted = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0]])
    parts = [confusion_matrix(p, t, 2) for p, t in zip(predicted, truth, strict=True)]
    whole = confusion_matrix(predicted, truth, 2)
    assert torch.equal(sum(parts), whole)
    assert mean_iou(whole) != pytest.approx(sum(map(mean_iou, parts)) / 2)


def test_it_equals_an_independent_count_of_sets_of_pixels():
    rng = torch.Generator().manual_seed(0)
    truth = torch.randint(-1, 4, (3, 9, 7), generator=rng)
    predicted = torch.randint(0, 4, (3, 9, 7), generator=rng)
    pairs = [
        (t, p) for t, p in zip(truth.flatten().tolist(), predicted.flatten().tolist(), strict=True) if t >= 0
    ]
    expected = []
    for c in range(4):
        true = {i for i, (t, _) in enumerate(pairs) if t == c}
        found = {i for i, (_, p) in enumerate(pairs) if p == c}
        expected.append(len(true & found) / len(true | found))
    confusion = confusion_matrix(predicted, truth, 4)
    assert intersection_over_union(confusion).tolist() == pytest.approx(expected)
    assert mean_iou(confusion) == pytest.approx(sum(expected) / 4)
    assert pixel_accuracy(confusion) == pytest.approx(sum(t == p for t, p in pairs) / len(pairs))
