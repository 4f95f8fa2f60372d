"""Promises of the strategies that look at the present class probabilities, and of random."""

import math

import numpy as np
import pytest
import torch

from nextlabel.errors import DataError
from nextlabel.strategies.cod import Cod
from nextlabel.strategies.entropy import Entropy
from nextlabel.strategies.gini import Gini
from nextlabel.strategies.least_confidence import LeastConfidence
from nextlabel.strategies.margin import Margin
from nextlabel.strategies.random import Random
from nextlabel.types import Outputs, PoolView

PROBS = [[0.6, 0.3, 0.1], [0.45, 0.44, 0.11], [0.4, 0.3, 0.3], [0.98, 0.01, 0.01]]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def view(probs):
    log_probs = torch.tensor(probs, dtype=torch.float64).log()
    return PoolView(
        size=len(probs), pool=Outputs(log_probs=log_probs if log_probs.ndim == 3 else log_probs[:, None])
    )


def order(strategy, probs=PROBS):
    return strategy.score(view(probs), rng=rng()).argsort(descending=True).tolist()


def test_margin_prefers_the_row_whose_top_two_classes_are_closest():
    assert order(Margin()) == [1, 2, 0, 3]
    assert Margin().score(view(PROBS), rng=rng()).tolist() == pytest.approx([-0.3, -0.01, -0.1, -0.97])


def test_least_confidence_prefers_the_row_whose_best_class_is_least_probable():
    assert order(LeastConfidence()) == [2, 1, 0, 3]
    assert LeastConfidence().score(view(PROBS), rng=rng()).tolist() == pytest.approx([0.4, 0.55, 0.6, 0.02])


def test_entropy_prefers_the_row_whose_distribution_is_widest():
    assert order(Entropy()) == [2, 1, 0, 3]
    expected = [-sum(p * math.log(p) for p in row) for row in PROBS]
    assert Entropy().score(view(PROBS), rng=rng()).tolist() == pytest.approx(expected)


def test_gini_prefers_the_row_whose_probabilities_have_the_smallest_sum_of_squares():
    assert order(Gini()) == [2, 1, 0, 3]
    expected = [1 - sum(p * p for p in row) for row in PROBS]
    assert Gini().score(view(PROBS), rng=rng()).tolist() == pytest.approx(expected)


def test_gini_ranks_as_cod_does_against_the_uniform_distribution():
    cod = Cod(first_cycle="least_confident").score(view(PROBS), rng=rng())
    gini = Gini().score(view(PROBS), rng=rng())
    assert gini.tolist() == pytest.approx((2 * cod + 1 - 1 / 3).tolist())


@pytest.mark.parametrize(
    "strategy", [Margin(), LeastConfidence(), Entropy(), Gini()], ids=lambda part: part.name
)
def test_several_draws_are_averaged_before_uncertainty_is_measured(strategy):
    generator = np.random.default_rng(0)
    draws = generator.dirichlet(np.ones(4), size=(7, 5))
    mean = [[sum(draw[c] for draw in item) / 5 for c in range(4)] for item in draws]
    averaged = strategy.score(view(mean), rng=rng())
    torch.testing.assert_close(strategy.score(view(draws.tolist()), rng=rng()), averaged, rtol=1e-12, atol=0)


def test_margin_of_a_single_class_is_refused():
    with pytest.raises(DataError, match="at least 2 classes"):
        Margin().score(view([[1.0], [1.0]]), rng=rng())


def test_random_scores_are_uniform_doubles_of_the_seed():
    pool = PoolView(size=1000, pool=Outputs())
    scores = Random().score(pool, rng=rng(3))
    assert scores.dtype == torch.float64
    assert torch.equal(scores, Random().score(pool, rng=rng(3)))
    assert not torch.equal(scores, Random().score(pool, rng=rng(4)))
    assert bool(((scores >= 0) & (scores < 1)).all())
    assert abs(scores.mean().item() - 0.5) < 4 * math.sqrt(1 / 12 / 1000)
