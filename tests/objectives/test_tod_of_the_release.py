"""The TOD loss with the options of the preset ``code`` against a naive step of the released code."""

from __future__ import annotations

import pytest
import torch
from objective_cases import X, Y, draw

from nextlabel.objectives.tod import Tod
from nextlabel.presets.catalogue import load_preset
from nextlabel.training.network import ModuleNetwork
from release import DECAY, MOMENTUM, WEIGHT, NaiveRelease, TwinNet

OPTIONS = load_preset("code", "cifar10")["options"]["objective"]["tod"]


def close(one, two):
    torch.testing.assert_close(one, two, atol=1e-9, rtol=1e-9)


def made(**options):
    """A student, an unrelated network and the objective that is bound to the two."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        model, other = (ModuleNetwork(TwinNet(inputs=3)) for _ in range(2))
        model.with_embeddings = True
        objective = Tod(**{**OPTIONS, **options})
        if objective.uses_fresh_network:
            objective.take_fresh(other)
        objective.bind(model, model.eval()(draw(2, 3)))
    objective.double()
    return model.train(), other, objective.train()


@pytest.mark.parametrize("labelled", [(16,) * 8, (4,) * 8, (16, 4) * 4])
def test_eight_steps_equal_those_of_the_released_code(labelled):
    model, other, objective = made()
    assert OPTIONS["weight"] == WEIGHT
    head = objective.second_head
    naive = NaiveRelease(model.module.state_dict(), other.module.state_dict(), (head.weight, head.bias))
    trained = dict(model.module.named_parameters()) | {
        "second.weight": head.weight, "second.bias": head.bias,
    }  # fmt: skip
    optimizer = torch.optim.SGD(trained.values(), lr=0.1, momentum=MOMENTUM, weight_decay=DECAY)
    for step, count in enumerate(labelled):
        x, u = draw(count, 3, seed=50 + step), 1 + 2 * draw(16, 3, seed=90 + step)
        y = torch.arange(count) % 3
        lr = optimizer.param_groups[0]["lr"] = 0.1 if step < 6 else 0.01
        expected = naive.step(x, y, u, lr=lr)
        parts = objective(model, x, y, u, step=step).parts
        assert set(parts) == set(expected)
        for part, value in expected.items():
            assert value > 1e-6
            close(parts[part].detach(), value)
        optimizer.zero_grad()
        sum(parts.values()).backward()
        for name, gradient in naive.gradients.items():
            close(trained[name].grad, gradient)
        optimizer.step()
        objective.after_step(model)
        for name, weight in naive.student.weights.items():
            close(trained[name].detach(), weight)
        taught = objective.teacher.module.module
        for name, weight in naive.teacher.weights.items():
            close(taught.get_parameter(name), weight)
        for network, norm in ((naive.student, model.module.norm), (naive.teacher, taught.norm)):
            close(norm.running_mean, network.mean)
            close(norm.running_var, network.variance)
        assert not torch.allclose(taught.norm.running_mean, model.module.norm.running_mean, atol=1e-3)


@pytest.mark.parametrize(
    ("option", "value"), [("passes", "joint"), ("teacher_start", "copy"), ("teacher_buffers", "copied")]
)
def test_each_repair_changes_what_the_release_does(option, value):
    ends = []
    for options in ({}, {option: value}):
        model, _, objective = made(**options)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for step in range(2):
            losses = objective(model, X, Y % 3, 3 + draw(6, 3, seed=step), step=step)
            optimizer.zero_grad()
            losses.total.backward()
            optimizer.step()
            objective.after_step(model)
        ends.append({**model.state_dict(), **objective.state_dict()})
    assert any(not torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("form", ["paper", "code"])
def test_separate_passes_leave_the_running_statistics_on_the_unlabelled_batch(form):
    model, _, objective = made(form=form)
    x, u = draw(4, 3), 50 + draw(6, 3, seed=5)
    hidden = [model.module.first(batch).detach() for batch in (x, u)]
    objective(model, x, Y % 3, u, step=0)
    expected = model.module.norm.running_mean.new_zeros(8)
    for batch in hidden:
        expected = 0.9 * expected + 0.1 * batch.mean(0)
    close(model.module.norm.running_mean, expected)


def test_a_teacher_that_starts_at_random_is_the_unrelated_network():
    model, other, objective = made()
    for name, weight in objective.teacher.module.named_parameters():
        assert torch.equal(weight, other.get_parameter(name))
    assert not torch.equal(other.module.first.weight, model.module.first.weight)
    _, _, copied = made(teacher_start="copy")
    assert not copied.uses_fresh_network
    assert torch.equal(copied.teacher.module.module.first.weight, model.module.first.weight)
