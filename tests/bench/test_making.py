import pytest
import torch

from nextlabel.bench.cell import _by_class
from nextlabel.bench.grid import make_grid
from nextlabel.bench.making import main_learner, make_learner, needs_of
from nextlabel.config import load_config
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.learners.torch import TorchLearner


@pytest.fixture(scope="module")
def digits():
    return DATASETS.create("digits")


def cell_of(**options):
    return make_grid(load_config(options={"seeds": 1, **options})).cells[0]


def test_the_learner_keeps_the_moments_that_the_strategy_and_the_audited_ones_need(digits):
    cell = cell_of(
        strategy=["cod"],
        strategy_options={"cod": {"first_cycle": "initial"}},
        audit=[{"strategy": "cod", "first_cycle": "epoch"}, {"strategy": "margin"}],
    )
    assert needs_of(cell) == {"log_probs", "snapshot:previous", "snapshot:initial", "snapshot:epoch"}
    learner = make_learner(cell, digits)
    assert isinstance(learner, TorchLearner)
    assert main_learner(learner) is learner
    assert learner.moments == {"initial", "epoch"}


def test_without_a_gpu_automatic_precision_is_float32_and_nothing_is_compiled(digits, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    learner = make_learner(cell_of(learner={"mixed_precision": "auto"}), digits)
    assert learner.recipe.mixed_precision == "no"


def test_the_accuracy_of_a_class_without_test_items_is_none():
    labels, right = torch.tensor([0, 0, 2, 2, 2]), torch.tensor([True, False, True, True, True])
    assert _by_class(right, labels, 4) == [0.5, None, 1.0, None]
