"""A loss on pixels: equal to a naive one, blind to pixels without a class, refused to what wants items."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.objectives.learning_loss import LearningLoss
from nextlabel.objectives.masked import Masked
from nextlabel.objectives.supervised import SquaredError, Supervised
from nextlabel.objectives.tod import Tod
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.pairs import split
from nextlabel.types import Forward, Objective


def batches():
    rng = torch.Generator().manual_seed(0)
    masks = torch.randint(0, 3, (3, 1, 4, 5), generator=rng)
    masks[0, 0, 0, :3] = masks[2, 0, 2, 2] = 255
    images = torch.rand(3, 2, 4, 5, generator=rng)
    unlabelled = torch.rand(4, 3, 4, 5, generator=rng)
    return torch.cat((images, masks.float() / 255), 1), masks[:, 0], unlabelled


def network():
    torch.manual_seed(0)
    return ModuleNetwork(nn.Conv2d(2, 3, 1), per_pixel=True)


def probabilities(net, images):
    weight, bias = net.module.weight[:, :, 0, 0].double(), net.module.bias.double()
    return (torch.einsum("kc,bchw->bkhw", weight, images.double()) + bias[:, None, None]).softmax(1)


@pytest.fixture(autouse=True)
def _isolated():
    with torch.random.fork_rng():
        yield


def test_it_is_an_objective_that_passes_on_what_the_inner_one_wants():
    assert isinstance(Masked(Tod(), split=split, classes=3), Objective)
    assert Masked(Tod(), split=split, classes=3).uses_unlabelled
    assert not Masked(Supervised(), split=split, classes=3).uses_unlabelled


def test_cross_entropy_is_the_mean_over_pixels_with_a_class():
    x, masks, _ = batches()
    net = network()
    losses = Masked(Supervised(), split=split, classes=3)(net, x, torch.zeros(3), None, step=0)
    p = probabilities(net, x[:, :2])
    lost = [
        -p[b, masks[b, r, c], r, c].log()
        for b in range(3)
        for r in range(4)
        for c in range(5)
        if masks[b, r, c] != 255
    ]
    assert len(lost) == 56
    torch.testing.assert_close(losses.total.double(), torch.stack(lost).mean(), atol=1e-6, rtol=1e-6)


def test_the_tod_loss_is_the_mean_over_all_pixels_of_the_unlabelled_images():
    x, _, unlabelled = batches()
    net = network()
    objective = Masked(Tod(weight=0.3), split=split, classes=3)
    objective.bind(net, net(x[:, :2]))
    before = probabilities(net, unlabelled[:, :2])
    with torch.no_grad():
        net.module.weight += 0.5  # the teacher stays behind
        net.module.weight[0] -= 1
    losses = objective(net, x, torch.zeros(3), unlabelled, step=0).parts
    moved = ((probabilities(net, unlabelled[:, :2]) - before) ** 2).sum(1)
    torch.testing.assert_close(losses["tod"].double(), 0.3 * moved.mean(), atol=1e-7, rtol=1e-5)
    objective.after_step(net)
    with torch.no_grad():
        expected = (probabilities(net, unlabelled[:, :2]) - before).abs().max()
    assert expected > 0.01


def test_the_mask_of_unlabelled_images_changes_nothing():
    x, _, unlabelled = batches()
    net = network()
    objective = Masked(Tod(), split=split, classes=3)
    objective.bind(net, net(x[:, :2]))
    other = unlabelled.clone()
    other[:, -1] = 0
    one, two = (objective(net, x, torch.zeros(3), u, step=0).total for u in (unlabelled, other))
    assert torch.equal(one, two)


@pytest.mark.parametrize(
    "objective", [SquaredError(), Tod(form="code"), LearningLoss()], ids=["squared", "code", "learning_loss"]
)
def test_objectives_that_pixels_cannot_serve_are_refused(objective):
    with pytest.raises(ConfigurationError, match=r"to train on masks, got .*; use 'supervised'"):
        Masked(objective, split=split, classes=3)


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 5, 5)])
def test_a_model_without_one_output_a_class_and_pixel_is_refused(shape):
    with pytest.raises(ContractError, match=r"must return \(B, 3, height.* got shape .*; end it"):
        Masked(Supervised(), split=split, classes=3).bind(network(), Forward(torch.zeros(shape)))


def test_a_model_whose_outputs_are_coarser_than_its_images_is_refused():
    x, _, _ = batches()
    net = ModuleNetwork(nn.Conv2d(2, 3, 2, 2), per_pixel=True)
    objective = Masked(Supervised(), split=split, classes=3)
    example = net(objective.inputs(x))
    with pytest.raises(ContractError, match=r"images, \(4, 5\) pixels, got \(2, 2\); interpolate"):
        objective.bind(net, example)
