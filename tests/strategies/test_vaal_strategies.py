"""Promises of the strategies that ask an adversarially trained learner."""

import pytest
import torch

from nextlabel.errors import DataError
from nextlabel.strategies.ta_vaal import TaVaal
from nextlabel.strategies.vaal import Vaal
from nextlabel.types import Outputs, PoolView

CASES = [(Vaal(), "labelled_probability"), (TaVaal(), "task_labelled_probability")]


def view(field, values):
    tensor = torch.as_tensor(values)
    return PoolView(size=len(tensor), pool=Outputs(extra={field: tensor}))


@pytest.mark.parametrize(("made", "field"), CASES)
def test_the_least_labelled_comes_first_however_near_to_zero(made, field):
    scores = made.score(view(field, [0.5, 1e-12, 0.9, 3e-30]), rng=torch.Generator())
    assert scores.sort(descending=True).indices.tolist() == [3, 1, 0, 2]
    assert scores.tolist() == pytest.approx([-0.5, -1e-12, -0.9, -3e-30])


@pytest.mark.parametrize(("made", "field"), CASES)
def test_several_numbers_an_item_are_refused(made, field):
    with pytest.raises(
        DataError, match=f"'extra:{field}' must hold one number per item for strategy '{made.name}'.*; reduce"
    ):
        made.score(view(field, torch.zeros(3, 2)), rng=torch.Generator())
