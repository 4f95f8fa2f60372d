"""Parts of one's own: the members that they leave out get their defaults, what they lack is named."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional

from learner_cases import X, Y, fit, learner, same_bits, small_mlp, state
from nextlabel.adapters import as_learner, as_objective
from nextlabel.errors import ContractError
from nextlabel.objectives.learning_loss import LearningLoss
from nextlabel.types import Losses, Objective, Outputs, Wrapper


class Plain(nn.Module):
    """Cross-entropy with the three members that an objective must have."""

    uses_unlabelled = False

    def bind(self, model, example):
        self.example = example

    def forward(self, model, x, y, unlabelled, *, step):
        return Losses({"supervised": functional.cross_entropy(model(x).outputs.float(), y)})

    def after_step(self, model):
        pass


class Shortest(Objective):
    """The same with a forward alone."""

    def forward(self, model, x, y, unlabelled, *, step):
        return Plain.forward(self, model, x, y, unlabelled, step=step)


class Constant:
    """A learner with its two methods alone."""

    def fit(self, x, y, unlabelled, *, seed, workdir):
        return {}

    def predict(self, x, *, needs, seed):
        return Outputs(log_probs=torch.full((len(x), 1, 2), 0.5).log())


@pytest.mark.parametrize("objective", [Plain, Shortest])
def test_an_objective_of_ones_own_trains_as_the_one_of_the_catalogue(tmp_path, objective):
    fit(learner(), tmp_path / "catalogue")
    fit(learner(objective=objective), tmp_path / "own")
    assert same_bits(state(tmp_path / "catalogue"), state(tmp_path / "own"))


class Formless(Objective):
    """It inherits a forward that computes nothing."""


class FormlessModule(Plain):
    forward = nn.Module.forward


@pytest.mark.parametrize("objective", [Formless, FormlessModule])
def test_an_objective_without_a_forward_is_refused_before_any_fit(objective):
    with pytest.raises(ContractError, match=rf"forward\(.*\), got {objective.__name__} without it"):
        learner(objective=objective)


def test_a_plain_module_gets_the_defaults_of_the_members_that_it_leaves_out():
    made = Plain()
    assert as_objective(made) is made
    assert (made.task, made.uses_embeddings, made.uses_stages, made.uses_fresh_network) == (
        None,
        True,
        False,
        False,
    )
    assert made.extra_fields == frozenset()
    assert made.unscheduled() == ()
    assert made.inputs(X) is X
    assert made.begin(5) is None
    assert made.state_dict() == {}


def test_a_plain_module_can_be_the_base_of_a_loss_module(tmp_path):
    made = learner(model=small_mlp, objective=lambda: LearningLoss(Plain()))
    assert {"supervised_loss", "ranking_loss"} <= fit(made, tmp_path).keys()


def test_a_loss_of_torch_is_not_taken_for_an_objective():
    with pytest.raises(ContractError, match=r"uses_unlabelled.*got CrossEntropyLoss; subclass nextlabel"):
        as_objective(nn.CrossEntropyLoss())


def test_a_learner_gets_the_members_that_it_leaves_out_and_keeps_its_own():
    made = Constant()
    assert as_learner(made) is made
    assert (made.progress, made.warm_start) == (None, True)
    assert not isinstance(made, Wrapper)
    own = Constant()
    own.warm_start = False
    assert as_learner(own).warm_start is False


def test_a_learner_that_takes_no_members_learns_what_to_subclass():
    @dataclass(frozen=True)
    class Frozen(Constant):
        size: int = 1

    with pytest.raises(ContractError, match=r"Frozen must have a member 'progress'.*nextlabel.types.Learner"):
        as_learner(Frozen())


@pytest.mark.parametrize(("made", "missing"), [(object(), "'fit', 'predict'"), (nn.Linear(1, 1), "'fit'")])
def test_what_is_no_learner_is_refused_by_the_methods_that_it_lacks(made, missing):
    with pytest.raises(ContractError, match=f"without {missing}"):
        as_learner(made)


def test_what_a_campaign_reports_is_in_phases(tmp_path):
    made, phases = learner(), []
    made.progress = lambda phase, done, total: phases.append((phase, done, total))
    made.fit(X, Y, X, seed=1, workdir=tmp_path)
    assert phases[-1] == ("fit", 9, 9)
