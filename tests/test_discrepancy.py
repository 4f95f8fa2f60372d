"""Promises of the discrepancies and of the theorem's right sides."""

import itertools
import math

import hypothesis.extra.numpy as arrays
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nextlabel.discrepancy import (
    corollary1_bound,
    corollary2_bound,
    cyclic_discrepancy,
    output_discrepancy,
    snapshot_discrepancy,
    theorem1_bound,
)
from nextlabel.errors import DataError, UnknownNameError


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def log_probs(*shape, seed=0):
    return torch.log_softmax(normal(*shape, seed=seed), -1)


FINITE = st.floats(-50, 50, width=64)
PAIRS = arrays.arrays("float64", (2, 5, 3), elements=FINITE).map(torch.from_numpy)


def test_l2_and_half_squared_are_as_computed_by_hand():
    now, before = torch.tensor([[3.0, 1.0], [2.0, 2.0]]), torch.tensor([[0.0, 5.0], [2.0, 2.0]])
    assert output_discrepancy(now, before).tolist() == [5.0, 0.0]
    assert output_discrepancy(now, before, form="half_squared").tolist() == [12.5, 0.0]


@pytest.mark.parametrize(("reduce", "expected"), [("mean", 3.75), ("sum", 15.0), ("max", 10.0)])
def test_segmentation_outputs_are_measured_along_classes_and_reduced_over_positions(reduce, expected):
    now, before = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    now[0, :, 0, 1] = torch.tensor([3.0, 4.0])
    now[0, :, 1, 0] = torch.tensor([6.0, 8.0])
    assert output_discrepancy(now, before, reduce=reduce).item() == expected
    assert (
        output_discrepancy(now.movedim(1, -1), before.movedim(1, -1), class_dim=-1, reduce=reduce).item()
        == expected
    )


def test_half_precision_is_computed_in_float32():
    now, before = torch.full((1, 2), 300.0, dtype=torch.float16), torch.zeros(1, 2, dtype=torch.float16)
    result = output_discrepancy(now, before, form="half_squared")
    assert result.dtype == torch.float32
    assert result.item() == 90000.0


def test_outputs_of_different_shapes_are_refused():
    with pytest.raises(DataError, match=r"the same shape, got \(3, 2\) and \(3, 4\)"):
        output_discrepancy(torch.zeros(3, 2), torch.zeros(3, 4))


def test_an_unknown_form_or_reduction_is_refused_and_not_taken_for_another():
    now, before = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    with pytest.raises(UnknownNameError, match="'L2'; did you mean 'l2'"):
        output_discrepancy(now, before, form="L2")
    for measure in (lambda: output_discrepancy(now, before, reduce="median"),
                    lambda: snapshot_discrepancy([now, before], reduce="median")):  # fmt: skip
        with pytest.raises(UnknownNameError, match="'median'"):
            measure()


def test_outputs_without_a_class_axis_are_refused_with_the_remedy():
    with pytest.raises(DataError, match=r"outputs\[:, None\]"):
        output_discrepancy(torch.zeros(3), torch.zeros(3))
    with pytest.raises(DataError, match="class axis 0"):
        output_discrepancy(torch.zeros(3, 2), torch.zeros(3, 2), class_dim=0)


@settings(max_examples=25, deadline=None)
@given(PAIRS)
def test_the_discrepancy_is_symmetric_and_zero_only_between_equal_outputs(pair):
    now, before = pair
    there, back = output_discrepancy(now, before), output_discrepancy(before, now)
    assert torch.equal(there, back)
    assert torch.equal(there == 0, ((now - before) ** 2).sum(1) == 0)


@settings(max_examples=25, deadline=None)
@given(PAIRS)
def test_cod_of_probabilities_lies_between_zero_and_one_and_ignores_a_constant_on_the_logits(pair):
    now, before = torch.log_softmax(pair, -1)[:, :, None]
    score = cyclic_discrepancy(now, before)
    assert bool(((score >= 0) & (score <= 1 + 1e-12)).all())
    shifted = torch.log_softmax(pair[0] + 17.5, -1)[:, None]
    torch.testing.assert_close(cyclic_discrepancy(shifted, before), score, rtol=0, atol=1e-12)


def test_cod_reaches_one_where_the_model_changed_its_mind_wholly():
    now = torch.log_softmax(torch.tensor([[[1000.0, 0.0]]]), -1)
    assert cyclic_discrepancy(now, now.flip(-1)).item() == 1.0
    assert cyclic_discrepancy(now, now.flip(-1), form="l2").item() == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("form", ["l2", "half_squared"])
def test_cod_in_blocks_of_any_size_is_cod_at_once(form):
    now, before = log_probs(7, 2, 4, seed=1), log_probs(7, 3, 4, seed=2)
    whole = cyclic_discrepancy(now, before, form=form)
    for budget in (1, 400, 700, 10**9):
        assert torch.equal(cyclic_discrepancy(now, before, form=form, budget_bytes=budget), whole)
        with pytest.raises(DataError, match="must have the same shape"):
            cyclic_discrepancy(now[:4], before, form=form, budget_bytes=budget)
    assert cyclic_discrepancy(now[:0], before[:0]).shape == (0,)


def test_cod_averages_probabilities_over_draws_before_it_takes_the_distance():
    now = torch.tensor([[[0.9, 0.1], [0.5, 0.5]]], dtype=torch.float64).log()
    before = torch.tensor([[[0.4, 0.6]]], dtype=torch.float64).log()
    assert cyclic_discrepancy(now, before).item() == pytest.approx(0.3**2)


