"""Promises of cyclic output discrepancy as a strategy."""

import numpy as np
import pytest
import torch

import nextlabel
from nextlabel.errors import ConfigurationError, DataError, UnknownNameError
from nextlabel.selection.selection import score
from nextlabel.strategies.cod import DEFAULT_FIRST_CYCLE, Cod
from nextlabel.strategies.ema_discrepancy import EmaDiscrepancy
from nextlabel.types import Outputs, PoolView

NOW = [[0.7, 0.3], [0.5, 0.5], [0.9, 0.1]]
BEFORE = [[0.6, 0.4], [0.9, 0.1], [0.9, 0.1]]
OLDER = [[0.1, 0.9], [0.5, 0.5], [0.5, 0.5]]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def outputs(probs):
    return Outputs(log_probs=torch.tensor(probs, dtype=torch.float64).log()[:, None])


def view(now, *snapshots, snapshot_names=()):
    earlier = [outputs(probs) for probs in snapshots]
    return PoolView(size=len(now), pool=outputs(now), snapshots=earlier, snapshot_names=snapshot_names)


def naive(now, before, form="half_squared"):
    """The distances of the equation, in Python's floats."""
    squared = [sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) for a, b in zip(now, before, strict=True)]
    return [value / 2 if form == "half_squared" else value**0.5 for value in squared]


def test_the_score_is_half_the_squared_distance_to_the_newest_snapshot():
    expected = [0.01, 0.16, 0.0]
    assert Cod().score(view(NOW, BEFORE, OLDER), rng=rng()).tolist() == pytest.approx(expected, abs=1e-12)


def test_the_l2_form_ranks_like_the_half_squared_one():
    generator = torch.Generator().manual_seed(0)
    now, before = torch.softmax(torch.randn(2, 40, 5, generator=generator, dtype=torch.float64), -1).tolist()
    squared = Cod(form="half_squared").score(view(now, before), rng=rng())
    plain = Cod(form="l2").score(view(now, before), rng=rng())
    assert plain.tolist() == pytest.approx(naive(now, before, "l2"), abs=1e-12)
    assert squared.tolist() == pytest.approx(naive(now, before), abs=1e-12)
    assert torch.equal(squared.argsort(), plain.argsort())


@pytest.mark.parametrize("first_cycle", ["initial", "untrained", "epoch", "least_confident", "random"])
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


@pytest.mark.parametrize("first_cycle", ["initial", "untrained", "epoch"])
def test_a_first_cycle_that_wants_a_snapshot_says_so(first_cycle):
    with pytest.raises(DataError, match=f"first_cycle is '{first_cycle}'.*first_cycle='least_confident'"):
        Cod(first_cycle=first_cycle).score(view(NOW), rng=rng())


def test_the_needs_follow_the_first_cycle():
    common = {"output", "snapshot:previous"}
    assert Cod(first_cycle="initial").needs == common | {"snapshot:initial"}
    assert Cod(first_cycle="untrained").needs == common | {"snapshot:untrained"}
    assert Cod(first_cycle="epoch").needs == common | {"snapshot:epoch"}
    assert Cod(first_cycle="least_confident").needs == Cod(first_cycle="random").needs == common
    assert Cod().first_cycle == DEFAULT_FIRST_CYCLE


def test_unknown_values_of_options_are_refused_with_the_nearest():
    with pytest.raises(ConfigurationError, match="did you mean 'least_confident'"):
        Cod(first_cycle="least_confidence")
    with pytest.raises(
        ConfigurationError, match="'form' of strategy 'cod' not found: 'l1'; did you mean 'l2'"
    ):
        Cod(form="l1")


@pytest.mark.parametrize("form", ["half_squared", "l2"])
def test_against_an_untrained_network_the_smallest_distance_comes_first_as_in_the_released_code(form):
    first = Cod(first_cycle="untrained", form=form)
    scores = first.score(view(NOW, BEFORE, snapshot_names=["untrained"]), rng=rng())
    assert scores.tolist() == pytest.approx([-score for score in naive(NOW, BEFORE, form)], abs=1e-12)
    later = first.score(view(NOW, BEFORE, snapshot_names=["previous"]), rng=rng())
    assert torch.equal(later, -scores)


