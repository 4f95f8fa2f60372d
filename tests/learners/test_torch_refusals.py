"""What TorchLearner refuses, each in one sentence and with nothing lost."""

from __future__ import annotations

import importlib

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from learner_cases import POOL, UNLABELLED, X, Y, fit, learner, small_mlp
from nextlabel.errors import ConfigurationError, ContractError, DataError, LabelsError
from nextlabel.learners.ensemble import Ensemble
from nextlabel.learners.mc_dropout import McDropout
from nextlabel.learners.segmentation import SegmentationLearner
from nextlabel.learners.sklearn import SklearnLearner
from nextlabel.learners.torch import TorchLearner
from nextlabel.learners.vaal import Vaal
from nextlabel.models.mlp import Mlp
from nextlabel.pool import Pool
from nextlabel.types import Losses, Objective

LOG_PROBS = frozenset({"log_probs"})


def test_a_diverging_training_is_stopped_in_one_sentence_and_keeps_the_old_weights(tmp_path):
    made = learner(model=small_mlp, schedule="constant")
    fit(made, tmp_path / "good")
    before = made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs
    points = X.tensor().clone()
    points[4, 2] = float("inf")
    with pytest.raises(ContractError, match=r"got nan as its part 'supervised' at step \d"):
        made.fit(Pool(points, X.ids), Y, UNLABELLED, seed=1, workdir=tmp_path)
    assert torch.equal(made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs, before)
    assert not (tmp_path / "fit.json").exists()


def test_a_state_of_another_model_is_refused_by_its_tensors(tmp_path):
    fit(learner(model=small_mlp), tmp_path)
    with pytest.raises(ConfigurationError, match=r"fit the model, but it lacks 'first.weight'"):
        learner().load(tmp_path)
    with pytest.raises(ConfigurationError, match=r"'hidden.1.weight \(5, 6\) instead of \(9, 6\)'"):
        learner(model=lambda: Mlp((6,), 3, width=9)).load(tmp_path)


def test_a_snapshot_that_was_not_kept_is_refused(tmp_path):
    fit(learner(snapshots=()), tmp_path)
    with pytest.raises(DataError, match=r"there is no state at .*epoch"):
        learner().load(tmp_path, snapshot="epoch")
    with pytest.raises(ConfigurationError, match="did you mean 'initial'"):
        learner().load(tmp_path, snapshot="initials")


