"""Promises of the networks that the theorem is checked on, against torch's own modules."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from nextlabel.papers.theory.networks import Perceptron, descend, draw_samples, observe
from nextlabel.papers.theory.summary import order, rank_correlation


@pytest.fixture
def network():
    return Perceptron((3, 5, 1))


@pytest.fixture
def sample(network):
    return draw_samples(network, 2, "test")


def module_of(sample, row):
    """Return torch's module with the weights of one row."""
    module = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    vector_to_parameters(sample.weights_mp[row], module.parameters())
    return module


def test_outputs_gradients_and_steps_are_those_of_torchs_modules_and_sgd(network, sample):
    state = observe(network, sample)
    path = descend(network, sample, eta=0.1, steps=3, momentum=0.9, decay=0.01)
    for row in range(2):
        module = module_of(sample, row)
        optimiser = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
        for step in range(4):
            output = module(sample.x_md[row])[0]
            torch.testing.assert_close(path.outputs_tm[step, row], output.detach())
            gradient = torch.cat(
                [g.flatten() for g in torch.autograd.grad(output, list(module.parameters()))]
            )
            if step == 0:
                torch.testing.assert_close(state.gradients_mp[row], gradient)
            optimiser.zero_grad()
            ((module(sample.x_md[row])[0] - sample.y_m[row]).square() / 2).backward()
            if step < 3:
                optimiser.step()
        torch.testing.assert_close(
            path.end.weights_mp[row], parameters_to_vector(module.parameters()).detach()
        )


def test_the_curvature_along_the_gradient_is_the_second_difference_of_the_output(network, sample):
    state = observe(network, sample, curvature=True)
    h = 1e-3

    def output(step):
        return network(sample.weights_mp + step * state.gradients_mp, sample.x_md)[:, 0]

    difference = (output(h) - 2 * output(0) + output(-h)) / h**2
    torch.testing.assert_close(state.curvatures_m, difference, rtol=1e-4, atol=1e-6)


def test_an_affine_model_has_no_curvature():
    linear = Perceptron((3, 1))
    assert observe(linear, draw_samples(linear, 2, "test"), curvature=True).curvatures_m.tolist() == [0, 0]


def test_samples_depend_on_seed_and_purpose_alone(network, sample):
    more = draw_samples(network, 3, "test")
    assert torch.equal(more.weights_mp[:2], sample.weights_mp)
    assert not torch.equal(draw_samples(network, 2, "other").x_md, sample.x_md)
    assert not torch.equal(more.x_md[0], more.x_md[1])


def test_weights_lie_within_the_root_of_their_inputs(network, sample):
    first, second = sample.weights_mp[:, :20].abs(), sample.weights_mp[:, 20:].abs()
    assert 0.4 < first.max() * math.sqrt(3) <= 1
    assert 0.4 < second.max() * math.sqrt(5) <= 1


def test_the_order_is_the_power_by_which_errors_fall():
    assert order([1e-3, 1e-2], [3e-6, 3e-4]) == pytest.approx(2)
    assert order([1e-3, 1e-2], [0.0, 1e-4]) == math.inf


def test_rank_correlation_is_as_computed_by_hand():
    first = torch.tensor([[1.0, 2.0, 3.0], [5.0, 1.0, 9.0]])
    second = torch.tensor([[0.1, 0.2, 0.9], [1.0, 5.0, -2.0]])
    torch.testing.assert_close(rank_correlation(first, second), torch.tensor([1.0, -1.0]).double())
