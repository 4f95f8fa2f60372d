"""The learner with the objective 'learning_loss': predicted losses, kills, warm starts, untouched weights."""

from __future__ import annotations

import pytest
import torch

from learner_cases import UNLABELLED, NormedNet, X, fit, learner, same_bits, state
from nextlabel.errors import ContractError
from nextlabel.models.loss_prediction import LossPrediction
from nextlabel.models.mlp import Mlp
from nextlabel.objectives.cyclic import Cyclic
from nextlabel.parts import Part
from nextlabel.training import loop as training

BASES = {
    "supervised": {},
    "tod": {"form": "paper"},
    "tod code": {"form": "code"},
    "cyclic": {},
    "mean_teacher": {"noise": 0.1},
}
NEEDS = frozenset({"log_probs", "extra:predicted_loss"})


class StagedNet(NormedNet):
    """With batch norm and dropout before the stage, so that a second pass would be seen."""

    def forward_stages(self, x):
        return (self.forward_features(x),)


def two_layers():
    return Mlp((6,), 3, width=5, layers=2)


def ranking(base="supervised", *, checkpoint_seconds=30.0, **options):
    inner = Part(base.removesuffix(" code"), BASES[base])
    objective = Part("learning_loss", options, (inner,))
    return learner(model=StagedNet, objective=objective, checkpoint_seconds=checkpoint_seconds)


class KilledError(Exception):
    """What the progress function raises."""


def killer(monkeypatch, step):
    monkeypatch.setattr(training, "PROGRESS_SECONDS", 0.0)

    def kill(_phase, done, total):
        if done == step:
            raise KilledError

    return kill


@pytest.mark.parametrize("base", BASES)
def test_trained_on_the_side_it_leaves_the_networks_weights_as_its_base_makes_them(tmp_path, base):
    alone = learner(model=StagedNet, objective=Part(base.removesuffix(" code"), BASES[base]))
    given, moving = ranking(base, detach_after=0.0), ranking(base, detach_after=1.0)
    for cycle in ("first", "second"):
        for made, name in ((alone, "alone"), (given, "given"), (moving, "moving")):
            fit(made, tmp_path / name / cycle)
    for cycle in ("first", "second"):
        states = {name: state(tmp_path / name / cycle) for name in ("alone", "given", "moving")}
        weights = {
            name: {k: t for k, t in kept.items() if "model" in k.split("/")} for name, kept in states.items()
        }
        assert same_bits(weights["alone"], weights["given"])
        assert not same_bits(weights["alone"], weights["moving"])
        assert any("predictor" in key for key in states["given"])


def test_it_predicts_what_its_module_says_and_the_same_after_load(tmp_path):
    made = learner(model=two_layers, objective="learning_loss(tod)")
    fit(made, tmp_path)
    predicted = made.predict(UNLABELLED, needs=NEEDS, seed=0)
    tensors = state(tmp_path)
    module, network = LossPrediction((5, 5)), two_layers()
    prefix = "objective/predictor."
    module.load_state_dict({k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)})
    network.load_state_dict({k[6:]: t for k, t in tensors.items() if k.startswith("model/")})
    with torch.no_grad():
        expected = module(network.forward_stages(UNLABELLED.tensor()))
    torch.testing.assert_close(predicted.extra["predicted_loss"], expected)
    again = learner(model=two_layers, objective="learning_loss(tod)")
    again.load(tmp_path)
    repeated = again.predict(UNLABELLED, needs=NEEDS, seed=0)
    assert torch.equal(repeated.extra["predicted_loss"], predicted.extra["predicted_loss"])


@pytest.mark.parametrize("step", [2, 6])
def test_a_killed_training_ends_in_the_same_bits(tmp_path, monkeypatch, step):
    kill = killer(monkeypatch, step)
    for base in ("tod", "cyclic", "mean_teacher"):
        unbroken = fit(ranking(base), tmp_path / base / "unbroken")
        made = ranking(base, checkpoint_seconds=0)
        made.progress = kill
        with pytest.raises(KilledError):
            fit(made, tmp_path / base / "killed")
        made.progress = None
        assert fit(made, tmp_path / base / "killed") == unbroken
        assert same_bits(state(tmp_path / base / "killed"), state(tmp_path / base / "unbroken"))


def test_the_cyclic_loss_compares_with_the_state_that_this_training_started_from(tmp_path):
    made = []

    def cyclic(**options):
        made.append(Cyclic(**options))
        return made[-1]

    warm = learner(model=two_layers, objective=cyclic)
    for cycle in ("first", "second", "third"):
        fit(warm, tmp_path / cycle)
    bound = [objective._before[0].module.state_dict() for objective in made if objective._before]
    starts = ("first", "initial"), ("first", "end"), ("second", "end")
    for baseline, (cycle, snapshot) in zip(bound, starts, strict=True):
        tensors = state(tmp_path / cycle, snapshot)
        assert all(torch.equal(tensor, tensors[f"model/{name}"]) for name, tensor in baseline.items())


def test_a_killed_warm_start_with_the_cyclic_loss_goes_on_with_its_own_baseline(tmp_path, monkeypatch):
    unbroken = ranking("cyclic")
    fit(unbroken, tmp_path / "first")
    fit(unbroken, tmp_path / "second", seed=2)
    killed, again = ranking("cyclic", checkpoint_seconds=0), ranking("cyclic")
    killed.progress = killer(monkeypatch, 5)
    killed.load(tmp_path / "first")
    with pytest.raises(KilledError):
        fit(killed, tmp_path / "killed", seed=2)
    again.load(tmp_path / "first")  # as in a new process
    fit(again, tmp_path / "killed", seed=2)
    assert same_bits(state(tmp_path / "killed"), state(tmp_path / "second"))


def test_predicted_losses_of_a_learner_without_the_objective_are_refused(tmp_path):
    made = learner()
    fit(made, tmp_path)
    with pytest.raises(ContractError, match="train with an objective that gives it"):
        made.predict(X, needs=NEEDS, seed=0)
