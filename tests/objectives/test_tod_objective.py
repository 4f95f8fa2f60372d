"""Both forms of the TOD loss against independent versions in float64, with gradients and the EMA's path."""

from __future__ import annotations

import copy

import pytest
import torch
from objective_cases import (
    Normed,
    TwoLayers,
    U,
    X,
    Y,
    assert_same_gradients,
    assert_teacher_takes_over_buffers,
    copies,
    cross_entropy,
    draw,
    moved,
    outputs,
    probabilities,
)
from objective_cases import bound as bound_objective

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.types import Forward


def bound(model, **options):
    return bound_objective("tod", model, **options)


@pytest.mark.parametrize("compared", ["probs", "logits"])
def test_the_paper_form_equals_the_naive_loss_and_its_gradients(compared):
    model = TwoLayers()
    objective = bound(model, outputs=compared, weight=0.7)
    teacher = [weight.detach().clone() for weight in model.parameters()]
    moved(model)
    parts = objective(model, X, Y, U, step=0).parts
    first, last = theirs = copies(model)
    student, taught = outputs(first, last, U), outputs(*teacher, U)
    if compared == "probs":
        student, taught = probabilities(student), probabilities(taught)
    naive = sum(((student[i] - taught[i]) ** 2).sum() for i in range(6)) / 6 * 0.7
    assert naive.item() > 1e-4
    entropy = cross_entropy(outputs(first, last, X))
    torch.testing.assert_close(parts["tod"], naive, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(parts["supervised"], entropy, atol=1e-12, rtol=1e-9)
    assert_same_gradients(parts["tod"], list(model.parameters()), naive, theirs)
    assert_same_gradients(
        bound(model, weight=0.0)(model, X, Y, U, step=0).total, list(model.parameters()), entropy, theirs
    )


def test_the_code_form_equals_the_naive_loss_and_its_gradients():
    model = TwoLayers()
    objective = bound(model, form="code", weight=0.3)
    teacher = [weight.detach().clone() for weight in model.parameters()]
    moved(model)
    parts = objective(model, X, Y, U, step=0).parts
    second = objective.second_head
    ours = [*model.parameters(), second.weight, second.bias]
    first, last, weight, bias = theirs = [tensor.detach().clone().requires_grad_() for tensor in ours]
    residual = consistency = torch.zeros((), dtype=torch.float64)
    for batch in (X, U):
        scores, taught = outputs(first, last, batch), outputs(*teacher, batch)
        other = torch.tanh(batch @ first.T) @ weight.T + bias
        residual = residual + ((scores - other) ** 2).sum() / scores.numel()
        consistency = consistency + ((other - taught) ** 2).sum() / scores.numel()
    torch.testing.assert_close(parts["residual"], 0.3 * residual, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(parts["consistency"], 0.3 * consistency, atol=1e-12, rtol=1e-9)
    total = cross_entropy(outputs(first, last, X)) + 0.3 * (residual + consistency)
    assert_same_gradients(sum(parts.values()), ours, total, theirs)


def test_the_residual_moves_both_heads_and_the_consistency_the_second_alone():
    model = TwoLayers()
    objective = bound(model, form="code", weight=0.3)
    moved(model)
    parts = objective(model, X, Y, U, step=0).parts
    heads = {"first": model.last, "second": objective.second_head.weight}
    for part, moves in {
        "supervised": {"first"},
        "residual": {"first", "second"},
        "consistency": {"second"},
    }.items():
        slopes = torch.autograd.grad(parts[part], list(heads.values()), retain_graph=True, allow_unused=True)
        assert {name for name, slope in zip(heads, slopes, strict=True) if slope is not None} == moves


def test_the_discrepancy_is_zero_before_the_first_step():
    model = TwoLayers()
    assert bound(model)(model, X, Y, U, step=0).parts["tod"].item() == 0.0


@pytest.mark.parametrize(
    ("form", "decays"),
    [("paper", [0.9] * 5), ("code", [1 / 2, 2 / 3, 3 / 4, 4 / 5, 5 / 6]), ("cap", [1 / 2, 0.6, 0.6])],
)
def test_the_teacher_follows_the_moving_average_from_the_students_first_weights(form, decays):
    model = TwoLayers()
    options = {"form": "code", "decay": 0.6} if form == "cap" else {"form": form}
    objective = bound(model, **({"decay": 0.9} if form == "paper" else {}), **options)
    expected = [weight.detach().clone() for weight in model.parameters()]
    for step, decay in enumerate(decays):
        moved(model, seed=20 + step)
        objective.after_step(model)
        expected = [
            decay * mean + (1 - decay) * w.detach()
            for mean, w in zip(expected, model.parameters(), strict=True)
        ]
        for got, wanted in zip(objective.teacher.module.parameters(), expected, strict=True):
            torch.testing.assert_close(got, wanted, atol=1e-12, rtol=1e-9)


def test_over_1200_steps_the_code_forms_decay_rises_to_its_limit_and_stays_there():
    model = torch.nn.Linear(1, 2, bias=False).double()
    model.forward = lambda x: Forward(x @ model.weight.T, x)
    objective = OBJECTIVES.create("tod", form="code")
    objective.bind(model, model(draw(2, 1)))
    weights = draw(1200, 2, 1, seed=4)
    first = expected = model.weight.detach().clone()
    for n, weight in enumerate(weights, 1):
        model.weight.data.copy_(weight)
        objective.after_step(model)
        decay = min(1 - 1 / (n + 1), 0.999)
        expected = decay * expected + (1 - decay) * weight
        if n in (1, 2, 500, 998, 999, 1000, 1200):
            torch.testing.assert_close(objective.teacher.module.weight, expected, atol=1e-12, rtol=1e-9)
        if n == 998:  # so far it is the plain mean of all weights, the first included
            mean = (first + weights[:998].sum(0)) / 999
            torch.testing.assert_close(expected, mean, atol=1e-9, rtol=1e-6)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_teacher_takes_over_the_students_buffers_after_every_step(mode):
    assert_teacher_takes_over_buffers("tod", teacher_mode=mode)


def test_student_and_teacher_normalise_with_the_joint_batch():
    model = Normed().train()
    objective = bound(model, weight=1.0).train()
    x, u = draw(4, 3, dtype=torch.float32), 3 + draw(6, 3, seed=5, dtype=torch.float32)
    assert objective(model, x, torch.tensor([0, 1, 1, 0]), u, step=0).parts["tod"].item() == 0.0
    expected = torch.cat((x, u)).mean(0)
    fresh = Normed().train()
    objective = bound(fresh)
    before = fresh.norm.running_mean.clone()
    objective(fresh, x, torch.tensor([0, 1, 1, 0]), u, step=0)
    torch.testing.assert_close(fresh.norm.running_mean, 0.9 * before + 0.1 * expected)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_teacher_stays_in_the_chosen_mode(mode):
    objective = bound(Normed(), teacher_mode=mode)
    for training in (True, False):
        objective.train(training)
        assert objective.teacher.training == (mode == "train")


@pytest.mark.parametrize("form", ["paper", "code"])
def test_the_teacher_gets_no_gradient_and_the_second_head_does(form):
    model = TwoLayers()
    objective = bound(model, form=form)
    moved(model)
    objective(model, X, Y, U, step=0).total.backward()
    assert all(p.grad is None for p in objective.teacher.parameters())
    trainable = [name for name, p in objective.named_parameters() if p.requires_grad]
    assert trainable == ([] if form == "paper" else ["second_head.weight", "second_head.bias"])
    assert all(p.grad is not None for p in objective.parameters() if p.requires_grad)


def test_teacher_and_count_travel_in_the_state():
    model = TwoLayers()
    objective = bound(model, form="code")
    for seed in range(3):
        moved(model, seed=seed)
        objective.after_step(model)
    other = bound(TwoLayers(seed=5), form="code")
    other.load_state_dict(copy.deepcopy(objective.state_dict()))
    moved(model)
    for each in (objective, other):
        each.after_step(model)
    for one, two in zip(objective.teacher.parameters(), other.teacher.parameters(), strict=True):
        assert torch.equal(one, two)


def test_without_unlabelled_items_the_paper_form_is_supervised_and_the_code_form_keeps_the_labelled_half():
    model = TwoLayers()
    assert set(bound(model)(model, X, Y, None, step=0).parts) == {"supervised"}
    objective = bound(model, form="code", weight=1.0)
    parts = objective(model, X, Y, None, step=0).parts
    head = objective.second_head
    forward = model(X)
    expected = ((forward.outputs - head(forward.embeddings)) ** 2).mean()
    torch.testing.assert_close(parts["residual"], expected)


def test_the_code_form_needs_embeddings():
    with pytest.raises(ContractError, match="embedding_layer"):
        bound(Normed(), form="code")


def test_an_unbound_objective_is_refused():
    with pytest.raises(ContractError, match="bind"):
        OBJECTIVES.create("tod")(TwoLayers(), X, Y, U, step=0)


@pytest.mark.parametrize("options", [{"weight": -1.0}, {"decay": 1.5}, {"form": "code", "outputs": "probs"}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ConfigurationError, match="tod"):
        OBJECTIVES.create("tod", **options)


@pytest.mark.parametrize(
    ("options", "near"),
    [({"form": "papers"}, "paper"), ({"outputs": "prob"}, "probs"), ({"teacher_mode": "evil"}, "eval")],
)
def test_unknown_names_are_refused_with_the_nearest(options, near):
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        OBJECTIVES.create("tod", **options)


@pytest.mark.parametrize("value", [1, True, ["joint"], {"a": 1}, None])
@pytest.mark.parametrize("option", ["passes", "teacher_start", "teacher_buffers", "form"])
def test_a_choice_that_is_no_text_is_one_sentence_that_names_the_option(option, value):
    with pytest.raises(UnknownNameError, match=f"option '{option}' of objective 'tod'.* Known: "):
        OBJECTIVES.create("tod", **{option: value})
