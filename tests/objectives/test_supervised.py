"""Cross-entropy and squared error against independent versions in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.objectives.supervised import at_least_float32
from nextlabel.types import Forward, Objective


class Linear(nn.Module):
    """A linear network in float64 that returns a Forward."""

    def __init__(self, inputs=3, outputs=2, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, generator=generator, dtype=torch.float64))

    def forward(self, x):
        return Forward(x @ self.weight.T, x)


def draw(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", [card.name for card in OBJECTIVES])
def test_every_objective_in_the_catalogue_keeps_the_protocol(name):
    objective = OBJECTIVES.create(name)
    assert isinstance(objective, Objective)
    assert isinstance(objective, nn.Module)


def test_cross_entropy_of_even_outputs_is_the_logarithm_of_the_classes():
    model = Linear(outputs=5)
    model.weight.data.zero_()
    losses = OBJECTIVES.create("supervised")(model, draw(4, 3), torch.tensor([0, 1, 2, 4]), None, step=0)
    assert losses.parts["supervised"].item() == pytest.approx(math.log(5))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_equals_the_naive_sum(smoothing):
    model, x, y = Linear(outputs=4), draw(6, 3), [0, 3, 1, 1, 2, 0]
    objective = OBJECTIVES.create("supervised", label_smoothing=smoothing)
    loss = objective(model, x, torch.tensor(y), None, step=0).parts["supervised"]
    naive = 0.0
    for row, label in zip((x @ model.weight.T).tolist(), y, strict=True):
        norm = math.log(sum(math.exp(value) for value in row))
        target = [smoothing / 4 + (1 - smoothing) * (c == label) for c in range(4)]
        naive += sum(fraction * (norm - value) for fraction, value in zip(target, row, strict=True)) / 6
    assert loss.item() == pytest.approx(naive, abs=1e-12)


def test_squared_error_equals_the_naive_mean():
    model, x, y = Linear(outputs=1), draw(5, 3), draw(5, seed=2)
    objective = OBJECTIVES.create("squared_error")
    objective.bind(model, model(x))
    loss = objective(model, x, y, None, step=0).parts["squared_error"]
    predicted = (x @ model.weight.T)[:, 0].tolist()
    naive = sum((p - t) ** 2 for p, t in zip(predicted, y.tolist(), strict=True)) / 5
    assert loss.item() == pytest.approx(naive, abs=1e-12)


def test_squared_error_refuses_a_model_with_several_outputs():
    model = Linear(outputs=2)
    with pytest.raises(ContractError, match=r"one output per item .*got 2; end it with"):
        OBJECTIVES.create("squared_error").bind(model, model(draw(2, 3)))


def test_an_objective_without_options_refuses_any():
    with pytest.raises(ConfigurationError, match="option of the objective 'squared_error' not found: 'form'"):
        OBJECTIVES.create("squared_error(form=paper)")


def test_losses_are_never_summed_in_half_precision():
    assert at_least_float32(torch.ones(1, dtype=torch.float16)).dtype == torch.float32
    assert at_least_float32(torch.ones(1, dtype=torch.float64)).dtype == torch.float64


def test_label_smoothing_outside_its_range_is_refused():
    with pytest.raises(ConfigurationError, match=r"'label_smoothing' .* in \[0, 1\), got 1.0"):
        OBJECTIVES.create("supervised", label_smoothing=1.0)
