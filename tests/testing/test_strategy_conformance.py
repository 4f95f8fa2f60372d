"""The conformance suite of strategies catches what breaks the contract, by the right check."""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from nextlabel.strategies.margin import Margin
from nextlabel.testing import strategies as suite
from nextlabel.testing.strategies import STRATEGY_CHECKS, check_strategy, example_view


@dataclass
class Scores:
    """A scorer that is right unless a subclass breaks it."""

    name: str = "mine"
    needs: frozenset[str] = frozenset(
        {"log_probs", "snapshot:previous", "labelled_embeddings", "labels", "extra:loss"}
    )

    def score(self, view, *, rng):
        return view.pool.log_probs.float().exp().square().mean(1).sum(1)


@dataclass
class Picks:
    """A strategy that is right unless a subclass breaks it."""

    name: str = "mine"
    needs: frozenset[str] = frozenset({"embeddings"})

    def select(self, view, batch_size, *, rng):
        return torch.randperm(view.size, generator=rng)[:batch_size]


class NoName(Scores):
    def __init__(self):
        super().__init__(name="")


class StrangeNeed(Scores):
    def __init__(self):
        super().__init__(needs=frozenset({"logits"}))


class Both(Scores):
    def select(self, view, batch_size, *, rng):
        return torch.arange(batch_size)


class KeepsItsOptionHidden(Scores):
    def __init__(self, power=1.0):
        super().__init__()
        self._power = power


class TooMany(Picks):
    def select(self, view, batch_size, *, rng):
        return torch.arange(min(batch_size + 1, view.size))


class Twice(Picks):
    def select(self, view, batch_size, *, rng):
        return torch.randint(0, 2, (batch_size,), generator=rng)


class Outside(Picks):
    def select(self, view, batch_size, *, rng):
        return torch.arange(batch_size) + 1


class TwoAtLeast(Picks):
    def select(self, view, batch_size, *, rng):
        return torch.arange(max(2, batch_size))


class NeverTheLastRow(Picks):
    def select(self, view, batch_size, *, rng):
        return torch.arange(min(batch_size, view.size - 1)) if view.size > 1 else torch.arange(1)


class NeedsANeighbour(Picks):
    def select(self, view, batch_size, *, rng):
        nearest = (
            torch.cdist(view.pool.embeddings.float(), view.pool.embeddings.float()).topk(2).indices[:, 1]
        )
        return nearest.argsort(stable=True)[:batch_size]


@dataclass
class Remembers(Scores):
    seen: list[int] = field(default_factory=list)

    def score(self, view, *, rng):
        self.seen.append(1)
        return (-1) ** len(self.seen) * super().score(view, rng=rng)


class WritesToTheView(Scores):
    def score(self, view, *, rng):
        scores = super().score(view, rng=rng)
        view.snapshots[1].log_probs.sub_(1)
        return scores


class TorchGlobal(Scores):
    def score(self, view, *, rng):
        return torch.rand(view.size)


class NumpyGlobal(Scores):
    def score(self, view, *, rng):
        np.random.random()
        return super().score(view, rng=rng)


class PythonGlobal(Scores):
    def score(self, view, *, rng):
        random.random()
        return super().score(view, rng=rng)


class HalfPrecision(Scores):
    def score(self, view, *, rng):
        return view.pool.log_probs.exp().square().mean(1).sum(1)


class NanWhenSure(Scores):
    def score(self, view, *, rng):
        probs = view.pool.log_probs.float().exp().mean(1)
        return -(probs * probs.log()).sum(1)


class BreaksTies(Scores):
    def score(self, view, *, rng):
        return super().score(view, rng=rng) + 1e-3 * torch.arange(view.size)


class ByRow(Scores):
    def score(self, view, *, rng):
        return super().score(view, rng=rng) * (1 + torch.arange(view.size) % 2)


BROKEN = [
    (NoName, "check_declares_name_and_needs"),
    (StrangeNeed, "check_declares_name_and_needs"),
    (Both, "check_declares_name_and_needs"),
    (object, "check_declares_name_and_needs"),
    (KeepsItsOptionHidden, "check_options_can_be_recorded"),
    (TooMany, "check_batch_is_distinct_rows"),
    (Twice, "check_batch_is_distinct_rows"),
    (TwoAtLeast, "check_takes_one_row"),
    (Outside, "check_takes_the_whole_pool"),
    (NeverTheLastRow, "check_takes_the_whole_pool"),
    (Remembers, "check_same_seed_gives_same_rows"),
    (WritesToTheView, "check_leaves_the_view_unchanged"),
    (TorchGlobal, "check_leaves_global_random_state"),
    (NumpyGlobal, "check_leaves_global_random_state"),
    (PythonGlobal, "check_leaves_global_random_state"),
    (HalfPrecision, "check_scores_are_finite_floats"),
    (NanWhenSure, "check_handles_saturated_probabilities"),
    (BreaksTies, "check_handles_identical_candidates"),
    (ByRow, "check_scores_follow_their_candidates"),
]


@pytest.mark.parametrize("make", [Scores, Picks, Margin])
def test_right_strategies_pass_every_check(make):
    check_strategy(make)


@pytest.mark.parametrize(("make", "check"), BROKEN, ids=lambda part: getattr(part, "__name__", part))
def test_a_broken_strategy_is_caught_by_the_check_that_names_its_fault(make, check):
    with pytest.raises(AssertionError):
        getattr(suite, check)(make)


def test_the_suite_as_a_whole_catches_every_broken_strategy():
    for make, _ in BROKEN:
        with pytest.raises(AssertionError):
            check_strategy(make)


def test_every_check_of_the_module_is_on_the_list_and_each_is_tested_here():
    defined = {name for name in vars(suite) if name.startswith("check_") and name != "check_strategy"}
    assert {check.__name__ for check in STRATEGY_CHECKS} == defined
    assert {check for _, check in BROKEN} == defined - {"check_takes_the_last_candidate"}


def test_a_strategy_that_needs_neighbours_fails_on_the_last_candidate():
    with pytest.raises(RuntimeError):
        suite.check_takes_the_last_candidate(NeedsANeighbour)


def test_the_example_view_holds_the_needs_and_nothing_else():
    view = example_view(frozenset({"embeddings", "labelled_log_probs", "labels", "extra:loss"}))
    assert set(view.pool.fields()) == {"embeddings", "extra:loss"}
    assert set(view.labelled.fields()) == {"log_probs"}
    assert view.snapshots == ()
    assert len(view.labels) == len(view.labelled)
    assert len(view.pool) == view.size
