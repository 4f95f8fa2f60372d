"""Promises of the uncertainties of log-probabilities."""

import math

import hypothesis.extra.numpy as arrays
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nextlabel.errors import DataError
from nextlabel.maths.entropy import entropy, least_confidence, margin, mean_log_probs

LOGITS = arrays.arrays("float64", (6, 4), elements=st.floats(-30, 30, width=64)).map(torch.from_numpy)
PROBS = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]], dtype=torch.float64)


def test_entropy_margin_and_confidence_are_as_computed_by_hand():
    log_probs = PROBS.log()
    assert entropy(log_probs).tolist() == pytest.approx([1.5 * math.log(2), 0.0, math.log(3)])
    assert margin(log_probs).tolist() == pytest.approx([0.25, 1.0, 0.0])
    assert least_confidence(log_probs).tolist() == pytest.approx([0.5, 0.0, 2 / 3])


def test_probabilities_are_averaged_over_draws():
    log_probs = torch.tensor([[[0.9, 0.1], [0.5, 0.5]]], dtype=torch.float64).log()
    assert mean_log_probs(log_probs).exp()[0].tolist() == pytest.approx([0.7, 0.3])
    assert torch.equal(mean_log_probs(log_probs[:, :1]), log_probs[:, 0])


def test_averages_over_draws_do_not_underflow():
    log_probs = torch.tensor([[[-2000.0, 0.0], [-2001.0, 0.0]]])
    assert mean_log_probs(log_probs)[0, 0].item() == pytest.approx(-2000 + math.log((1 + math.exp(-1)) / 2))


def test_half_precision_becomes_float32():
    assert mean_log_probs(torch.zeros(1, 1, 1, dtype=torch.float16)).dtype == torch.float32


def test_a_margin_of_nearly_equal_classes_keeps_its_digits():
    first = math.log(0.5)
    log_probs = torch.tensor([[first, first - 1e-6]], dtype=torch.float32)
    gap = float(log_probs[0, 0].double() - log_probs[0, 1].double())
    assert margin(log_probs).item() == pytest.approx(-0.5 * math.expm1(-gap), rel=1e-6)


def test_least_confidence_of_a_nearly_sure_model_keeps_its_digits():
    assert least_confidence(torch.tensor([[-1e-12, -27.6]])).item() == pytest.approx(1e-12, rel=1e-5)


def test_a_margin_of_one_class_is_refused():
    with pytest.raises(DataError, match="at least 2 classes"):
        margin(torch.zeros(3, 1))


@settings(max_examples=25, deadline=None)
@given(LOGITS, st.floats(-100, 100))
def test_a_constant_on_the_logits_changes_nothing_and_all_values_keep_their_range(logits, constant):
    log_probs, shifted = torch.log_softmax(logits, -1), torch.log_softmax(logits + constant, -1)
    for measure, largest in ((entropy, math.log(4)), (margin, 1.0), (least_confidence, 0.75)):
        values = measure(log_probs)
        torch.testing.assert_close(measure(shifted), values, rtol=0, atol=1e-11)
        assert bool(((values >= 0) & (values <= largest + 1e-12)).all())


@settings(max_examples=25, deadline=None)
@given(LOGITS, st.permutations(range(4)))
def test_the_order_of_the_classes_changes_nothing(logits, order):
    log_probs = torch.log_softmax(logits, -1)
    for measure in (entropy, margin, least_confidence):
        torch.testing.assert_close(measure(log_probs[:, order]), measure(log_probs), rtol=1e-12, atol=1e-14)
