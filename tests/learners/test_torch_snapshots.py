"""The snapshots of a training run are the weights it really had; each costs a file only where it is asked
for."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file

from learner_cases import NormedNet, fit, learner, same_bits, small_mlp, state
from nextlabel.errors import ConfigurationError
from nextlabel.objectives.supervised import Supervised
from nextlabel.training import loop as training


def weights(tensors):
    return {name: tensor for name, tensor in tensors.items() if name.startswith("model/")}


@pytest.mark.parametrize(
    ("snapshot", "steps"), [("step", 1), ("2 steps", 2), ("epoch", 3), ("2 epochs", 6), ("8 steps", 8)]
)
def test_a_gap_is_the_weights_of_a_training_that_was_stopped_there(tmp_path, monkeypatch, snapshot, steps):
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)

    class StoppedError(Exception):
        pass

    def stop(_phase, done, total):
        if done == total - steps:
            raise StoppedError

    fit(learner(snapshots=[snapshot]), tmp_path / "whole")
    stopped = learner(snapshots=(), checkpoint_seconds=0)
    stopped.progress = stop
    with pytest.raises(StoppedError):
        fit(stopped, tmp_path / "stopped")
    expected = weights(load_file(tmp_path / "stopped" / "checkpoint.safetensors"))
    assert same_bits(state(tmp_path / "whole", snapshot.replace(" ", "-")), expected)


@pytest.mark.parametrize("snapshot", ["9 steps", "10 steps", "3 epochs", "50 epochs"])
def test_a_gap_as_long_as_the_training_gives_the_initial_weights(tmp_path, snapshot):
    fit(learner(snapshots=["initial", snapshot]), tmp_path)
    assert same_bits(state(tmp_path, snapshot.replace(" ", "-")), state(tmp_path, "initial"))


class Recording(Supervised):
    """Remembers the weights after every step, in float64."""

    history: ClassVar[list[dict[str, torch.Tensor]]] = []

    def bind(self, model, example):
        super().bind(model, example)
        self.after_step(model)

    def after_step(self, model):
        kept = {f"model/{n}": p.detach().double().clone() for n, p in model.module.named_parameters()}
        self.history.append(kept)


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_the_ema_follows_its_recursion_and_copies_buffers(tmp_path, decay):
    Recording.history.clear()
    fit(learner(objective=Recording, snapshots=["ema"], ema_decay=decay), tmp_path)
    first, *steps = Recording.history
    assert len(steps) == 9
    average = dict(first)
    for step in steps:
        average = {name: decay * average[name] + (1 - decay) * step[name] for name in average}
    found = state(tmp_path, "ema")
    for name, expected in average.items():
        torch.testing.assert_close(found[name].double(), expected, rtol=0, atol=1e-6)
    end = weights(state(tmp_path))
    buffers = end.keys() - average.keys()
    assert buffers == {f"model/norm.{n}" for n in ("running_mean", "running_var", "num_batches_tracked")}
    assert all(torch.equal(found[name], end[name]) for name in buffers)


def test_a_warm_fit_begins_its_ema_at_the_weights_it_goes_on_from(tmp_path):
    made = learner(snapshots=["ema"], ema_decay=1.0)
    fit(made, tmp_path / "first")
    fit(made, tmp_path / "second", seed=2)
    parameters = dict(NormedNet().named_parameters())
    ended, average = state(tmp_path / "first"), state(tmp_path / "second", "ema")
    assert all(torch.equal(ended[f"model/{n}"], average[f"model/{n}"]) for n in parameters)


def test_the_untrained_network_is_another_for_every_seed_and_unrelated_to_the_one_in_training(tmp_path):
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        fit(learner(snapshots=["untrained", "initial"]), tmp_path / name, seed=seed)
    untrained = {name: state(tmp_path / name, "untrained") for name in ("one", "again", "two")}
    assert same_bits(untrained["one"], untrained["again"])
    for other in (untrained["two"], state(tmp_path / "one", "initial")):
        assert not torch.equal(untrained["one"]["model/first.weight"], other["model/first.weight"])


def test_keeping_snapshots_changes_nothing_else(tmp_path):
    fit(learner(snapshots=()), tmp_path / "none")
    fit(learner(snapshots=["untrained", "ema", "step", "epoch"]), tmp_path / "all")
    assert same_bits(state(tmp_path / "none"), state(tmp_path / "all"))
    kept = sorted(file.name for file in (tmp_path / "all").iterdir())
    assert kept == [
        "ema.safetensors", "end.safetensors", "epoch.safetensors", "fit.json", "step.safetensors",
        "untrained.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"snapshots": ["10 step"]}, "a snapshot of a training run must be .*, got '10 step'"),
        ({"snapshots": "epoch"}, r"snapshots must be a list of names, got 'epoch'; use \['epoch'\]"),
        (
            {"snapshots": ["untrained"], "model": small_mlp()},
            "a function that returns a new module for the snapshot 'untrained', got a ready",
        ),
        ({"ema_decay": 1.5}, r"ema_decay must be in \[0, 1\], got 1.5"),
    ],
)
def test_snapshots_that_cannot_be_kept_are_refused_before_training(options, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        learner(**options)
