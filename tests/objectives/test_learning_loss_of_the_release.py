"""The module that predicts losses with the options of the preset ``code``: pooling, rate and gradients."""

from __future__ import annotations

import pytest
import torch
from objective_cases import TwoLayers, X, Y, bound, draw
from torch.nn import functional

from nextlabel.errors import UnknownNameError
from nextlabel.models.loss_prediction import LossPrediction
from nextlabel.objectives.catalogue import OBJECTIVES


@pytest.mark.parametrize("sides", [(56, 28, 14, 7), (32, 16, 8, 4)])
def test_corner_pooling_is_that_of_the_released_pools(sides):
    channels = (2, 3, 4, 5)
    module = LossPrediction(channels, units=6, pooling="corner").double()
    stages = [draw(3, c, side, side, seed=c) for c, side in zip(channels, sides, strict=True)]
    hidden = []
    for maps, kernel, layer in zip(stages, (32, 16, 8, 4), module.hidden, strict=True):
        pooled = functional.avg_pool2d(maps, kernel).flatten(1)
        assert pooled.shape == (3, maps.shape[1])
        hidden.append(torch.relu(pooled @ layer.weight.T + layer.bias))
    expected = (torch.cat(hidden, 1) @ module.head.weight.T + module.head.bias)[:, 0]
    torch.testing.assert_close(module(stages), expected, atol=1e-12, rtol=1e-9)
    whole = LossPrediction(channels, units=6).double()
    whole.load_state_dict(module.state_dict())
    assert torch.allclose(whole(stages), expected) == (sides[0] == 32)


def test_corner_pooling_takes_small_maps_whole_and_stages_without_positions_as_they_are():
    corner = LossPrediction((2, 3), units=4, pooling="corner").double()
    mean = LossPrediction((2, 3), units=4).double()
    mean.load_state_dict(corner.state_dict())
    for stages in ([draw(2, 2, 7, 7), draw(2, 3, 5, 5)], [draw(2, 2), draw(2, 3)]):
        assert torch.equal(corner(stages), mean(stages))


def stepped(objective, model):
    """Return the gradients of the module's parameters of one step, and zero them."""
    sum(objective(model, X, Y, None, step=0).parts.values()).backward()
    parameters = list(objective.predictor.parameters())
    found = [parameter.grad.clone() for parameter in parameters]
    for parameter in [*parameters, *model.parameters()]:
        parameter.grad = None
    return found


def test_accumulated_gradients_are_the_sum_of_all_steps_and_travel_in_the_state():
    model = TwoLayers()
    options = {"detach_after": 0.0, "units": 6}
    objective = bound("learning_loss", model, module_gradients="accumulated", **options)
    plain = bound("learning_loss", model, **options)
    plain.predictor.load_state_dict(objective.predictor.state_dict())
    single = stepped(plain, model)
    assert max(gradient.abs().max() for gradient in single) > 1e-3
    for count in (1, 2, 3):
        for total, one in zip(stepped(objective, model), single, strict=True):
            torch.testing.assert_close(total, count * one, atol=1e-12, rtol=1e-9)
    other = bound("learning_loss", model, module_gradients="accumulated", **options)
    other.load_state_dict(objective.state_dict())
    for total, one in zip(stepped(other, model), single, strict=True):
        torch.testing.assert_close(total, 4 * one, atol=1e-12, rtol=1e-9)
    assert not any("accumulated" in name for name in plain.state_dict())


def test_a_module_of_constant_rate_names_its_parameters_and_those_of_its_base():
    constant = bound("learning_loss", TwoLayers(), module_rate="constant")
    assert list(map(id, constant.unscheduled())) == list(map(id, constant.predictor.parameters()))
    plain = bound("learning_loss", TwoLayers())
    assert plain.unscheduled() == ()
    of_base = (torch.nn.Parameter(torch.zeros(2)),)
    plain.base.unscheduled = lambda: of_base
    assert plain.unscheduled() == of_base


def test_a_base_with_a_teacher_of_its_own_is_given_the_unrelated_network():
    model, other = TwoLayers(), TwoLayers(seed=5)
    objective = OBJECTIVES.create("learning_loss(tod(teacher_start=random))")
    assert objective.uses_fresh_network
    objective.take_fresh(other)
    objective.bind(model, model(draw(2, 3)))
    assert torch.equal(objective.base.teacher.module.first, other.first)


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ({"pooling": "korner"}, "corner"),
        ({"module_rate": "const"}, "constant"),
        ({"module_gradients": "zero"}, "zeroed"),
    ],
)
def test_unknown_choices_are_refused_with_the_nearest(options, near):
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        OBJECTIVES.create("learning_loss", **options)