@pytest.mark.parametrize("shape", [(7, 3), (4, 3, 2, 2)])
@pytest.mark.parametrize("snapshots", [2, 3, 6])
def test_snapshot_discrepancy_is_the_mean_over_pairs(snapshots, shape):
    outputs = normal(snapshots, *shape)
    pairs = [output_discrepancy(a, b, form="half_squared") for a, b in itertools.combinations(outputs, 2)]
    expected = torch.stack(pairs).mean(0)
    torch.testing.assert_close(snapshot_discrepancy(outputs), expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(snapshot_discrepancy(list(outputs)), expected, rtol=1e-12, atol=0)


def test_two_snapshots_give_half_squared_cod():
    now, before = log_probs(6, 1, 4), log_probs(6, 1, 4, seed=1)
    both = torch.stack([now, before])[:, :, 0].exp()
    torch.testing.assert_close(
        snapshot_discrepancy(both), cyclic_discrepancy(now, before), rtol=1e-12, atol=0
    )


def test_snapshot_discrepancy_keeps_its_digits_far_from_zero():
    outputs = torch.tensor([[[1e4]], [[1e4 + 1]], [[1e4 + 2]]])
    assert snapshot_discrepancy(outputs).item() == pytest.approx(1.0, rel=1e-3)


def test_snapshot_discrepancy_refuses_one_snapshot_and_uneven_ones():
    with pytest.raises(DataError, match="at least 2 snapshots, got 1"):
        snapshot_discrepancy(torch.zeros(1, 3, 2))
    with pytest.raises(DataError, match=r"\(4, 2\) for snapshot 1"):
        snapshot_discrepancy([torch.zeros(3, 2), torch.zeros(4, 2)])


def test_ema_discrepancy_of_a_linear_model_is_the_distance_to_the_average_of_its_outputs():
    x, model = normal(5, 3), torch.nn.Linear(3, 2, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(normal(2, 3, seed=1))
        teacher = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        teacher.update_parameters(model)
        average = model(x)
        for seed in (2, 3):
            model.weight.copy_(normal(2, 3, seed=seed))
            teacher.update_parameters(model)
            average = 0.9 * average + 0.1 * model(x)
        ema = output_discrepancy(model(x), teacher(x))
        torch.testing.assert_close(ema, (model(x) - average).norm(dim=1), rtol=1e-12, atol=0)


def steps_of_gradient_descent(output, weights, target, lr, steps):
    """Return the output before and after T steps on one item, and loss and squared gradient norm of each."""
    losses, norms = [], []
    start = output(weights)
    for _ in range(steps):
        value = output(weights)
        gradient = torch.func.grad(output)(weights)
        losses.append((target - value) ** 2 / 2)
        norms.append(gradient.square().sum())
        weights = weights - lr * (value - target) * gradient
    return start, output(weights), torch.stack(losses), torch.stack(norms)


@pytest.mark.parametrize("lr", [1e-5, 1e-2, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_theorem_1_is_exact_for_a_linear_model(seed, lr):
    x = normal(6, seed=seed)
    start, end, losses, norms = steps_of_gradient_descent(lambda w: w @ x, normal(6, seed=9), 1.5, lr, 1)
    moved = output_discrepancy(end[None, None], start[None, None])
    torch.testing.assert_close(moved, theorem1_bound(lr, losses, norms), rtol=1e-9, atol=0)


def tanh_network(x):
    def output(weights):
        first, second = weights[:40].reshape(8, 5), weights[40:]
        return torch.tanh(first @ x) @ second

    return output


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_theorem_1_holds_to_first_order_for_a_curved_model(seed):
    output, weights = tanh_network(normal(5, seed=seed)), normal(48, seed=seed + 10) / 2
    errors = []
    for lr in (1e-3, 1e-4):
        start, end, losses, norms = steps_of_gradient_descent(output, weights, 1.0, lr, 1)
        errors.append(((end - start).abs() / theorem1_bound(lr, losses, norms)[0] - 1).abs().item())
    assert errors[0] < 0.05
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.05)


def test_corollary_1_follows_the_path_and_corollary_2_lies_above_it():
    output, weights, lr = tanh_network(normal(5)), normal(48, seed=10) / 2, 1e-3
    start, end, losses, norms = steps_of_gradient_descent(output, weights, 1.0, lr, 20)
    first = corollary1_bound(lr, losses, norms)
    assert (end - start).abs().item() == pytest.approx(first.item(), rel=0.02)
    assert corollary2_bound(lr, losses, norms.max().item()) >= first


def test_corollary_1_takes_a_learning_rate_for_every_step_and_many_items():
    losses, norms = torch.tensor([[0.5, 2.0], [2.0, 0.5]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    expected = [0.1 * 1 * 1 + 0.2 * 2 * 3, 0.1 * 2 * 2 + 0.2 * 1 * 4]
    assert corollary1_bound(torch.tensor([0.1, 0.2]), losses, norms).tolist() == pytest.approx(expected)


def test_corollary_2_is_as_computed_by_hand():
    assert corollary2_bound(0.1, torch.tensor([1.0, 3.0]), 5.0).item() == pytest.approx(
        math.sqrt(4) * 0.5 * 2
    )


def test_the_bounds_refuse_negative_values_and_uneven_steps():
    with pytest.raises(DataError, match="loss must be >= 0, got -1"):
        theorem1_bound(0.1, torch.tensor([-1.0]), torch.tensor([1.0]))
    with pytest.raises(DataError, match=r"one rate or T"):
        corollary1_bound(torch.tensor([0.1, 0.1, 0.1]), torch.ones(2), torch.ones(2))
    with pytest.raises(DataError, match="gradient_constant"):
        corollary2_bound(0.1, torch.ones(2), -1.0)
