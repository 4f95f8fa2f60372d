"""Extra fields come from the objective that the training left, also after it was loaded again."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from learner_cases import UNLABELLED, X, fit, learner
from nextlabel.errors import ContractError
from nextlabel.objectives.supervised import Supervised

NEEDS = frozenset({"log_probs", "extra:guess"})


class Guessing(Supervised):
    """Trains a linear layer on the embeddings next to the model."""

    uses_embeddings = True
    extra_fields = frozenset({"guess"})

    def bind(self, model, example):
        super().bind(model, example)
        self.guess = nn.Linear(example.embeddings.shape[1], 2)

    def forward(self, model, x, y, unlabelled, *, step):
        losses = super().forward(model, x, y, unlabelled, step=step)
        guess = self.guess(model(x).embeddings.detach())
        return type(losses)({**losses.parts, "guess": guess.square().mean()})

    def extra(self, model, x):
        assert not torch.is_grad_enabled()
        assert not self.training
        return {"guess": self.guess(model(x).embeddings)}


def test_the_learner_names_the_extra_fields_of_its_objective():
    assert learner(objective=Guessing).extra_fields == {"guess"}


def test_extra_fields_are_the_same_after_the_training_is_loaded(tmp_path):
    made = learner(objective=Guessing)
    fit(made, tmp_path)
    expected = made.predict(UNLABELLED, needs=NEEDS, seed=0)
    assert expected.extra["guess"].shape == (len(UNLABELLED), 2)
    for again in (made, learner(objective=Guessing)):
        again.load(tmp_path)
        outputs = again.predict(UNLABELLED, needs=NEEDS, seed=0)
        assert torch.equal(outputs.extra["guess"], expected.extra["guess"])
        assert torch.equal(outputs.log_probs, expected.log_probs)
    alone = made.predict(UNLABELLED, needs=frozenset({"extra:guess"}), seed=0)
    assert alone.log_probs is None
    assert torch.equal(alone.extra["guess"], expected.extra["guess"])


def test_asking_for_extra_fields_changes_no_later_training(tmp_path):
    one, two = learner(objective=Guessing), learner(objective=Guessing)
    for made, folder in ((one, tmp_path / "one"), (two, tmp_path / "two")):
        fit(made, folder)
        if made is two:
            made.load(folder)
            made.predict(X, needs=NEEDS, seed=0)
        fit(made, folder / "next", seed=2)
    first, second = (made.predict(X, needs=NEEDS, seed=0) for made in (one, two))
    assert torch.equal(first.log_probs, second.log_probs)
    assert torch.equal(first.extra["guess"], second.extra["guess"])


def test_extra_fields_at_another_snapshot_are_refused(tmp_path):
    made = learner(objective=Guessing)
    fit(made, tmp_path)
    made.load(tmp_path, snapshot="initial")
    with pytest.raises(ContractError, match=r"extra fields need the snapshot 'end'.*load 'end'"):
        made.predict(X, needs=NEEDS, seed=0)


def test_an_objective_without_the_field_is_named_with_the_way_out(tmp_path):
    made = learner()
    fit(made, tmp_path)
    with pytest.raises(ContractError, match="not 'extra:guess'; train with an objective that gives it"):
        made.predict(X, needs=NEEDS, seed=0)


def test_an_extra_field_of_another_length_is_refused(tmp_path):
    class Short(Guessing):
        def extra(self, model, x):
            return {"guess": torch.zeros(1)}

    made = learner(objective=Short)
    fit(made, tmp_path)
    with pytest.raises(ContractError, match=r"must give 'guess' as a tensor of 21 rows .* got shape"):
        made.predict(X, needs=NEEDS, seed=0)
