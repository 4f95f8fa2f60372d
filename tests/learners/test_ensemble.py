"""An ensemble: conformance, the first member untouched, members that differ, and killed fits."""

from __future__ import annotations

import pytest
import torch

from learner_cases import LABELS, POOL, NormedNet, fit, learner, same_bits, small_mlp, state
from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.learners.ensemble import Ensemble
from nextlabel.testing.learners import LEARNER_CHECKS, example_data
from nextlabel.types import Learner, Restorable
from torch_learners import torch_learner

NEEDS = frozenset({"log_probs", "embeddings"})


def ensemble(members=3, **options):
    return Ensemble(learner(epochs=2, **options), members=members)


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_keeps_every_promise_of_a_learner(check, tmp_path):
    def make():
        options = {"epochs": 1, "batch_size": 8, "device": "cpu"}
        return Ensemble(torch_learner(lambda: NormedNet(8), **options), members=2)

    check(make, tmp_path, example_data(NEEDS))


def test_is_a_learner_that_can_be_restored():
    assert isinstance(ensemble(), Learner)
    assert isinstance(ensemble(), Restorable)


def test_the_first_member_is_the_learner_alone_and_the_others_differ(tmp_path):
    alone = fit(learner(epochs=2), tmp_path / "alone")
    made = ensemble()
    metrics = fit(made, tmp_path / "together")
    assert metrics == {**alone, "members": 3}
    assert same_bits(state(tmp_path / "alone"), state(tmp_path / "together"))
    outputs = made.predict(POOL, needs=NEEDS, seed=0)
    assert outputs.log_probs.shape == (50, 3, 3)
    first = made.main.predict(POOL, needs=NEEDS, seed=0)
    assert torch.equal(outputs.log_probs[:, :1], first.log_probs)
    assert torch.equal(outputs.embeddings, first.embeddings)
    assert len({tuple(draw.flatten().tolist()) for draw in outputs.log_probs.unbind(1)}) == 3


def test_members_can_come_from_a_function(tmp_path):
    made = Ensemble(lambda number: learner(model=(NormedNet, small_mlp)[number], epochs=1), members=2)
    fit(made, tmp_path)
    assert made.predict(POOL, needs=frozenset({"log_probs"}), seed=0).log_probs.shape == (50, 2, 3)
    assert [type(member.network.module).__name__ for member in made.members] == ["NormedNet", "Mlp"]


def test_a_warm_start_carries_every_member_on(tmp_path):
    made = ensemble()
    fit(made, tmp_path / "1", seed=1)
    fit(made, tmp_path / "2", seed=2)
    for folder in ("", "member-1", "member-2"):
        ended, began = state(tmp_path / "1" / folder), state(tmp_path / "2" / folder, "initial")
        assert all(torch.equal(ended[name], began[name]) for name in began)


def test_a_killed_ensemble_goes_on_with_the_member_that_was_trained(tmp_path, monkeypatch):
    whole = ensemble()
    fit(whole, tmp_path / "whole")
    killed = ensemble()

    def dies(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(killed.members[1], "fit", dies)
        with pytest.raises(KeyboardInterrupt):
            fit(killed, tmp_path / "killed")
    resumed = ensemble()
    fit(resumed, tmp_path / "killed")
    one, two = (made.predict(POOL, needs=NEEDS, seed=0).log_probs for made in (whole, resumed))
    assert torch.equal(one, two)


def test_progress_counts_all_members(tmp_path):
    made, calls = ensemble(), []
    made.progress = lambda _, done, total: calls.append((done, total))
    fit(made, tmp_path)
    assert [call for call in calls if call[0] in (6, 12, 18)] == [(6, 18), (12, 18), (18, 18)]
    assert calls == sorted(calls)


def test_values_of_a_regression_are_draws_too(tmp_path):
    made = ensemble(
        members=2, model=lambda: torch.nn.Linear(6, 1), task="regression", objective="squared_error"
    )
    made.fit(POOL, LABELS.float(), POOL.slice(0, 0), seed=1, workdir=tmp_path)
    assert made.predict(POOL, needs=frozenset({"values"}), seed=0).values.shape == (50, 2, 1)


def test_one_member_is_none_and_predicting_needs_a_training():
    with pytest.raises(ConfigurationError, match="members must be a whole number of at least 2, got 1"):
        ensemble(members=1)
    with pytest.raises(ContractError, match="call fit or load first"):
        ensemble().predict(POOL, needs=NEEDS, seed=0)
