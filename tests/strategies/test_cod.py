"""Promises of cyclic output discrepancy as a strategy."""

import pytest
import torch

from nextlabel.errors import ConfigurationError, DataError
from nextlabel.strategies.cod import DEFAULT_FIRST_CYCLE, Cod
from nextlabel.types import Outputs, PoolView

NOW = [[0.7, 0.3], [0.5, 0.5], [0.9, 0.1]]
BEFORE = [[0.6, 0.4], [0.9, 0.1], [0.9, 0.1]]
OLDER = [[0.1, 0.9], [0.5, 0.5], [0.5, 0.5]]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def outputs(probs):
    return Outputs(log_probs=torch.tensor(probs, dtype=torch.float64).log()[:, None])


def view(now, *snapshots):
    return PoolView(size=len(now), pool=outputs(now), snapshots=[outputs(probs) for probs in snapshots])


def test_the_score_is_half_the_squared_distance_to_the_newest_snapshot():
    expected = [0.01, 0.16, 0.0]
    assert Cod().score(view(NOW, BEFORE, OLDER), rng=rng()).tolist() == pytest.approx(expected, abs=1e-12)


def test_the_l2_form_ranks_like_the_half_squared_one():
    generator = torch.Generator().manual_seed(0)
    now, before = torch.softmax(torch.randn(2, 40, 5, generator=generator, dtype=torch.float64), -1).tolist()
    squared = Cod(form="half_squared").score(view(now, before), rng=rng())
    plain = Cod(form="l2").score(view(now, before), rng=rng())
    naive = [
        sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5 for a, b in zip(now, before, strict=True)
    ]
    assert plain.tolist() == pytest.approx(naive)
    assert torch.equal(squared.argsort(), plain.argsort())


@pytest.mark.parametrize("first_cycle", ["initial", "epoch", "least_confident", "random"])
def test_a_snapshot_is_used_whatever_the_first_cycle_is_to_be(first_cycle):
    scores = Cod(first_cycle=first_cycle).score(view(NOW, BEFORE), rng=rng())
    assert scores.tolist() == pytest.approx([0.01, 0.16, 0.0], abs=1e-12)


def test_a_first_cycle_by_least_confidence_is_the_negative_distance_to_the_uniform_distribution():
    scores = Cod(first_cycle="least_confident").score(view(NOW), rng=rng())
    gini = [0.5 * (1 / 2 - sum(p * p for p in row)) for row in NOW]
    assert scores.tolist() == pytest.approx(gini)
    assert int(scores.argmax()) == 1


def test_a_random_first_cycle_draws_from_the_generator():
    strategy = Cod(first_cycle="random")
    assert torch.equal(strategy.score(view(NOW), rng=rng(1)), strategy.score(view(NOW), rng=rng(1)))
    assert not torch.equal(strategy.score(view(NOW), rng=rng(1)), strategy.score(view(NOW), rng=rng(2)))


@pytest.mark.parametrize("first_cycle", ["initial", "epoch"])
def test_a_first_cycle_that_wants_a_snapshot_says_so(first_cycle):
    with pytest.raises(DataError, match=f"first_cycle is '{first_cycle}'.*first_cycle='least_confident'"):
        Cod(first_cycle=first_cycle).score(view(NOW), rng=rng())


def test_the_needs_follow_the_first_cycle():
    common = {"log_probs", "snapshot:previous"}
    assert Cod(first_cycle="initial").needs == common | {"snapshot:initial"}
    assert Cod(first_cycle="epoch").needs == common | {"snapshot:epoch"}
    assert Cod(first_cycle="least_confident").needs == Cod(first_cycle="random").needs == common
    assert Cod().first_cycle == DEFAULT_FIRST_CYCLE


def test_unknown_values_of_options_are_refused_with_the_nearest():
    with pytest.raises(ConfigurationError, match="did you mean 'least_confident'"):
        Cod(first_cycle="least_confidence")
    with pytest.raises(ConfigurationError, match="'form' of strategy 'cod' must be 'l2', 'half_squared'"):
        Cod(form="l1")
