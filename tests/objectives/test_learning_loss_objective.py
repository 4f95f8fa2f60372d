"""The loss of learning loss against independent versions in float64: pairs, ties, odd batches, gradients."""

from __future__ import annotations

import math

import pytest
import torch
from objective_cases import Normed, TwoLayers, U, X, Y, bound, copies, draw, outputs
from torch import nn

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError
from nextlabel.models.cifar_resnet import CifarResNet18
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.objectives.learning_loss import ranking_loss
from nextlabel.parts import Part
from nextlabel.types import Forward


def naive_ranking(predicted, losses, margin=1.0, rank="hinge", ties="ignore"):
    """The reference's loss in plain loops: item i against item n - 1 - i."""
    count = len(predicted)
    pairs = [(i, count - 1 - i) for i in range(count) if i < count - 1 - i]
    total = torch.zeros((), dtype=torch.float64)
    for i, j in pairs:
        if losses[i] == losses[j] and ties == "ignore":
            continue
        sign = 1.0 if losses[i] > losses[j] else -1.0
        distance = sign * (predicted[i] - predicted[j])
        if rank == "hinge":
            total = total + (margin - distance if distance < margin else 0.0)
        else:
            total = total - torch.log(1 / (1 + torch.exp(-distance)))
    return total / max(len(pairs), 1)


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("ties", ["ignore", "negative"])
@pytest.mark.parametrize("rank", ["hinge", "bce"])
def test_the_ranking_loss_equals_the_naive_one_and_its_gradients(count, rank, ties):
    predicted = draw(count, seed=5).requires_grad_()
    losses = draw(count, seed=6).abs()
    losses[-1] = losses[0]  # a tie, where there are two items
    loss = ranking_loss(predicted, losses, margin=0.8, rank=rank, ties=ties)
    theirs = predicted.detach().clone().requires_grad_()
    naive = naive_ranking(theirs, losses, margin=0.8, rank=rank, ties=ties)
    torch.testing.assert_close(loss, naive, atol=1e-12, rtol=1e-9)
    if naive.requires_grad:
        (got,), (wanted,) = torch.autograd.grad(loss, predicted), torch.autograd.grad(naive, theirs)
        torch.testing.assert_close(got, wanted, atol=1e-12, rtol=1e-9)
    elif loss.requires_grad:
        assert not torch.autograd.grad(loss, predicted)[0].any()


def test_the_ranking_loss_by_hand():
    predicted, losses = torch.tensor([2.0, 0.3, 0.1, 0.0]), torch.tensor([0.2, 0.9, 0.4, 0.5])
    # pair (0, 3): the loss of 0 is smaller, predicted larger by 2: 1 + 2; pair (1, 2): right by 0.2: 1 - 0.2
    assert ranking_loss(predicted, losses).item() == pytest.approx((3.0 + 0.8) / 2)
    bce = (math.log1p(math.exp(2.0)) + math.log1p(math.exp(-0.2))) / 2
    assert ranking_loss(predicted, losses, rank="bce").item() == pytest.approx(bce)


@pytest.mark.parametrize("rank", ["hinge", "bce"])
def test_reversing_a_batch_changes_nothing_where_ties_are_ignored(rank):
    predicted, losses = draw(9, seed=5), draw(9, seed=6)
    losses[0] = losses[8]
    forth = ranking_loss(predicted, losses, rank=rank)
    back = ranking_loss(predicted.flip(0), losses.flip(0), rank=rank)
    torch.testing.assert_close(forth, back)
    forth = ranking_loss(predicted, losses, rank=rank, ties="negative")
    back = ranking_loss(predicted.flip(0), losses.flip(0), rank=rank, ties="negative")
    assert abs(forth - back) > 1e-3


def test_a_well_ranked_batch_beyond_the_margin_costs_nothing():
    losses = torch.tensor([0.1, 5.0, 2.0, 3.0])
    assert ranking_loss(2 * losses, losses).item() == 0.0


def weights_of(predictor):
    return [weight.detach().clone().requires_grad_() for weight in predictor.parameters()]


def naive_predictions(weights, stages):
    """The loss prediction of two stages without positions, from its six weights."""
    first, first_bias, second, second_bias, head, head_bias = weights
    hidden = [torch.relu(stages[0] @ first.T + first_bias), torch.relu(stages[1] @ second.T + second_bias)]
    return (torch.cat(hidden, 1) @ head.T + head_bias)[:, 0]


@pytest.mark.parametrize(("detach_after", "attached"), [(0.0, False), (0.6, True), (0.5, False), (1.0, True)])
def test_with_the_supervised_loss_it_equals_the_naive_total_and_its_gradients(detach_after, attached):
    model = TwoLayers()
    objective = bound("learning_loss", model, detach_after=detach_after, weight=0.7, units=6)
    objective.begin(10)
    losses = objective(model, X, Y, None, step=5)
    theirs, predictor = copies(model), weights_of(objective.predictor)
    embeddings, scores = torch.tanh(X @ theirs[0].T), outputs(*theirs, X)
    each = torch.stack([-scores[row].log_softmax(0)[Y[row]] for row in range(4)])
    stages = [embeddings, scores] if attached else [embeddings.detach(), scores.detach()]
    ranking = 0.7 * naive_ranking(naive_predictions(predictor, stages), each.detach())
    assert ranking > 0.1
    torch.testing.assert_close(losses.parts["ranking"], ranking, atol=1e-12, rtol=1e-9)
    ours = [*model.parameters(), *objective.predictor.parameters()]
    total = each.mean() + ranking
    got = torch.autograd.grad(sum(losses.parts.values()), ours)
    alone = torch.autograd.grad(each.mean(), theirs, retain_graph=True)
    expected = torch.autograd.grad(total, [*theirs, *predictor])
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one, two, atol=1e-9, rtol=1e-6)
    assert torch.allclose(got[0], alone[0], rtol=1e-9) != attached


