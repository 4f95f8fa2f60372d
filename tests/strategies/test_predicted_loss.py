"""Promises of the strategy that queries by predicted loss."""

import pytest
import torch

import nextlabel
from nextlabel.errors import DataError
from nextlabel.strategies.learning_loss import LearningLoss
from nextlabel.types import Outputs, PoolView


def test_the_largest_predicted_losses_come_first_whatever_their_sign():
    predicted = torch.tensor([-3.0, 0.5, 2.0, -1.0, 0.5])
    chosen = nextlabel.select("learning_loss", extra={"predicted_loss": predicted}, batch_size=3, seed=0)
    assert chosen.tolist() == [2, 1, 4]


def test_more_than_one_number_a_candidate_is_refused():
    view = PoolView(size=3, pool=Outputs(extra={"predicted_loss": torch.zeros(3, 1)}))
    with pytest.raises(DataError, match=r"'extra:predicted_loss' must .*got shape \(3, 1\); reduce"):
        LearningLoss().score(view, rng=torch.Generator())
