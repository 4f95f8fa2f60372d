"""A training run that was killed at any step goes on and ends in the same weights, bit for bit."""

from __future__ import annotations

import signal
from functools import partial

import pytest

from commands import quick_context
from learner_cases import fit, learner, same_bits, small_mlp, state
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.objectives.supervised import Supervised
from nextlabel.training import loop as training

SETTINGS = {
    "supervised": {"optimizer": "adamw", "lr": 0.01, "schedule": "one_cycle"},
    "tod paper": {"objective": "tod"},
    "tod code": {"objective": "tod(form=code)"},
    "augmented": {
        "augment": lambda batch, generator: batch + batch.new_empty(batch.shape).normal_(generator=generator)
    },
    "bf16": {"mixed_precision": "bf16"},
    "snapshots": {"snapshots": ("ema", "step", "4 steps", "epoch", "2 epochs", "initial", "untrained")},
}


class KilledError(Exception):
    """What the progress function raises."""


def kill_at(step):
    def progress(_phase, done, total):
        if done == step:
            raise KilledError

    return progress


@pytest.fixture
def every_step(monkeypatch):
    """Call the progress function at every step."""
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("step", [2, 6, 7])
@pytest.mark.usefixtures("every_step")
def test_a_killed_training_ends_in_the_same_bits(tmp_path, setting, step):
    unbroken = fit(learner(**SETTINGS[setting]), tmp_path / "unbroken")
    made = learner(**SETTINGS[setting], checkpoint_seconds=0)
    made.progress = kill_at(step)
    with pytest.raises(KilledError):
        fit(made, tmp_path / "killed")
    assert not (tmp_path / "killed" / "end.safetensors").exists()
    calls = []
    made.progress = lambda _, *progress: calls.append(progress)
    metrics = fit(made, tmp_path / "killed")
    assert calls[0] == (step + 1, 9)
    assert metrics == unbroken
    states = sorted(file.name for file in (tmp_path / "unbroken").glob("*.safetensors"))
    assert sorted(file.name for file in (tmp_path / "killed").glob("*.safetensors")) == states
    for snapshot in (name.removesuffix(".safetensors") for name in states):
        assert same_bits(state(tmp_path / "killed", snapshot), state(tmp_path / "unbroken", snapshot))


@pytest.mark.usefixtures("every_step")
def test_a_killed_warm_start_ends_in_the_same_bits_in_the_same_and_in_a_new_process(tmp_path):
    unbroken = learner(objective="tod")
    fit(unbroken, tmp_path / "first")
    fit(unbroken, tmp_path / "second", seed=2)
    for name, checkpoint_seconds in (("from the start", 1e9), ("from a checkpoint", 0)):
        made = learner(objective="tod", checkpoint_seconds=checkpoint_seconds)
        made.load(tmp_path / "first")
        made.progress = kill_at(5)
        with pytest.raises(KilledError):
            fit(made, tmp_path / name, seed=2)
        again = learner(objective="tod")
        again.load(tmp_path / "first")
        for each in (made, again):
            each.progress = None
            fit(each, tmp_path / name, seed=2)
            assert same_bits(state(tmp_path / name), state(tmp_path / "second"))
            (tmp_path / name / "fit.json").unlink(missing_ok=True)


def test_a_function_among_the_objectives_options_is_the_same_in_every_process(tmp_path):
    def objective(*, weigh):
        return Supervised()

    def made():
        return learner(objective=partial(objective, weigh=lambda loss: loss))

    assert fit(made(), tmp_path) == fit(made(), tmp_path)  # two functions, at two addresses


@pytest.mark.usefixtures("every_step")
def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    made = learner(checkpoint_seconds=0)
    made.progress = kill_at(4)
    with pytest.raises(KilledError):
        fit(made, tmp_path)
    with pytest.raises(DataError, match="seed=2, got one with seed=1"):
        fit(learner(), tmp_path, seed=2)


@pytest.mark.usefixtures("every_step")
def test_a_checkpoint_of_another_model_is_refused_by_its_tensors(tmp_path):
    made = learner(checkpoint_seconds=0)
    made.progress = kill_at(4)
    with pytest.raises(KilledError):
        fit(made, tmp_path)
    with pytest.raises(ConfigurationError, match=r"it lacks 'hidden.1.weight'"):
        fit(learner(model=small_mlp), tmp_path)


def train_and_wait_at_four(folder, here):
    def wait_at_four(_phase, done, total):
        if done == 4:
            here.set()
            signal.pause()

    training.PROGRESS_SECONDS = 0.0
    made = learner(objective="tod", checkpoint_seconds=0)
    made.progress = wait_at_four
    fit(made, folder)


@pytest.mark.usefixtures("quick_workers")
def test_a_process_killed_by_the_system_leaves_a_training_that_goes_on(tmp_path):
    context = quick_context()
    here = context.Event()
    process = context.Process(target=train_and_wait_at_four, args=(tmp_path / "killed", here))
    process.start()
    assert here.wait(60)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "killed" / "checkpoint.safetensors").exists()
    fit(learner(objective="tod"), tmp_path / "killed")
    fit(learner(objective="tod"), tmp_path / "unbroken")
    assert same_bits(state(tmp_path / "killed"), state(tmp_path / "unbroken"))


@pytest.mark.usefixtures("every_step")
def test_a_killed_warm_fit_is_not_taken_for_one_of_cold_epochs_by_a_learner_without_its_weights(tmp_path):
    options = {"epochs": 1, "epochs_from_scratch": 3, "checkpoint_seconds": 0}
    made = learner(**options)
    fit(made, tmp_path / "first")
    made.progress = kill_at(2)
    with pytest.raises(KilledError):
        fit(made, tmp_path / "second", seed=2)
    again = learner(**options)
    with pytest.raises(DataError, match=r"a fit of 9 steps, got one of 3, .*load those first"):
        fit(again, tmp_path / "second", seed=2)
    again.load(tmp_path / "first")
    assert fit(again, tmp_path / "second", seed=2)["steps"] == 3
