"""A training run is told from another by everything that shapes it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from learner_cases import POOL, X, Y
from nextlabel.errors import DataError
from nextlabel.training.arguments import check_same, described, training_arguments
from nextlabel.training.augment import RandomCrop, augmentation
from nextlabel.training.config import TrainingConfig


def test_every_change_of_data_recipe_or_seed_shows():
    plain = training_arguments(X, Y, POOL, TrainingConfig(), 1)
    others = [
        training_arguments(X.slice(0, 20), Y[:20], POOL, TrainingConfig(), 1),
        training_arguments(X, Y.flip(0), POOL, TrainingConfig(), 1),
        training_arguments(X, Y, None, TrainingConfig(), 1),
        training_arguments(X, Y, POOL, TrainingConfig(milestones=(0.5,)), 1),
        training_arguments(X, Y, POOL, TrainingConfig(optimizer=torch.optim.SGD), 1),
        training_arguments(X, Y, POOL, TrainingConfig(), 2),
    ]
    assert all(other != plain for other in others)
    assert training_arguments(X, Y, POOL, TrainingConfig(), 1) == plain


def test_arguments_are_as_json_gives_them_back():
    made = training_arguments(X, Y, POOL, TrainingConfig(optimizer=partial(torch.optim.SGD, lr=0.1)), 1)
    assert json.loads(json.dumps(made)) == made
    assert "lr" in made["optimizer"]


def test_augmentations_are_told_with_their_options_and_without_addresses():
    one, two = (described(augmentation([RandomCrop(padding), "horizontal_flip"])) for padding in (2, 4))
    assert one != two
    assert "0x" not in one
    assert described(augmentation([RandomCrop(2), "horizontal_flip"])) == one


def test_a_file_of_another_training_is_refused_by_the_argument_that_differs():
    check_same({"seed": 1}, {"seed": 1}, Path("fit.json"))
    with pytest.raises(DataError, match=r"lr=0\.2, but it was made with lr=0\.1"):
        check_same({"seed": 1, "lr": 0.1}, {"seed": 1, "lr": 0.2}, Path("fit.json"))
    with pytest.raises(DataError, match="epochs=3, but it was made with epochs=None"):
        check_same({}, {"epochs": 3}, Path("fit.json"))
