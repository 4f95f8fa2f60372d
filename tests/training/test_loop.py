"""The watch over the loss."""

from __future__ import annotations

import pytest
import torch

from nextlabel.errors import ContractError
from nextlabel.training.loop import WINDOW, LossMeter


def test_means_are_over_the_steps_of_the_epoch():
    meter = LossMeter()
    meter.add(0, {"a": torch.tensor(100.0)})
    meter.restart()
    for step, value in enumerate((1.0, 2.0, 6.0)):
        meter.add(step, {"a": torch.tensor(value), "b": torch.tensor(0.5)})
    assert meter.means() == {"train_loss": 3.5, "a_loss": 3.0, "b_loss": 0.5}


def test_one_part_is_reported_once():
    meter = LossMeter()
    meter.add(0, {"a": torch.tensor(2.0)})
    assert meter.means() == {"train_loss": 2.0}


def test_sums_do_not_depend_on_when_they_are_settled():
    values = torch.rand(130, generator=torch.Generator().manual_seed(0))
    often, seldom = LossMeter(), LossMeter()
    for step, value in enumerate(values):
        often.add(step, {"a": value})
        seldom.add(step, {"a": value})
        if step % 7 == 0:
            often.settle()
    assert often.means() == seldom.means()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_named_by_part_and_step(value):
    meter, good = LossMeter(), {"a": torch.tensor(1.0), "b": torch.tensor(1.0)}
    for step in range(WINDOW - 1):
        meter.add(step, {**good, "b": torch.tensor(value)} if step == 3 else good)
    with pytest.raises(ContractError, match=r"got (nan|inf) as its part 'b' at step 3; lower lr"):
        meter.add(WINDOW - 1, good)
