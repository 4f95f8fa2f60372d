"""The cyclic loss against an independent version in float64, and whose state its baseline is."""

from __future__ import annotations

import pytest
import torch
from objective_cases import (
    Normed,
    TwoLayers,
    U,
    X,
    Y,
    assert_same_gradients,
    bound,
    copies,
    cross_entropy,
    draw,
    moved,
    outputs,
    probabilities,
)

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError
from nextlabel.objectives.catalogue import OBJECTIVES


@pytest.mark.parametrize("compared", ["probs", "logits"])
def test_it_equals_the_naive_loss_and_its_gradients_after_any_number_of_steps(compared):
    model = TwoLayers()
    objective = bound("cyclic", model, outputs=compared, weight=0.7)
    before = [weight.detach().clone() for weight in model.parameters()]
    for seed in (9, 19):
        moved(model, seed=seed)
        objective.after_step(model)
    parts = objective(model, X, Y, U, step=2).parts
    theirs = copies(model)
    now, then = outputs(*theirs, U), outputs(*before, U)
    if compared == "probs":
        now, then = probabilities(now), probabilities(then)
    naive = sum(((now[i] - then[i]) ** 2).sum() for i in range(6)) / 6 * 0.7
    total = naive + cross_entropy(outputs(*theirs, X))
    torch.testing.assert_close(parts["cyclic"], naive, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(sum(parts.values()), total, atol=1e-12, rtol=1e-9)
    assert_same_gradients(sum(parts.values()), list(model.parameters()), total, theirs)


def test_its_first_step_is_that_of_the_supervised_loss():
    model = TwoLayers()
    parts = bound("cyclic", model)(model, X, Y, U, step=0).parts
    assert parts["cyclic"].item() == 0.0
    alone = OBJECTIVES.create("supervised")(model, X, Y, None, step=0).parts["supervised"]
    torch.testing.assert_close(parts["supervised"], alone, atol=1e-12, rtol=1e-12)


def test_the_baseline_is_no_part_of_the_state_and_takes_no_gradient():
    model = TwoLayers()
    objective = bound("cyclic", model)
    assert not objective.state_dict()
    assert not list(objective.parameters())
    moved(model)
    objective(model, X, Y, U, step=0).total.backward()
    assert all(weight.grad is None for weight in objective._before[0].parameters())


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_baseline_stays_in_the_chosen_mode(mode):
    objective = bound("cyclic", Normed(), teacher_mode=mode)
    for training in (True, False):
        objective.train(training)
        assert objective._before[0].training == (mode == "train")


def test_in_training_mode_both_states_normalise_with_the_joint_batch():
    model = Normed().train()
    objective = bound("cyclic", model).train()
    x, u = draw(4, 3, dtype=torch.float32), 3 + draw(6, 3, seed=5, dtype=torch.float32)
    assert objective(model, x, torch.tensor([0, 1, 1, 0]), u, step=0).parts["cyclic"].item() == 0.0


def test_without_unlabelled_items_it_is_the_supervised_loss():
    model = TwoLayers()
    assert set(bound("cyclic", model)(model, X, Y, None, step=0).parts) == {"supervised"}


def test_an_unbound_objective_is_refused():
    with pytest.raises(ContractError, match=r"'cyclic' must be prepared.*call bind\(\)"):
        OBJECTIVES.create("cyclic")(TwoLayers(), X, Y, U, step=0)


@pytest.mark.parametrize("options", [{"weight": -1.0}, {"weight": float("nan")}, {"label_smoothing": 1.0}])
def test_impossible_options_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(ConfigurationError, match=rf"'{name}' of objective 'cyclic' must .*, got {value}"):
        OBJECTIVES.create("cyclic", **options)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'logits'"):
        OBJECTIVES.create("cyclic", outputs="logit")
