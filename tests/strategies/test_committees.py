"""Promises of the strategies that look at several draws: MC dropout and query by committee."""

import math

import pytest
import torch

from nextlabel.errors import UnknownNameError
from nextlabel.strategies.mc_dropout import McDropout
from nextlabel.strategies.qbc import Qbc
from nextlabel.testing.strategies import check_strategy
from nextlabel.types import Outputs, PoolView

SURE = [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1]]
NOISY = [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
SPLIT = [[1.0, 0.0], [0.2, 0.8], [1.0, 0.0]]


def scores(strategy, probs=(SURE, NOISY, SPLIT)):
    view = PoolView(size=3, pool=Outputs(log_probs=torch.tensor(probs, dtype=torch.float64).log()))
    return strategy.score(view, rng=torch.Generator()).tolist()


def binary(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def test_mutual_information_prefers_disagreement_to_noise():
    split = binary(2.2 / 3) - binary(0.2) / 3
    assert scores(McDropout()) == pytest.approx([0, 0, split], abs=1e-12)
    assert scores(Qbc()) == pytest.approx([0, 0, split], abs=1e-12)


def test_the_other_measures_are_those_of_the_papers():
    assert scores(McDropout(uncertainty="entropy")) == pytest.approx(
        [binary(0.9), math.log(2), binary(2.2 / 3)]
    )
    assert scores(McDropout(uncertainty="variation_ratio")) == pytest.approx([0.1, 0.5, 1 - 2.2 / 3])
    assert scores(Qbc(disagreement="vote_entropy")) == pytest.approx([0, 0, binary(1 / 3)])


@pytest.mark.parametrize(
    "made",
    [
        McDropout(uncertainty="entropy"),
        McDropout(uncertainty="variation_ratio"),
        Qbc(disagreement="vote_entropy"),
    ],
)
def test_every_measure_conforms(made):
    check_strategy(lambda: made)


def test_unknown_measures_come_back_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'mutual_information'"):
        McDropout(uncertainty="mutual_info")
    with pytest.raises(UnknownNameError, match="did you mean 'vote_entropy'"):
        Qbc(disagreement="vote")
