"""Promises of the engine of choice and of its entries for arrays."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import nextlabel
from nextlabel.errors import ConfigurationError, ContractError, DataError, UnknownNameError
from nextlabel.seeds import derive
from nextlabel.selection.selection import choose, score, select
from nextlabel.strategies.margin import Margin
from nextlabel.types import Outputs, PoolView

NAMES = ("random", "cod", "entropy", "margin", "least_confidence", "core_set", "badge")


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def log_probs(*shape, seed=0):
    logits = np.random.default_rng(seed).normal(size=shape)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def everything(size=20):
    generator = np.random.default_rng(5)
    return {
        "log_probs": log_probs(size, 4),
        "snapshots": [log_probs(size, 4, seed=1), log_probs(size, 4, seed=2)],
        "embeddings": generator.normal(size=(size, 6)),
        "labelled_embeddings": generator.normal(size=(3, 6)),
    }


@dataclass(frozen=True)
class Returns:
    """A scorer that returns what it was made with."""

    scores: Any
    name: str = "mine"
    needs: frozenset[str] = frozenset()

    def score(self, view, *, rng):
        return self.scores


@dataclass(frozen=True)
class Picks:
    """A strategy that returns what it was made with."""

    rows: Any
    name: str = "mine"
    needs: frozenset[str] = frozenset()

    def select(self, view, batch_size, *, rng):
        return self.rows


class Both(Picks, Returns):
    pass


def pool_of(size):
    return PoolView(size=size, pool=Outputs(embeddings=torch.zeros(size, 1)))


def test_select_and_score_are_public_names_of_the_package():
    assert nextlabel.select is select
    assert nextlabel.score is score


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_takes_arrays_and_tensors_alike(name):
    arrays = everything()
    tensors = {
        key: [torch.from_numpy(a) for a in value] if isinstance(value, list) else torch.from_numpy(value)
        for key, value in arrays.items()
    }
    rows = select(name, 6, **arrays)
    assert rows.dtype == np.int64
    assert len(set(rows.tolist())) == 6
    assert rows.tolist() == select(name, 6, **tensors).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_rows_in_every_call(name):
    assert (
        select(name, 6, **everything(), seed=3).tolist() == select(name, 6, **everything(), seed=3).tolist()
    )


@pytest.mark.parametrize("name", ["random", "cod", "entropy", "margin", "least_confidence"])
def test_the_batch_of_a_scorer_is_its_top_scores(name):
    scores = score(name, **everything(), seed=9)
    assert scores.dtype == np.float64
    assert select(name, 7, **everything(), seed=9).tolist() == np.argsort(-scores, kind="stable")[:7].tolist()


def test_equal_scores_are_drawn_by_the_seed_and_not_by_their_place():
    same = Returns(torch.zeros(200))
    batches = [choose(same, pool_of(200), 50, rng=rng(seed)).rows for seed in range(20)]
    assert torch.equal(batches[3], choose(same, pool_of(200), 50, rng=rng(3)).rows)
    assert len({tuple(rows.tolist()) for rows in batches}) == 20
    assert 90 < torch.cat(batches).float().mean() < 109  # the mean place is 99.5, that of the first rows 24.5


def test_equal_scores_never_come_before_higher_ones():
    scores = torch.tensor([0.0, 2.0, 1.0, 1.0, 1.0, 3.0])
    for seed in range(10):
        rows = choose(Returns(scores), pool_of(6), 4, rng=rng(seed)).rows.tolist()
        assert rows[:2] == [5, 1]
        assert set(rows[2:]) < {2, 3, 4}


def test_arrays_and_campaigns_use_the_same_engine_and_seed():
    view = PoolView(size=9, pool=Outputs())
    rows = choose(
        nextlabel.selection.selection.STRATEGIES.create("random"), view, 4, rng=rng(derive(7, "select"))
    ).rows
    assert select("random", 4, embeddings=np.zeros((9, 1)), seed=7).tolist() == rows.tolist()


def test_an_object_of_ones_own_is_taken_in_place_of_a_name():
    assert select(Margin(), 1, log_probs=np.log([[0.9, 0.1], [0.5, 0.5]])).tolist() == [1]
    with pytest.raises(ConfigurationError, match=r"'form'.*belongs to the strategy"):
        select(Margin(), 1, log_probs=log_probs(3, 2), form="l2")


def test_options_reach_the_strategy():
    arrays = {"log_probs": np.log([[0.9, 0.1], [0.5, 0.5]])}
    assert select("cod(first_cycle=least_confident)", 1, **arrays).tolist() == [1]
    with pytest.raises(ConfigurationError, match="did you mean 'first_cycle'"):
        select("cod(first_cicle=random)", 1, **arrays)


def test_unknown_strategies_come_back_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="did you mean 'entropy'"):
        select("entrpy", 1, log_probs=log_probs(3, 2))


def test_every_tied_row_can_come_first_and_the_same_seed_gives_the_same_order():
    scores = torch.tensor([1.0, 2.0, 2.0, 1.0, 2.0])
    orders = []
    for seed in range(40):
        choice = choose(Returns(scores), pool_of(5), 5, rng=rng(seed))
        again = choose(Returns(scores), pool_of(5), 5, rng=rng(seed))
        assert choice.rows.tolist() == again.rows.tolist()
        assert choice.scores.tolist() == scores.tolist()
        assert scores[choice.rows].tolist() == [2.0, 2.0, 2.0, 1.0, 1.0]
        orders.append(choice.rows.tolist())
    assert {order[0] for order in orders} == {1, 2, 4}
    assert {order[3] for order in orders} == {0, 3}


def test_a_pool_smaller_than_the_batch_gives_all_it_has_and_says_so(caplog):
    choice = choose(Returns(torch.tensor([1.0, 2.0])), pool_of(2), 5, rng=rng())
    assert choice.rows.tolist() == [1, 0]
    assert choice.missing == 3
    with caplog.at_level(logging.WARNING, logger="nextlabel"):
        assert sorted(select("badge", 9, **everything(4)).tolist()) == [0, 1, 2, 3]
    assert caplog.messages == ["requested 9 items, only 4 are left; returning all of them"]


def test_a_full_batch_is_silent(caplog):
    assert len(select("margin", 4, **everything(4))) == 4
    assert caplog.messages == []


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, "3"])
def test_a_batch_size_that_is_no_positive_integer_is_refused(batch_size):
    with pytest.raises(ConfigurationError, match="batch_size must be a whole number of at least 1"):
        select("margin", batch_size, log_probs=log_probs(3, 2))


def test_an_empty_pool_is_refused():
    with pytest.raises(DataError, match="the pool must have a candidate"):
        select("margin", 1, log_probs=np.empty((0, 3)))
    with pytest.raises(DataError, match="the pool must have a candidate"):
        select("core_set", 1, embeddings=np.empty((0, 3)), labelled_embeddings=np.empty((0, 3)))


def test_strategies_without_scores_say_so():
    with pytest.raises(ConfigurationError, match=r"'badge'.*use select"):
        score("badge", **everything())


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (torch.zeros(4), r"one score per candidate, .* of shape \(3,\), got torch.float32 of shape \(4,\)"),
        (torch.zeros(3, 1), r"of shape \(3, 1\)"),
        (torch.zeros(3, dtype=torch.float16), "float32 or float64 .*got torch.float16"),
        (torch.zeros(3, dtype=torch.int64), "got torch.int64"),
        (np.zeros(3), "got ndarray"),
        (torch.tensor([0.0, float("nan"), 1.0]), "got nan for item 'b'"),
        (torch.tensor([0.0, 1.0, float("inf")]), "got inf for item 'c'"),
    ],
)
def test_a_scorer_that_breaks_its_contract_is_named(scores, message):
    with pytest.raises(ContractError, match=f"strategy 'mine' must return .*{message}"):
        choose(Returns(scores), pool_of(3), 1, rng=rng(), ids=["a", "b", "c"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (torch.tensor([0, 0]), r"2 distinct rows .* got 1 distinct from 0 to 0"),
        (torch.tensor([0, 1, 2]), r"2 distinct rows .* got torch.int64 of shape \(3,\)"),
        (torch.tensor([[0, 1]]), r"got torch.int64 of shape \(1, 2\)"),
        (torch.tensor([0, 3]), "rows from 0 to 2.* got 2 distinct from 0 to 3"),
        (torch.tensor([-1, 2]), "rows from 0 to 2.* got 2 distinct from -1 to 2"),
        (torch.tensor([0.0, 1.0]), "int64 .*got torch.float32"),
        ([0, 1], "int64 .*got list"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_named(rows, message):
    with pytest.raises(ContractError, match=f"strategy 'mine' must return .*{message}"):
        choose(Picks(rows), pool_of(3), 2, rng=rng())


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (object(), "exactly one of score.* got object without some of them"),
        (Both(torch.tensor([0])), "exactly one of score.* got Both with both methods"),
        (Picks, "must be an object, got the class Picks; create one"),
        (
            Picks(None, needs=frozenset({"log_prob"})),
            r"unknown need, 'log_prob'; did you mean .*\? Known",
        ),
    ],
)
def test_what_is_no_strategy_is_refused(strategy, message):
    with pytest.raises(ContractError, match=message):
        choose(strategy, pool_of(3), 1, rng=rng())


def test_a_nan_score_names_the_row_where_there_are_no_ids():
    with pytest.raises(ContractError, match="got nan for row 1"):
        choose(Returns(torch.tensor([0.0, float("nan")])), pool_of(2), 1, rng=rng())


def test_neither_inputs_nor_the_global_random_state_are_touched():
    arrays = everything()
    copies = {key: np.array(value) for key, value in arrays.items()}
    before = torch.get_rng_state()
    for name in NAMES:
        select(name, 5, **arrays)
    assert torch.equal(before, torch.get_rng_state())
    assert all(np.array_equal(np.array(arrays[key]), copies[key]) for key in arrays)


@pytest.mark.parametrize("entry", [partial(select, batch_size=1), score])
def test_a_misspelt_argument_is_named_before_the_missing_array(entry):
    with pytest.raises(ConfigurationError, match="'log_prob'; did you mean 'log_probs'"):
        entry(strategy="margin", log_prob=np.log([[0.5, 0.5]]))


def test_a_seed_that_is_no_whole_number_is_refused():
    with pytest.raises(ConfigurationError, match="seed must be a whole number, got 'a'"):
        select("random", 1, log_probs=np.log([[0.5, 0.5]]), seed="a")