@pytest.mark.parametrize(
    ("labels", "stated"),
    [
        (Y[:5], r"shape \(21,\), got shape \(5,\)"),
        (Y.float(), "class labels must be integers"),
        (Y + 1, r"in \[0, 3\).* got 3 for item 'item-02'"),
        (Y - 1, "got -1 for item 'item-00'"),
        (torch.ones_like(Y), "all 21 labels are class 1"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(tmp_path, labels, stated):
    with pytest.raises(LabelsError, match=stated):
        learner().fit(X, labels, UNLABELLED, seed=0, workdir=tmp_path)


def test_no_labels_are_refused(tmp_path):
    with pytest.raises(LabelsError, match="training needs labelled items, got none"):
        learner().fit(X.slice(0, 0), Y[:0], UNLABELLED, seed=0, workdir=tmp_path)


def test_targets_that_are_not_finite_are_refused_by_item(tmp_path):
    targets = torch.ones(21)
    targets[7] = float("nan")
    made = learner(model=lambda: nn.Linear(6, 1), task="regression", objective="squared_error")
    with pytest.raises(LabelsError, match="got nan for item 'item-07'"):
        made.fit(X, targets, UNLABELLED, seed=0, workdir=tmp_path)


def test_a_model_that_does_not_fit_the_task_is_refused(tmp_path):
    with pytest.raises(ContractError, match="one output per class, at least 2, got 1"):
        fit(learner(model=lambda: nn.Linear(6, 1)), tmp_path)
    with pytest.raises(ContractError, match="needs a model with 1 output, got 3"):
        fit(learner(task="regression", objective="squared_error"), tmp_path)


def test_a_model_without_parameters_to_train_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="parameters that can change, got Identity with none; use"):
        fit(learner(model=nn.Identity), tmp_path)
    frozen = nn.Linear(6, 3).requires_grad_(False)
    with pytest.raises(ConfigurationError, match="got Linear with only frozen ones; use another model"):
        fit(learner(model=frozen), tmp_path)


@pytest.mark.parametrize(
    ("need", "remedy"),
    [
        ("labelled_probability", "wrap it in nextlabel.learners.vaal.Vaal"),
        ("task_labelled_probability", "wrap it in nextlabel.learners.vaal.ta_vaal"),
        ("predicted_loss", "train with an objective that gives it, such as 'learning_loss'"),
        ("mean_entropy", "use nextlabel.learners.segmentation.SegmentationLearner"),
        ("has_previous", "use nextlabel.learners.segmentation.SegmentationLearner"),
        ("mine", "train with an objective that gives it"),
    ],
)
def test_a_field_that_it_does_not_give_comes_with_what_gives_it(tmp_path, need, remedy):
    made = learner()
    fit(made, tmp_path)
    with pytest.raises(ContractError) as caught:
        made.predict(POOL, needs=frozenset({f"extra:{need}"}), seed=0)
    assert str(caught.value).endswith(f"not 'extra:{need}'; {remedy}")
    if remedy.split()[-1].startswith("nextlabel."):
        module, name = remedy.split()[-1].rsplit(".", 1)
        assert hasattr(importlib.import_module(module), name)


def test_asking_before_training_or_for_what_cannot_be_given_is_refused(tmp_path):
    made = learner()
    with pytest.raises(ContractError, match="call fit or load first"):
        made.predict(POOL, needs=LOG_PROBS, seed=0)
    fit(made, tmp_path)
    with pytest.raises(ContractError, match="not 'extra:depth'"):
        made.predict(POOL, needs=frozenset({"extra:depth"}), seed=0)
    with pytest.raises(ContractError, match="not 'values'"):
        made.predict(POOL, needs=frozenset({"values"}), seed=0)
    with pytest.raises(DataError, match="the pool is empty"):
        made.predict(POOL.slice(0, 0), needs=LOG_PROBS, seed=0)


@pytest.mark.parametrize(
    ("options", "stated"),
    [
        ({"objective": "superviced"}, "did you mean 'supervised'"),
        ({"objective": "supervised(label_smothing=0.1)"}, "did you mean 'label_smoothing'"),
        ({"task": "regresion"}, "did you mean 'regression'"),
        ({"task": "regression", "objective": "supervised"}, "use objective='squared_error'"),
        ({"objective": "squared_error"}, "use objective='supervised'"),
        ({"warm_start": "warm"}, "warm_start must be True or False, got 'warm'"),
        ({"snapshots": ("epochs",)}, "did you mean 'epoch'"),
        ({"device": "cdua"}, "did you mean 'cuda'"),
        ({"augment": "random_krop"}, "did you mean 'random_crop'"),
        ({"optimizer": "sdg"}, "did you mean 'sgd'"),
        ({"mixed_precision": "fp16"}, "needs a CUDA GPU"),
        ({"num_workers": -1}, "num_workers"),
    ],
)
def test_a_wrong_option_is_refused_when_the_learner_is_made(options, stated):
    with pytest.raises(ConfigurationError, match=stated):
        learner(**options)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="use device='auto'"):
        learner(device="cuda")


def test_parts_that_are_not_what_they_should_be_are_refused(tmp_path):
    with pytest.raises(ContractError, match=r"an objective must be an nn.Module"):
        learner(objective=dict)
    with pytest.raises(ContractError, match=r"must return an nn.Module, got int"):
        fit(learner(model=lambda: 3), tmp_path)


def test_a_folder_that_cannot_be_written_is_reported_and_nothing_held_is_lost(tmp_path):
    made = learner()
    fit(made, tmp_path / "good")
    before = made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs
    with pytest.raises(DataError, match=r"cannot write .*nothing is lost"):
        made.fit(X, Y, UNLABELLED, seed=1, workdir=tmp_path / "not-there")
    assert torch.equal(made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs, before)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: learner(model="cifar"), r"model\(\) must be a valid call, got 'cifar'"),
        (lambda: learner(model=nn.Linear), r"model\(\) must be a valid call, .*missing a required argument"),
        (lambda: learner(untrained_model=3), r"untrained_model\(\) must be a valid call, got 3"),
        (lambda: learner(objective=nn.CrossEntropyLoss()), "got CrossEntropyLoss.*; pass its class"),
        (lambda: learner(objective=3), r"objective\(\) must be a valid call, got 3"),
        (lambda: learner(augment=[None]), r"augment\(batch, generator\) must be a valid call, got None"),
        (lambda: learner(num_workers="2"), "num_workers must be a whole number of at least 0, got '2'"),
        (lambda: learner(snapshots=None), "snapshots must be a list of names, got None"),
        (
            lambda: TorchLearner(small_mlp, training={"epochs": 3}),
            "training must be a TrainingConfig, got {",
        ),
        (lambda: Ensemble(lambda number: None), "member must be a TorchLearner, got None"),
        (lambda: Ensemble(small_mlp), r"make\(number\) must be a valid call"),
        (lambda: Ensemble(learner(), members=2.5), "members must be a whole number"),
        (lambda: McDropout(None), "learner must be a TorchLearner, got None"),
        (lambda: Vaal(None), "learner must be a TorchLearner, got None"),
        (lambda: Vaal(learner(), units=2.5), "units must be a whole number, got 2.5"),
        (lambda: SegmentationLearner(small_mlp, task="classification"), "task must be one of masks"),
        (lambda: SklearnLearner(LogisticRegression, 2), "classifier object .* got <class"),
        (lambda: SklearnLearner(LogisticRegression(), "2"), "classes must be a whole number .* got '2'"),
    ],
)
def test_options_of_the_wrong_kind_are_refused_before_a_fit(make, sentence):
    with pytest.raises((ConfigurationError, ContractError), match=sentence):
        make()


def test_a_model_that_cannot_take_the_items_is_refused_with_their_shape(tmp_path):
    with pytest.raises(ContractError, match=r"items of shape \(6,\) and torch.float32, got an error"):
        fit(learner(model=lambda: nn.Linear(5, 3)), tmp_path)


@pytest.mark.parametrize("losses", [torch.zeros(()), {"a": 1.0}, Losses({}), Losses({"a": torch.zeros(2)})])
def test_an_objective_must_return_losses(tmp_path, losses):
    class Wrong(Objective):
        def forward(self, model, x, y, unlabelled, *, step):
            return losses

    with pytest.raises(ContractError, match="Wrong must return Losses of scalar tensors"):
        fit(learner(objective=Wrong), tmp_path)