@pytest.mark.parametrize(
    ("base", "options"),
    [("tod", {"form": "paper"}), ("tod", {"form": "code"}), ("cyclic", {}), ("mean_teacher", {})],
)
def test_the_parts_of_its_base_are_those_of_the_base_alone_and_only_labelled_items_are_ranked(base, options):
    model, made = TwoLayers(), []
    for name, given in ((Part("learning_loss", {}, (Part(base, options),)), {}), (base, options)):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made.append(bound(name, model, **given))
    objective, alone = made
    for each in (objective, alone):
        getattr(each, "begin", lambda total: None)(10)
    together = objective(model, X, Y, U, step=1).parts
    expected = alone(model, X, Y, U, step=1).parts
    assert set(together) == {*expected, "ranking"}
    assert all(torch.equal(together[name], part) for name, part in expected.items())
    forward = model(X)
    predicted = naive_predictions(weights_of(objective.predictor), forward.stages)
    each = -forward.outputs.log_softmax(1)[range(4), Y]
    torch.testing.assert_close(together["ranking"], naive_ranking(predicted, each), atol=1e-12, rtol=1e-9)


def test_in_regression_the_losses_are_squared_errors():
    model = TwoLayers(outputs=1)
    objective = bound("learning_loss(squared_error)", model, detach_after=0.0)
    assert objective.task == "regression"
    targets = draw(4, seed=8)
    parts = objective(model, X, targets, None, step=0).parts
    forward = model(X)
    predicted = naive_predictions(weights_of(objective.predictor), forward.stages)
    expected = naive_ranking(predicted, (forward.outputs[:, 0] - targets) ** 2)
    torch.testing.assert_close(parts["ranking"], expected, atol=1e-12, rtol=1e-9)


def test_the_predicted_loss_is_an_extra_field_of_its_module():
    model = TwoLayers()
    objective = bound("learning_loss", model)
    assert objective.extra_fields == {"predicted_loss"}
    expected = naive_predictions(weights_of(objective.predictor), model(U).stages)
    torch.testing.assert_close(objective.extra(model, U)["predicted_loss"], expected)


@pytest.mark.parametrize(
    ("text", "count"),
    [("learning_loss", 11_173_962 + 123_905), ("learning_loss(tod(form=code))", 11_179_092 + 123_905)],
)
def test_with_a_resnet_18_the_trained_parameters_are_as_many_as_published(text, count):
    network = nn.Module()
    with torch.device("meta"):
        network.module = model = CifarResNet18((3, 32, 32), 10)
        maps = tuple(torch.empty(2, channels, 4, 4) for channels in model.stage_channels)
        example = Forward(torch.empty(2, 10), torch.empty(2, 512), maps)
    objective = OBJECTIVES.create(text)
    objective.bind(network, example)
    trained = [*model.parameters(), *(p for p in objective.parameters() if p.requires_grad)]
    assert sum(weight.numel() for weight in trained) == count


def test_models_without_stages_and_unbound_or_unbegun_objectives_are_refused():
    with pytest.raises(ContractError, match=r"must give stages .*got none; give it forward_stages"):
        bound("learning_loss", Normed())
    with pytest.raises(ContractError, match=r"call bind\(\)"):
        OBJECTIVES.create("learning_loss", detach_after=0.0)(TwoLayers(), X, Y, None, step=0)
    model = TwoLayers()
    with pytest.raises(ContractError, match=r"call begin\(\) with the number of steps"):
        bound("learning_loss", model)(model, X, Y, None, step=0)


def test_a_base_that_does_not_pass_the_labelled_batch_first_is_refused():
    model = TwoLayers()
    objective = bound("learning_loss", model, detach_after=0.0)
    supervised = OBJECTIVES.create("supervised")
    objective.base.forward = lambda network, x, y, u, step: supervised(network, x[:2], y[:2], u, step=step)
    with pytest.raises(ContractError, match=r"batch of 4 items .*got Supervised that passed 2; use"):
        objective(model, X, Y, None, step=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_loss(learning_loss)", "must be another objective, got 'learning_loss'"),
        ("learning_loss(tood)", "did you mean 'tod'"),
        ("learning_loss(tod(frm=code))", "not found: 'frm'; did you mean 'form'"),
        ("learning_loss(weight=-1.0)", r"'weight' .* in \[0, inf\), got -1.0"),
        ("learning_loss(margin=-1.0)", r"'margin' .* in \[0, inf\), got -1.0"),
        ("learning_loss(detach_after=1.2)", r"'detach_after' .* in \[0, 1\], got 1.2"),
        ("learning_loss(units=0)", r"'units' .* in \[1, inf\), got 0"),
    ],
)
def test_impossible_options_are_refused(text, message):
    with pytest.raises(ConfigurationError, match=message):
        OBJECTIVES.create(text)


@pytest.mark.parametrize(("options", "near"), [({"rank": "hing"}, "hinge"), ({"ties": "ignored"}, "ignore")])
def test_unknown_names_are_refused_with_the_nearest(options, near):
    with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
        OBJECTIVES.create("learning_loss", **options)
