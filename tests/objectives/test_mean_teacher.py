"""The mean teacher's loss against an independent version in float64: consistency, ramp, teacher and noise."""

from __future__ import annotations

import math

import pytest
import torch
from objective_cases import (
    Normed,
    TwoLayers,
    U,
    X,
    Y,
    assert_same_gradients,
    assert_teacher_takes_over_buffers,
    bound,
    copies,
    cross_entropy,
    moved,
    outputs,
    probabilities,
)

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.objectives.catalogue import OBJECTIVES


@pytest.mark.parametrize("step", [0, 3, 10, 70])
def test_it_equals_the_naive_loss_and_its_gradients_along_the_ramp(step):
    model = TwoLayers()
    objective = bound("mean_teacher", model, weight=50.0, ramp_up=0.1)
    objective.begin(100)
    teacher = [weight.detach().clone() for weight in model.parameters()]
    moved(model)
    parts = objective(model, X, Y, U, step=step).parts
    theirs = copies(model)
    both, squares = torch.cat((X, U)), []
    student, taught = probabilities(outputs(*theirs, both)), probabilities(outputs(*teacher, both))
    for row in range(10):
        squares += [(student[row, c] - taught[row, c]) ** 2 / 4 for c in range(4)]
    ramp = math.exp(-5 * (1 - step / 10) ** 2) if step < 10 else 1.0
    consistency = 50.0 * ramp * sum(squares) / 10
    total = consistency + cross_entropy(outputs(*theirs, X))
    torch.testing.assert_close(parts["consistency"], consistency, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(sum(parts.values()), total, atol=1e-12, rtol=1e-9)
    assert_same_gradients(sum(parts.values()), list(model.parameters()), total, theirs)


def test_the_teacher_is_the_mean_of_all_weights_until_the_decay_reaches_its_limit():
    model = TwoLayers()
    objective = bound("mean_teacher", model)
    weights = [model.last.detach().clone()]
    expected = weights[0]
    for n in range(1, 50):
        moved(model, seed=n)
        objective.after_step(model)
        weights.append(model.last.detach().clone())
        decay = min(1 - 1 / (n + 1), 0.97)
        expected = decay * expected + (1 - decay) * weights[-1]
        teacher = objective.teacher.module.last
        torch.testing.assert_close(teacher, expected, atol=1e-12, rtol=1e-9)
        if n < 33:
            torch.testing.assert_close(teacher, sum(weights) / (n + 1), atol=1e-9, rtol=1e-6)


def test_noise_is_drawn_afresh_for_each_network_and_has_the_given_deviation():
    seen = []

    class Spy(TwoLayers):
        def forward(self, x):
            seen.append(x)
            return super().forward(x)

    model = Spy()
    objective = bound("mean_teacher", model, noise=0.5, ramp_up=0.0)
    seen.clear()
    x = torch.zeros(4000, 3, dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        objective(model, x, torch.zeros(4000, dtype=torch.int64), None, step=0)
    student, teacher = seen
    assert not torch.equal(student, teacher)
    for noise in seen:
        assert noise.std().item() == pytest.approx(0.5, rel=0.05)
    assert torch.dot(student.flatten(), teacher.flatten()).abs() / 12_000 < 0.25 * 0.05


def test_without_unlabelled_items_the_labelled_ones_are_kept_consistent():
    model = TwoLayers()
    objective = bound("mean_teacher", model, weight=2.0, ramp_up=0.0)
    then = probabilities(model(X).outputs).detach()
    moved(model)
    parts = objective(model, X, Y, None, step=0).parts
    expected = 2.0 * ((probabilities(model(X).outputs) - then) ** 2).mean()
    torch.testing.assert_close(parts["consistency"], expected)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_teacher_takes_over_the_students_buffers_after_every_step(mode):
    assert_teacher_takes_over_buffers("mean_teacher", ramp_up=0.0, teacher_mode=mode)


def test_the_teacher_stays_in_its_mode_and_travels_in_the_state():
    objective = bound("mean_teacher", Normed(), teacher_mode="eval")
    objective.train()
    assert not objective.teacher.training
    assert "teacher.n_averaged" in objective.state_dict()


def test_unbound_or_unbegun_it_is_refused():
    with pytest.raises(ContractError, match=r"bind\(\)"):
        OBJECTIVES.create("mean_teacher")(TwoLayers(), X, Y, U, step=0)
    model = TwoLayers()
    with pytest.raises(ContractError, match=r"begin\(\) with the number of steps, or set ramp_up=0"):
        bound("mean_teacher", model)(model, X, Y, U, step=0)


@pytest.mark.parametrize("options", [{"weight": -1.0}, {"decay": 1.1}, {"ramp_up": 2.0}, {"noise": -0.1}])
def test_impossible_options_are_refused(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ConfigurationError, match=rf"'{name}' of objective 'mean_teacher' .* got {value}"):
        OBJECTIVES.create("mean_teacher", **options)
