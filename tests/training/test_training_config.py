"""The learning rate as a function of the step, and the recipe's checks."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError
from nextlabel.training.config import TrainingConfig, batch_of, lr_factor


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        ("constant", 0.9, 1.0),
        ("multistep", 0.49, 1.0),
        ("multistep", 0.5, 0.1),
        ("multistep", 0.8, 0.01),
        ("cosine", 0.0, 1.0),
        ("cosine", 0.5, 0.5),
        ("cosine", 1 / 3, 0.75),
        ("one_cycle", 0.0, 1 / 25),
        ("one_cycle", 0.15, (1 + 1 / 25) / 2),
        ("one_cycle", 0.3, 1.0),
        ("one_cycle", 0.65, (1 + 1 / 250_000) / 2),
    ],
)
def test_factors_equal_those_worked_out_by_hand(schedule, progress, factor):
    assert lr_factor(schedule, progress, (0.5, 0.8), 0.1) == pytest.approx(factor, rel=1e-9)


def test_cosine_equals_torchs_scheduler():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=25)
    for step in range(25):
        assert scheduler.get_last_lr()[0] == pytest.approx(lr_factor("cosine", step / 25), abs=1e-9)
        optimizer.step()
        scheduler.step()


@given(st.sampled_from(["constant", "multistep", "cosine", "one_cycle"]), st.floats(0, 1, exclude_max=True))
def test_factors_stay_between_zero_and_one(schedule, progress):
    assert 0 <= lr_factor(schedule, progress) <= 1 + 1e-12


def test_a_milestone_falls_on_the_first_step_of_its_epoch():
    factors = [lr_factor("multistep", step / 70, (0.8,), 0.1) for step in range(70)]
    assert factors.index(0.1) == 56
    assert math.prod(factors[:56]) == 1


@pytest.mark.parametrize(
    ("name", "kind", "lr"),
    [("sgd", torch.optim.SGD, 0.1), ("adam", torch.optim.Adam, 1e-3), ("adamw", torch.optim.AdamW, 1e-3)],
)
def test_optimisers_have_their_usual_learning_rate_unless_given(name, kind, lr):
    weights = [nn.Parameter(torch.zeros(2))]
    made = TrainingConfig(optimizer=name).build_optimizer(weights)
    assert type(made) is kind
    assert made.param_groups[0]["lr"] == lr
    assert TrainingConfig(optimizer=name, lr=0.5).build_optimizer(weights).param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize(
    ("name", "theirs", "set_here"),
    [
        (
            "sgd",
            torch.optim.SGD,
            {"momentum": 0.9, "weight_decay": 5e-4, "dampening": 0, "nesterov": False, "maximize": False},
        ),
        (
            "adam",
            torch.optim.Adam,
            {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 5e-4, "amsgrad": False, "maximize": False},
        ),
        (
            "adamw",
            torch.optim.AdamW,
            {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 5e-4, "amsgrad": False, "maximize": False},
        ),
    ],
)
def test_an_optimiser_is_torchs_plain_one_but_for_rate_momentum_and_decay(name, theirs, set_here):
    weights = [nn.Parameter(torch.zeros(2))]
    groups = TrainingConfig(optimizer=name, lr=0.3).build_optimizer(weights).param_groups
    assert groups == [{**theirs(weights, lr=0.3).param_groups[0], **set_here, "lr": 0.3}]
    free = (
        TrainingConfig(optimizer=name, weight_decay=0.0, momentum=0.5)
        .build_optimizer(weights)
        .param_groups[0]
    )
    assert (free["weight_decay"], free.get("momentum", 0.5)) == (0.0, 0.5)


def test_three_steps_of_sgd_are_those_worked_out_from_the_formula():
    weight = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = TrainingConfig(lr=0.1, momentum=0.9, weight_decay=0.05).build_optimizer([weight])
    slopes = [(0.5, 1.0), (-1.5, 0.25), (2.0, -3.0)]
    expected, speed = [1.0, -2.0], [0.0, 0.0]
    for slope in slopes:
        weight.grad = torch.tensor(slope, dtype=torch.float64)
        optimizer.step()
        for axis in range(2):
            speed[axis] = 0.9 * speed[axis] + slope[axis] + 0.05 * expected[axis]
            expected[axis] -= 0.1 * speed[axis]
        assert weight.tolist() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("labelled", "size"),
    [(10_000, 128), (1_536, 128), (1_535, 64), (768, 64), (767, 32), (100, 8), (3, 8)],
)
def test_batches_are_halved_until_a_pass_has_enough_steps_but_not_below_eight(labelled, size):
    assert batch_of(labelled, 128, 12) == size
    assert batch_of(labelled, 128, None) == 128


def test_a_small_batch_is_never_made_larger():
    assert batch_of(3, 5, 12) == 5


@pytest.mark.parametrize(("epochs_from_scratch", "cold"), [(None, 10), (30, 30), (1, 1)])
def test_only_a_fit_from_new_weights_has_its_own_epochs(epochs_from_scratch, cold):
    recipe = TrainingConfig(epochs=10, epochs_from_scratch=epochs_from_scratch)
    assert recipe.for_fit(from_scratch=True).epochs == cold
    assert recipe.for_fit(from_scratch=False).epochs == 10


@pytest.mark.parametrize(
    ("step", "fraction"), [(0, 0.5), (33, 0.5), (34, 0.75), (66, 0.75), (67, 1.0), (99, 1.0)]
)
def test_resolutions_take_equal_parts_of_the_training(step, fraction):
    assert TrainingConfig(progressive_resize=(0.5, 0.75, 1.0)).resolution(step, 100) == fraction
    assert TrainingConfig().resolution(step, 100) == 1.0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0),
        ("min_steps_per_epoch", 0),
        ("epochs_from_scratch", 0),
        ("batch_size", 0),
        ("lr", 0.0),
        ("lr", math.inf),
        ("momentum", 1.0),
        ("weight_decay", -1.0),
        ("gamma", 0.0),
        ("milestones", (0.5, 1.0)),
        ("milestones", 0.5),
        ("milestones", None),
        ("progressive_resize", ("half",)),
        ("epochs", "5"),
        ("epochs", 2.5),
        ("epochs", True),
        ("batch_size", None),
        ("lr", "0.1"),
        ("ema_decay", "high"),
        ("ema_decay", 1.5),
        ("compile", 1),
    ],
)
def test_values_out_of_range_are_refused_by_name(option, value):
    with pytest.raises(ConfigurationError, match=f"{option} must be"):
        TrainingConfig(**{option: value})


def test_numbers_of_numpy_become_plain_ones_that_a_file_can_hold():
    config = TrainingConfig(epochs=np.int64(2), lr=np.float32(0.5))
    assert json.dumps([config.epochs, config.lr]) == "[2, 0.5]"


def test_an_optimiser_function_must_return_an_optimiser():
    with pytest.raises(ContractError, match="optimizer must return an Optimizer, got None"):
        TrainingConfig(optimizer=lambda parameters: None).build_optimizer([torch.zeros(1)])


@pytest.mark.parametrize(
    ("option", "value", "near"),
    [("schedule", "cosin", "cosine"), ("optimizer", "sdg", "sgd"), ("mixed_precision", "fp15", "fp16")],
)
def test_unknown_names_are_refused_with_the_nearest(option, value, near):
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        TrainingConfig(**{option: value})


def test_an_optimiser_function_and_a_learning_rate_exclude_each_other():
    with pytest.raises(ConfigurationError, match="leave lr out"):
        TrainingConfig(optimizer=torch.optim.SGD, lr=0.1)
