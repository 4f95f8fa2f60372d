"""Embeddings from the timm contract and from named layers; outputs that break the contract are refused."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from learner_cases import NormedNet
from nextlabel.errors import ContractError, UnknownNameError
from nextlabel.training.network import ModuleNetwork


def wrapped(module, *, layer=None, embeddings=True):
    network = ModuleNetwork(module, embedding_layer=layer).eval()
    network.with_embeddings = embeddings
    return network


def plain():
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))


X = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def test_the_timm_contract_gives_outputs_and_embeddings():
    module, x = NormedNet().eval(), torch.rand(4, 6)
    forward = wrapped(module)(x)
    assert torch.equal(forward.outputs, module(x))
    assert torch.equal(forward.embeddings, module.forward_features(x))


def test_embeddings_are_not_computed_unless_wanted():
    assert wrapped(NormedNet(), embeddings=False)(torch.rand(4, 6)).embeddings is None


def test_a_named_layers_maps_are_averaged_over_positions():
    module = plain()
    forward = wrapped(module, layer="0")(X)
    torch.testing.assert_close(forward.embeddings, module[0](X).mean((2, 3)))
    assert torch.equal(forward.outputs, module(X))


def test_a_named_layers_vectors_are_taken_as_they_are():
    module = plain()
    assert torch.equal(wrapped(module, layer="2")(X).embeddings, module[:3](X))


def test_the_named_layer_wins_over_the_timm_contract():
    module, x = NormedNet().eval(), torch.rand(4, 6)
    assert torch.equal(wrapped(module, layer="first")(x).embeddings, module.first(x))


def test_a_copy_reads_its_own_layer_and_no_hook_stays():
    network = wrapped(plain(), layer="2")
    other = copy.deepcopy(network)
    with torch.no_grad():
        for weight in other.parameters():
            weight.add_(1.0)
    assert not torch.equal(network(X).embeddings, other(X).embeddings)
    assert torch.equal(other(X).embeddings, other.module[:3](X))
    assert not network.module[2]._forward_hooks


def test_a_module_without_the_contract_and_without_a_layer_has_no_embeddings():
    network = wrapped(plain())
    assert not network.has_embeddings
    assert network(X).embeddings is None


def test_an_unknown_layer_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'head'"):
        ModuleNetwork(NormedNet(), embedding_layer="hed")


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.layer(self.layer(x)))


def test_a_layer_that_runs_twice_cannot_be_the_embedding():
    with pytest.raises(ContractError, match="'layer' must return one tensor"):
        wrapped(Twice(), layer="layer")(torch.rand(3, 6))


@pytest.mark.parametrize(
    ("returned", "stated"),
    [
        (lambda x: (x, x), "got tuple"),
        (lambda x: x[:, :, None], r"shape \(3, 6, 1\)"),
        (lambda x: x[:1], r"shape \(1, 6\)"),
        (lambda x: x.long(), "torch.int64"),
    ],
)
def test_outputs_that_are_no_matrix_of_floats_are_refused(returned, stated):
    class Wrong(nn.Module):
        def forward(self, x):
            return returned(x)

    with pytest.raises(ContractError, match=stated):
        wrapped(Wrong())(torch.rand(3, 6))


class Staged(NormedNet):
    """Gives its hidden layer before and after the norm's ReLU."""

    def forward_stages(self, x):
        first = self.first(x)
        return first, self.dropout(torch.relu(self.norm(first)))


@pytest.mark.parametrize("layer", [None, "first"])
@pytest.mark.parametrize("embeddings", [False, True])
def test_stages_come_with_the_same_outputs_and_embeddings(layer, embeddings):
    module, x = Staged().eval(), torch.rand(4, 6)
    network = wrapped(module, layer=layer, embeddings=embeddings)
    plain_pass = network(x)
    network.with_stages = True
    staged = network(x)
    assert plain_pass.stages is None
    assert [tuple(stage.shape) for stage in staged.stages] == [(4, 8), (4, 8)]
    assert torch.equal(staged.stages[0], module.first(x))
    assert torch.equal(staged.outputs, plain_pass.outputs)
    assert torch.equal(staged.embeddings, plain_pass.embeddings) if embeddings else staged.embeddings is None


def test_stages_of_a_model_without_any_are_refused():
    network = wrapped(plain(), embeddings=False)
    network.with_stages = True
    with pytest.raises(ContractError, match="the model Sequential has no forward_stages and forward_head"):
        network(X)
