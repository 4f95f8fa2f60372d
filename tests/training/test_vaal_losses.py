"""VAAL's losses against hand-computed numbers and the textbook formulas in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nextlabel.errors import UnknownNameError
from nextlabel.training.vaal import VaalConfig
from nextlabel.training.vaal_losses import (
    discriminator_loss,
    fooling_loss,
    kl_divergence,
    reconstruction_loss,
)


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_the_divergence_of_a_shifted_and_widened_gaussian_is_as_computed_by_hand():
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, math.log(4.0)]])
    # 1/2 m^2 = 0.5; 1/2 (v - 1 - ln v) = 1.5 - ln 2
    assert kl_divergence(mean, log_variance, kind="sum").item() == pytest.approx(2.0 - math.log(2))
    assert kl_divergence(mean, log_variance, kind="mean").item() == pytest.approx(1.0 - math.log(2) / 2)


def test_the_divergence_is_the_integral_of_the_log_ratio_of_densities():
    points = np.linspace(-30, 30, 60_001)
    for mean, log_variance in ((0.7, -1.0), (-2.0, 0.9)):
        density = np.exp(-((points - mean) ** 2) / (2 * math.exp(log_variance)))
        density /= math.sqrt(2 * math.pi * math.exp(log_variance))
        ratio = -((points - mean) ** 2) / (2 * math.exp(log_variance)) - log_variance / 2 + points**2 / 2
        expected = float((density * ratio).sum() * (points[1] - points[0]))
        given = (torch.tensor([[value]], dtype=torch.float64) for value in (mean, log_variance))
        assert kl_divergence(*given, kind="sum").item() == pytest.approx(expected, abs=1e-9)


def test_the_divergence_of_a_batch_is_the_sum_or_the_mean_over_items_and_dimensions():
    mean, log_variance = normal(5, 3), normal(3, 5).mT
    each = [
        [-0.5 * (1 + s - m**2 - math.exp(s)) for m, s in zip(*rows, strict=True)]
        for rows in zip(mean.tolist(), log_variance.tolist(), strict=True)
    ]
    total = math.fsum(term for row in each for term in row)
    assert kl_divergence(mean, log_variance, kind="sum").item() == pytest.approx(total, rel=1e-12)
    assert kl_divergence(mean, log_variance, kind="mean").item() == pytest.approx(total / 15, rel=1e-12)


def test_adversarial_losses_are_binary_cross_entropies_of_the_sigmoid():
    labelled, unlabelled = normal(5), normal(7)
    of_labelled, of_unlabelled = (1 / (1 + np.exp(-odds.numpy())) for odds in (labelled, unlabelled))
    fooled = -np.log(of_labelled).mean() - np.log(of_unlabelled).mean()
    told = -np.log(of_labelled).mean() - np.log(1 - of_unlabelled).mean()
    assert fooling_loss(labelled, unlabelled).item() == pytest.approx(fooled, rel=1e-12)
    assert discriminator_loss(labelled, unlabelled).item() == pytest.approx(told, rel=1e-12)


def test_adversarial_losses_stay_finite_where_the_discriminator_is_sure():
    odds = torch.tensor([1e4])
    assert discriminator_loss(-odds, odds).item() == pytest.approx(2e4)
    assert fooling_loss(odds, odds).item() == 0


def test_the_reconstruction_error_is_a_mean_over_everything_and_knows_grey_images():
    x, decoded = normal(2, 8, 9), normal(2, 1, 8, 9) + 1
    expected = ((x.numpy() - decoded.numpy()[:, 0]) ** 2).mean()
    assert reconstruction_loss(x, decoded).item() == pytest.approx(expected, rel=1e-12)


def test_an_unknown_kind_of_divergence_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'mean'"):
        VaalConfig(kl="meen")
