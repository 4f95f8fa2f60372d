"""The loss-prediction module: parameters, means over whole maps, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from model_cases import parameters

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.models.cifar_resnet import CifarResNet18
from nextlabel.models.imagenet_resnet import ImageNetResNet18
from nextlabel.models.loss_prediction import LossPrediction
from nextlabel.objectives.learning_loss import LearningLoss
from nextlabel.training.network import ModuleNetwork


def maps(*sides, channels=(2, 3), batch=4):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.rand(batch, count, side, side, generator=generator)
        for count, side in zip(channels, sides, strict=True)
    ]


def test_for_a_resnet_18_it_has_the_published_parameters():
    with torch.device("meta"):
        module = LossPrediction((64, 128, 256, 512))
    assert parameters(module) == (64 + 128 + 256 + 512) * 128 + 4 * 128 + 4 * 128 + 1 == 123_905


@pytest.mark.parametrize("network", [CifarResNet18, ImageNetResNet18])
def test_for_a_resnet_18_of_width_64_the_objective_has_the_published_module(network):
    objective = LearningLoss()
    with torch.device("meta"):
        model = ModuleNetwork(network((3, 32, 32), 10))
        model.with_stages = True
        objective.bind(model, model(torch.empty(2, 3, 32, 32)))
    assert parameters(objective.predictor) == 123_905


@pytest.mark.parametrize(
    ("model", "shape"),
    [(CifarResNet18, (3, 32, 32)), (ImageNetResNet18, (3, 64, 64)), (CifarResNet18, (8, 8))],
)
def test_it_predicts_one_loss_an_item_from_the_stages_of_a_network(model, shape):
    network = model(shape, 10, width=2)
    losses = LossPrediction(network.stage_channels)(network.forward_stages(torch.rand(3, *shape)))
    assert losses.shape == (3,)


def test_the_prediction_is_the_formula_in_plain_loops():
    module = LossPrediction((2, 3), units=5).double().requires_grad_(False)
    stages = [stage.double() for stage in maps(4, 2)]
    losses = module(stages)
    for item in range(4):
        hidden = []
        for layer, stage in zip(module.hidden, stages, strict=True):
            mean = torch.stack([channel.sum() / channel.numel() for channel in stage[item]])
            hidden += [
                max(0.0, float(row @ mean + b)) for row, b in zip(layer.weight, layer.bias, strict=True)
            ]
        expected = sum(h * float(w) for h, w in zip(hidden, module.head.weight[0], strict=True))
        assert losses[item].item() == pytest.approx(expected + module.head.bias.item(), abs=1e-12)


def test_every_position_of_a_large_map_counts():
    module, stages = LossPrediction((2, 3)), maps(56, 28)
    for stage in stages:
        stage.requires_grad_()
    module(stages).sum().backward()
    for stage in stages:
        slopes = stage.grad[0].flatten(1)
        assert slopes.any()
        assert torch.equal(slopes, slopes[:, :1].expand_as(slopes))


def test_a_stage_without_positions_counts_as_its_own_mean():
    module, stages = LossPrediction((2, 3)), maps(4, 2)
    assert torch.equal(module(stages), module([stages[0].mean((2, 3)), stages[1]]))


def test_it_trains_without_the_network_where_the_caller_detaches_the_stages():
    module, stages = LossPrediction((2, 3)), [stage.requires_grad_() for stage in maps(2, 2)]
    module([stage.detach() for stage in stages]).sum().backward()
    assert all(stage.grad is None for stage in stages)
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize(("channels", "units"), [((), 128), ((4, 0), 128), ((4,), 0)])
def test_impossible_sizes_are_refused(channels, units):
    with pytest.raises(ConfigurationError, match="loss prediction"):
        LossPrediction(channels, units=units)


@pytest.mark.parametrize(
    "stages", [maps(4, 2)[:1], maps(4, 2)[::-1], [stage.mean(3) for stage in maps(4, 2)]]
)
def test_other_stages_than_it_was_made_for_are_refused_with_their_shapes(stages):
    with pytest.raises(ContractError, match=r"\[2, 3\] channels, got shapes \[\(4, "):
        LossPrediction((2, 3))(stages)