def test_against_a_nearly_uniform_untrained_network_the_order_is_that_of_least_confidence():
    generator = torch.Generator().manual_seed(1)
    now = torch.softmax(torch.randn(50, 10, generator=generator, dtype=torch.float64), -1).tolist()
    flat = torch.softmax(1e-6 * torch.randn(50, 10, generator=generator, dtype=torch.float64), -1).tolist()
    untrained = Cod(first_cycle="untrained").score(view(now, flat, snapshot_names=["untrained"]), rng=rng())
    gini = Cod(first_cycle="least_confident").score(view(now), rng=rng())
    assert torch.equal(untrained.argsort(), gini.argsort())


def test_arrays_can_say_that_their_snapshot_is_of_an_untrained_network():
    arrays = {"log_probs": np.log(NOW), "snapshots": [np.log(BEFORE)]}
    cod = "cod(first_cycle=untrained)"
    assert score(cod, **arrays).tolist() == pytest.approx(naive(NOW, BEFORE))
    turned = score(cod, **arrays, snapshot_names=["untrained"])
    assert turned.tolist() == pytest.approx([-value for value in naive(NOW, BEFORE)])


@pytest.mark.parametrize(
    ("gap", "need"),
    [
        ("step", "step"),
        ("1 steps", "step"),
        ("10 steps", "10 steps"),
        ("epoch", "epoch"),
        ("50 epochs", "50 epochs"),
    ],
)
def test_a_gap_asks_for_its_snapshot_in_every_cycle_and_takes_the_largest_distance(gap, need):
    strategy = Cod(gap=gap)
    assert strategy.needs == {"output", f"snapshot:{need}"}
    scores = strategy.score(view(NOW, BEFORE, snapshot_names=[need]), rng=rng())
    assert scores.tolist() == pytest.approx(naive(NOW, BEFORE), abs=1e-12)


@pytest.mark.parametrize("gap", ["cycles", "ema", "initial", "10 step", "0 epochs"])
def test_a_gap_that_is_none_is_refused(gap):
    with pytest.raises(ConfigurationError, match="option 'gap' of strategy 'cod' must be 'cycle', 'step'"):
        Cod(gap=gap)


def test_a_first_cycle_rule_with_a_gap_that_has_no_use_for_it_is_refused():
    with pytest.raises(ConfigurationError, match=r"with gap='epoch', .* got 'initial'; leave one"):
        Cod(gap="epoch", first_cycle="initial")


@pytest.mark.parametrize("form", ["half_squared", "l2"])
def test_the_ema_discrepancy_is_the_distance_to_the_average(form):
    strategy = EmaDiscrepancy(form=form)
    scores = strategy.score(view(NOW, BEFORE, snapshot_names=["ema"]), rng=rng())
    assert scores.tolist() == pytest.approx(naive(NOW, BEFORE, form), abs=1e-12)


def test_the_ema_discrepancy_refuses_another_form():
    with pytest.raises(UnknownNameError, match="did you mean 'half_squared'"):
        EmaDiscrepancy(form="half_square")


def test_of_regression_the_values_themselves_are_compared():
    now, before = np.array([[1.0], [2.0], [5.0]]), np.array([[1.5], [2.0], [1.0]])
    scores = nextlabel.score("cod", values=now, snapshots=[before])
    assert scores.tolist() == [0.125, 0.0, 8.0]
    assert nextlabel.score("cod(form=l2)", values=now, snapshots=[before]).tolist() == [0.5, 0.0, 4.0]
    draws = np.stack([now - 1, now + 1], axis=1)
    assert nextlabel.score("cod", values=draws, snapshots=[before]).tolist() == [0.125, 0.0, 8.0]


def test_of_regression_the_first_cycle_needs_another_choice_than_the_default():
    with pytest.raises(ConfigurationError, match="got 'least_confident'; choose 'initial'"):
        nextlabel.score("cod", values=np.zeros((3, 1)))


def test_what_answers_the_task_must_follow_from_the_arrays():
    with pytest.raises(DataError, match=r"needs 'output' .*got 'log_probs', 'values'; pass one of the two"):
        nextlabel.score("cod", log_probs=np.log(NOW), values=np.zeros((len(NOW), 1)))
    with pytest.raises(DataError, match=r"needs 'output' .*got neither"):
        nextlabel.score("cod", embeddings=np.zeros((3, 1)))
