"""Global random states are borrowed and given back."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from nextlabel.training.device import deterministic_kernels, isolated_rng, seed_everything


def draws():
    return random.random(), float(np.random.random()), float(torch.rand(()))


def test_the_same_seed_gives_the_same_draws_from_every_global_generator():
    with isolated_rng(5):
        first = draws()
    with isolated_rng(5):
        again = draws()
    with isolated_rng(6):
        other = draws()
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_states_are_as_before_even_after_an_error():
    with isolated_rng(1):
        with isolated_rng(2):
            draws()
        expected = draws()
    with isolated_rng(1):
        with pytest.raises(KeyError), isolated_rng(3):
            {}[draws()]
        assert draws() == expected


def test_seeding_again_inside_starts_the_draws_over():
    with isolated_rng(5):
        first = draws()
        seed_everything(5)
        assert draws() == first


def test_the_choice_of_kernels_comes_back():
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with deterministic_kernels():
        assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == (True, False)
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == before
