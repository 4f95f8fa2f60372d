"""Whole fits with the settings of the preset ``code`` against a naive version of the released code."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from learner_cases import UNLABELLED, X, Y, fit, learner, same_bits, small_mlp, state
from nextlabel.errors import UnknownNameError
from nextlabel.objectives.tod import Tod
from nextlabel.parts import Part
from nextlabel.presets.catalogue import load_preset
from nextlabel.training import loop as training
from nextlabel.training.batches import Order
from nextlabel.training.config import TrainingConfig
from release import NaiveRelease, TwinNet
from torch_learners import torch_learner

PRESET = load_preset("code", "cifar10")
TOD = PRESET["options"]["objective"]["tod"]


class KilledError(Exception):
    pass


class Recording(Tod):
    """Remembers what every step was given, and the networks as they were bound."""

    steps: list
    bound: list

    def bind(self, model, example):
        super().bind(model, example)
        kept = (model.module.state_dict(), self.teacher.module.module.state_dict())
        head = self.second_head
        copies = [{name: tensor.clone() for name, tensor in one.items()} for one in kept]
        self.bound.append((copies, head.weight.detach().clone(), head.bias.detach().clone()))

    def forward(self, model, x, y, unlabelled, *, step):
        self.steps.append((x.clone(), y.clone(), unlabelled.clone()))
        return super().forward(model, x, y, unlabelled, step=step)


def of_the_release(**options):
    given = {"epochs": 4, "batch_size": 16, "lr": 0.1, "milestones": [0.75], "device": "cpu"}
    given["unlabelled_draw"] = PRESET["learner"]["unlabelled_draw"]
    return torch_learner(TwinNet, **{**given, **options})


def test_two_cycles_of_fits_equal_those_of_the_released_code(tmp_path):
    Recording.steps, Recording.bound = [], []
    made = of_the_release(objective=partial(Recording, **TOD))
    labelled = [(X.slice(0, 20), Y[:20]), (X, Y)]  # 16 + 4, then 16 + 5 items an epoch
    ends = []
    for cycle, (x, y) in enumerate(labelled):
        (tmp_path / str(cycle)).mkdir()
        made.fit(x, y, UNLABELLED, seed=cycle, workdir=tmp_path / str(cycle))
        ends.append(load_file(tmp_path / str(cycle) / "end.safetensors"))
    (student, teacher), *head = Recording.bound[0]
    naive = NaiveRelease(student, teacher, head)
    assert [len(u) for _, _, u in Recording.steps] == [16] * 16
    assert [len(x) for x, _, _ in Recording.steps] == [16, 4] * 4 + [16, 5] * 4
    for cycle, end in enumerate(ends):
        naive.begin_cycle()  # the teacher, its count and the second head go on, the optimiser does not
        for step, (x, y, u) in enumerate(Recording.steps[8 * cycle : 8 * cycle + 8]):
            naive.step(x, y, u, lr=0.1 if step < 6 else 0.01)
        for name, weight in naive.student.weights.items():
            found = end.get(f"model/{name}", end.get(f"objective/second_head.{name.split('.')[1]}"))
            torch.testing.assert_close(found, weight, atol=1e-9, rtol=1e-9)
        for name, weight in naive.teacher.weights.items():
            found = end[f"objective/teacher.module.module.{name}"]
            torch.testing.assert_close(found, weight, atol=1e-9, rtol=1e-9)
        taught = "objective/teacher.module.module."
        for prefix, network in (("model/", naive.student), (taught, naive.teacher)):
            found = end[f"{prefix}norm.running_var"]
            torch.testing.assert_close(found, network.variance, atol=1e-9, rtol=1e-9)
    assert naive.count == 16


def test_in_the_first_fit_every_step_sees_the_same_unlabelled_items_and_later_a_new_draw(tmp_path):
    Recording.steps, Recording.bound = [], []
    made = of_the_release(objective=partial(Recording, **TOD))
    for cycle in range(2):
        (tmp_path / str(cycle)).mkdir()
        made.fit(X, Y, UNLABELLED, seed=3, workdir=tmp_path / str(cycle))
    drawn = [u for _, _, u in Recording.steps]
    assert all(torch.equal(drawn[0], u) for u in drawn[:8])
    rows = [frozenset(map(tuple, u.tolist())) for u in drawn]
    assert len(set(rows[8:])) == 8  # C(29, 16) sets
    assert all(len(batch) == 16 for batch in rows)


def test_labelled_and_unlabelled_batches_are_augmented_by_draws_of_their_own_at_every_step(tmp_path):
    def shifted(batch, generator):
        return batch + 100 + torch.rand(1, generator=generator)

    Recording.steps, Recording.bound = [], []
    made = of_the_release(objective=partial(Recording, **TOD), augment=shifted)
    made.fit(X, Y, UNLABELLED, seed=3, workdir=tmp_path)
    shifts = set()
    for _, _, u in Recording.steps:  # the same items at every step of a first fit
        assert u.min() > 90
        shifts.add(round(float(u[0, 0]), 4))
    assert len(shifts) == len(Recording.steps) == 8
    assert min(x.min() for x, _, _ in Recording.steps) > 90


def test_the_unlabelled_batch_is_whole_where_the_labelled_items_are_fewer(tmp_path):
    Recording.steps, Recording.bound = [], []
    made = of_the_release(objective=partial(Recording, **TOD), epochs=2)
    made.fit(X.slice(0, 6), Y[:6], UNLABELLED, seed=3, workdir=tmp_path)
    assert [(len(x), len(u)) for x, _, u in Recording.steps] == [(6, 16)] * 2


def test_a_killed_fit_of_the_release_ends_in_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("nextlabel.training.loop.PROGRESS_SECONDS", 0.0)

    def stop(_phase, done, _):
        if done == 5:
            raise KilledError

    ends = {}
    for name in ("whole", "killed"):
        made = of_the_release(objective=Part("tod", TOD), checkpoint_seconds=0)
        folder = tmp_path / name
        folder.mkdir()
        if name == "killed":
            made.progress = stop
            with pytest.raises(KilledError):
                made.fit(X, Y, UNLABELLED, seed=1, workdir=folder)
            made.progress = None
        made.fit(X, Y, UNLABELLED, seed=1, workdir=folder)
        ends[name] = state(folder)
    assert same_bits(ends["whole"], ends["killed"])


@pytest.mark.parametrize("draw", ["redrawn", "fixed"])
def test_a_step_that_draws_for_itself_takes_distinct_rows_by_the_seed(draw):
    def order(seed):
        return Order(10, 4, seed=seed, purpose="unlabelled", whole=False, draw=draw)

    def rows(seed, step):
        number, start, stop = order(seed).locate(step)
        return tuple(order(seed).permutation(number)[start:stop].tolist())

    taken = [rows(1, step) for step in range(6)]
    assert all(len(set(batch)) == 4 for batch in taken)
    assert taken == [rows(1, step) for step in range(6)]
    assert taken != [rows(2, step) for step in range(6)]
    assert len(set(taken)) == (1 if draw == "fixed" else 6)


def test_an_unknown_draw_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'redrawn'"):
        learner(unlabelled_draw="redraw")


def test_the_draw_of_the_first_fit_is_fixed_for_new_weights_alone():
    recipe = TrainingConfig(unlabelled_draw="fixed_first")
    assert recipe.for_fit(from_scratch=True).unlabelled_draw == "fixed"
    assert recipe.for_fit(from_scratch=False).unlabelled_draw == "redrawn"


def test_untrained_networks_come_from_a_function_of_their_own(tmp_path):
    def pretrained():
        net = TwinNet()
        torch.nn.init.constant_(net.first.weight, 7.0)
        return net

    made = torch_learner(
        pretrained, snapshots=["untrained", "initial"], untrained_model=TwinNet, epochs=1, batch_size=16,
        objective=partial(Recording, **TOD), device="cpu",
    )  # fmt: skip
    Recording.steps, Recording.bound = [], []
    made.fit(X, Y, UNLABELLED, seed=1, workdir=tmp_path)
    assert (state(tmp_path, "initial")["model/first.weight"] == 7.0).all()
    untrained = state(tmp_path, "untrained")["model/first.weight"]
    (_, teacher), *_ = Recording.bound[0]
    assert untrained.abs().max() < 1
    assert teacher["first.weight"].abs().max() < 1
    assert not torch.equal(untrained, teacher["first.weight"])  # two unrelated networks


def test_the_rate_of_the_loss_module_stays_while_that_of_the_network_falls(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(training.TrainingRun, "_step", spy(training.TrainingRun._step, seen))
    options = {"module_rate": "constant", "units": 4}
    made = learner(model=small_mlp, objective=Part("learning_loss", options), lr=0.1, epochs=5)
    fit(made, tmp_path)
    assert len(seen) == 15
    assert set(seen[:12]) == {(0.1, 0.1)}
    assert seen[12:] == [(pytest.approx(0.01), 0.1)] * 3


def spy(step, seen):
    """Return the step, which notes the learning rate of every group of the optimiser first."""

    def stepping(self, *arguments):
        seen.append(tuple(group["lr"] for group in self.optimizer.param_groups))
        step(self, *arguments)

    return stepping


@pytest.mark.parametrize("gradients", ["zeroed", "accumulated"])
def test_a_killed_fit_with_a_constant_rate_ends_in_the_same_bits(tmp_path, monkeypatch, gradients):
    monkeypatch.setattr("nextlabel.training.loop.PROGRESS_SECONDS", 0.0)
    options = {"module_rate": "constant", "module_gradients": gradients, "units": 4, "detach_after": 0.0}
    made = [
        learner(model=small_mlp, objective=Part("learning_loss", options), checkpoint_seconds=0)
        for _ in range(2)
    ]
    fit(made[0], tmp_path / "whole")

    def stop(_phase, done, _):
        if done == 4:
            raise KilledError

    made[1].progress = stop
    with pytest.raises(KilledError):
        fit(made[1], tmp_path / "killed")
    made[1].progress = None
    fit(made[1], tmp_path / "killed")
    assert same_bits(state(tmp_path / "whole"), state(tmp_path / "killed"))
