"""Disagreement of draws: hand-computed, naive in float64, and sure to the last digit."""

import math

import numpy as np
import pytest
import torch

from nextlabel.maths.disagreement import kl_to_consensus, vote_entropy

FUNCTIONS = [kl_to_consensus, vote_entropy]


def log_probs(probs):
    return torch.tensor(probs, dtype=torch.float64).log()


def random_draws(items=20, draws=5, classes=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(4)
    logits = 3 * torch.randn(items, draws, classes, generator=generator, dtype=torch.float64)
    return logits.log_softmax(2).to(dtype)


def test_two_draws_that_are_sure_of_different_classes_disagree_by_ln_2():
    opposed = log_probs([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    for function in FUNCTIONS:
        assert function(opposed).item() == pytest.approx(math.log(2))


def test_the_mean_divergence_is_as_computed_by_hand():
    draws = log_probs([[[0.5, 0.5], [0.9, 0.1]]])  # consensus 0.7, 0.3
    by_hand = (
        0.5 * math.log(0.5 / 0.7)
        + 0.5 * math.log(0.5 / 0.3)
        + 0.9 * math.log(0.9 / 0.7)
        + 0.1 * math.log(0.1 / 0.3)
    ) / 2
    assert kl_to_consensus(draws).item() == pytest.approx(by_hand)


def test_the_mean_divergence_is_the_entropy_of_the_mean_less_the_mean_entropy():
    draws = random_draws()
    probs = draws.exp().numpy()
    mean = probs.mean(1)
    expected = -(mean * np.log(mean)).sum(1) + (probs * np.log(probs)).sum(2).mean(1)
    np.testing.assert_allclose(kl_to_consensus(draws).numpy(), expected, rtol=1e-10)


def test_vote_entropy_counts_the_members_votes():
    draws = random_draws()
    for row, item in enumerate(draws.numpy()):
        fractions = np.bincount(item.argmax(1), minlength=4) / 5
        expected = -sum(fraction * math.log(fraction) for fraction in fractions if fraction > 0)
        assert vote_entropy(draws)[row].item() == pytest.approx(expected)


def test_draws_that_agree_disagree_by_nothing_and_near_agreement_keeps_its_digits():
    same = random_draws().mean(1, keepdim=True).log_softmax(2).expand(-1, 3, -1)
    for function in FUNCTIONS:
        assert function(same).abs().max() < 1e-12
    shift = 1e-5
    near = torch.tensor([[[0.0, shift], [0.0, -shift]]], dtype=torch.float64).log_softmax(2)
    assert kl_to_consensus(near).item() == pytest.approx(shift**2 / 8, rel=1e-4)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_disagreement_is_bounded_and_finite_for_probabilities_of_zero(function):
    draws = (1000 * random_draws(dtype=torch.float32)).log_softmax(2)
    found = torch.cat((function(draws), function(log_probs([[[1.0, 0.0], [1.0, 0.0]]])).float()))
    assert torch.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= math.log(4) + 1e-6
