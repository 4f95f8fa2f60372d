"""A small network, data and naive sums for the tests of objectives, all in float64."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.types import Forward


class TwoLayers(nn.Module):
    """A small network in float64 whose hidden layer is the embedding, and a stage like its outputs."""

    def __init__(self, seed=0, dtype=torch.float64, outputs=4):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = nn.Parameter(torch.randn(5, 3, generator=generator, dtype=dtype))
        self.last = nn.Parameter(torch.randn(outputs, 5, generator=generator, dtype=dtype))

    def forward(self, x):
        embeddings = torch.tanh(x @ self.first.T)
        outputs = embeddings @ self.last.T
        return Forward(outputs, embeddings, (embeddings, outputs))


class Normed(nn.Module):
    """A network with batch normalisation, without embeddings and stages."""

    def __init__(self):
        super().__init__()
        self.norm, self.head = nn.BatchNorm1d(3), nn.Linear(3, 2)

    def forward(self, x):
        return Forward(self.head(self.norm(x)))


class NormedWithin(nn.Module):
    """Batch normalisation behind a linear layer, so that its statistics depend on the network's weights."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)

    def forward(self, x):
        return Forward(self.head(self.norm(self.first(x))))


def draw(*shape, seed=1, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


X, Y, U = draw(4, 3, seed=2), torch.tensor([0, 3, 2, 2]), draw(6, 3, seed=3)


def bound(name, model, **options):
    objective = OBJECTIVES.create(name, **options)
    objective.bind(model, model(draw(2, 3, dtype=next(model.parameters()).dtype)))
    return objective.to(next(model.parameters()).dtype)


def outputs(first, last, x):
    """The network of TwoLayers by itself, from its two weights."""
    return torch.tanh(x @ first.T) @ last.T


def probabilities(logits):
    return torch.exp(logits) / torch.exp(logits).sum(1, keepdim=True)


def cross_entropy(logits, y=Y):
    fractions = probabilities(logits)
    return -sum(torch.log(fractions[row, y[row]]) for row in range(len(y))) / len(y)


def moved(model, by=0.1, seed=9):
    """Shift every weight, as an optimiser step would."""
    with torch.no_grad():
        for index, weight in enumerate(model.parameters()):
            weight.add_(by * draw(*weight.shape, seed=seed + index, dtype=weight.dtype))


def assert_teacher_takes_over_buffers(name, **options):
    """Train a few steps in which student and teacher normalise otherwise; then compare their statistics."""
    model = NormedWithin().train()
    objective = bound(name, model, **options).train()

    def buffers():
        theirs = dict(objective.teacher.module.named_buffers())
        return {buffer: (own, theirs[buffer]) for buffer, own in model.named_buffers()}

    for step in range(3):
        x = 5 + draw(4, 3, seed=step, dtype=torch.float32)
        objective(model, x, torch.tensor([0, 1, 1, 0]), 2 * x, step=step)
        moved(model, by=0.5, seed=step)
        if step > 0:  # the weights were apart before the passes, and so are the statistics
            assert not torch.equal(*buffers()["norm.running_mean"])
            assert not torch.equal(*buffers()["norm.running_var"])
        objective.after_step(model)
        assert all(torch.equal(own, theirs) for own, theirs in buffers().values())
    assert buffers()["norm.num_batches_tracked"][1] == 3 + 1  # one joint pass a step, and the example's


def copies(model):
    """The model's weights, detached and ready for gradients of their own."""
    return [weight.detach().clone().requires_grad_() for weight in model.parameters()]


def assert_same_gradients(ours: Tensor, our_weights, theirs: Tensor, their_weights):
    got = torch.autograd.grad(ours, our_weights)
    expected = torch.autograd.grad(theirs, their_weights)
    for one, two in zip(got, expected, strict=True):
        assert two.abs().max() > 1e-5
        torch.testing.assert_close(one, two, atol=1e-9, rtol=1e-6)
