"""Promises of the strategy that queries by the ratio of the two largest class probabilities."""

import numpy as np
import pytest
import torch

import nextlabel
from nextlabel.errors import DataError
from nextlabel.strategies.ratio import Ratio
from nextlabel.types import Outputs, PoolView


def scores(log_probs_nkc):
    log_probs = torch.as_tensor(log_probs_nkc)
    return Ratio().score(PoolView(len(log_probs), Outputs(log_probs=log_probs)), rng=torch.Generator())


def test_the_ratio_is_that_of_the_second_class_to_the_first():
    probs = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.4, 0.2, 0.4]])
    assert nextlabel.score("ratio", log_probs=np.log(probs)).tolist() == pytest.approx([0.5, 0.125, 1.0])
    assert nextlabel.select("ratio", batch_size=2, log_probs=np.log(probs)).tolist() == [2, 0]


def test_it_ranks_otherwise_than_margin():
    log_probs = np.log([[0.60, 0.40, 1e-9, 1e-9], [0.36, 0.22, 0.21, 0.21]])  # gaps 0.20 and 0.14
    assert nextlabel.select("margin", batch_size=1, log_probs=log_probs).tolist() == [1]
    assert nextlabel.select("ratio", batch_size=1, log_probs=log_probs).tolist() == [0]  # 0.667 and 0.611


def test_it_agrees_with_numpy_over_draws():
    probs_nkc = np.random.default_rng(0).dirichlet(np.ones(5), size=(40, 3))
    ordered_nc = np.sort(probs_nkc.mean(1), axis=1)
    expected = ordered_nc[:, -2] / ordered_nc[:, -1]
    assert scores(np.log(probs_nkc)).numpy() == pytest.approx(expected, rel=1e-12)


def test_a_second_class_that_has_almost_no_probability_keeps_its_order():
    log_probs = torch.tensor([[0.0, -80.0], [0.0, -60.0], [0.0, -200.0]], dtype=torch.float32)[:, None]
    assert scores(log_probs).tolist() == pytest.approx([np.exp(-80.0), np.exp(-60.0), 0.0], rel=1e-5)


def test_a_single_class_is_refused():
    with pytest.raises(DataError, match="at least 2 classes, got 1; pass"):
        scores(torch.zeros(3, 1, 1))
