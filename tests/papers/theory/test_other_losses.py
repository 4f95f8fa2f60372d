"""The checks of losses that are not half the squared error: what they compute, and what makes them fail."""

import math

import pytest
import torch

from nextlabel import discrepancy
from nextlabel.papers.theory import cross_entropy, other_losses
from nextlabel.papers.theory.cross_entropy import classification, largest_ratio
from nextlabel.papers.theory.networks import Perceptron, draw_samples
from nextlabel.papers.theory.other_losses import ABSOLUTE, SQUARED, absolute_error, full_squared_error

SEEDS = 10
CHECKS = {15: absolute_error, 16: full_squared_error, 17: largest_ratio}


def failing(*numbers):
    checks = [CHECKS[number](SEEDS) for number in numbers]
    return {check.number for check in checks if not check.as_expected}


@pytest.mark.parametrize("loss", [ABSOLUTE, SQUARED])
def test_a_step_is_that_of_autograd_on_the_loss(loss):
    network = Perceptron()
    sample = draw_samples(network, 2, "smooth")
    weights = sample.weights_mp.clone().requires_grad_()
    before = network(weights, sample.x_md)[:, 0]
    loss.value(before - sample.y_m).sum().backward()
    after = network(weights.detach() - 0.1 * weights.grad, sample.x_md)[:, 0]
    state, steps = other_losses._steps(loss, 2)
    bound = 0.1 * (2 * loss.value(before - sample.y_m)).sqrt().detach() * state.sq_norms_m
    torch.testing.assert_close(steps[4].ratio, (after - before.detach()).abs() / bound)


def test_the_absolute_error_exceeds_the_bound_by_the_ratio_that_its_residual_gives():
    check = absolute_error(SEEDS)
    sizes, ratios = check.samples["|r|"], check.samples["D/B"]
    assert ratios == pytest.approx([1 / math.sqrt(2 * size) for size in sizes], rel=1e-4)
    assert check.measured[1].values["violated"] == sum(size < 0.5 for size in sizes) / SEEDS


def test_the_squared_error_without_the_half_exceeds_the_bound_by_the_root_of_2():
    assert full_squared_error(SEEDS).samples["D/B"] == pytest.approx([math.sqrt(2)] * SEEDS, rel=1e-4)


@pytest.mark.parametrize(
    ("number", "name", "mutant"),
    [
        (15, "ABSOLUTE", other_losses._Loss(lambda r: r.square() / 2, lambda r: r)),  # the theorem's own
        (15, "ABSOLUTE", other_losses._Loss(lambda r: r.abs() / 2, torch.sign)),
        (16, "SQUARED", other_losses._Loss(lambda r: r.square() / 2, lambda r: r)),
        (16, "SQUARED", other_losses._Loss(lambda r: 1.01 * r.square(), lambda r: 2 * r)),
    ],
)
def test_another_loss_is_not_taken_for_it(monkeypatch, number, name, mutant):
    monkeypatch.setattr(other_losses, name, mutant)
    assert failing(number) == {number}


def test_where_the_inequality_is_kept_the_verdict_says_so(monkeypatch):
    bound = discrepancy.theorem1_bound
    monkeypatch.setattr(discrepancy, "theorem1_bound", lambda *args: 99 * bound(*args))
    for number in (15, 16):
        check = CHECKS[number](SEEDS)
        assert (check.verdict, check.as_expected) == ("holds to first order", False)


def test_the_largest_ratio_is_where_its_derivative_vanishes():
    at, top = cross_entropy._summit()
    assert 1 - at == pytest.approx(-2 * at * math.log(at), rel=1e-12)
    assert top**2 == pytest.approx(2 * at * (1 - at), rel=1e-12)  # follows from the line above
    assert (round(at, 4), round(top, 4)) == (0.2847, 0.6382)


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("_limit", lambda p: (1 - p) / -p.log()),
        ("_limit", lambda p: 0.99 * (1 - p) / (-p.log()).sqrt()),
        ("_summit", lambda: (0.5, 0.6006)),
        ("SHARPEST", 0.65),
        ("SHARPEST_AT", 0.3),
    ],
)
def test_a_wrong_largest_ratio_is_found(monkeypatch, name, mutant):
    monkeypatch.setattr(cross_entropy, name, mutant)
    assert failing(17) == {17}


def test_logits_whose_error_is_no_probability_break_the_largest_ratio(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "softmax", lambda logits, dim: logits.sigmoid())
    check = largest_ratio(SEEDS)
    assert (check.verdict, check.as_expected) == ("does not hold", False)


def test_mirrored_logits_give_the_probabilities_asked_and_reach_the_limit():
    p = torch.tensor([0.05, 0.3, 0.9]).double()
    steps = cross_entropy._mirrored_steps(3, p)
    torch.testing.assert_close(steps.p, p)
    torch.testing.assert_close(steps.error, torch.ones(3).double())
    torch.testing.assert_close(steps.ratios[0], (1 - p) / (-p.log()).sqrt(), rtol=1e-3, atol=0)


def test_no_five_classes_come_as_far():
    assert max(row.values["max"] for row in classification(SEEDS).measured) < 0.6
