"""The graph network against the dense matrix and an autograd-free forward pass in float64."""

import math

import numpy as np
import pytest
import torch

from nextlabel.errors import ConfigurationError
from nextlabel.maths.graph import CosineGraph, GraphTraining, trained_graph


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def embeddings(items, features=6, seed=0):
    return torch.rand(items, features, generator=rng(seed), dtype=torch.float64)


def dense(points):
    """Build the adjacency matrix word for word: cosines less identity, columns scaled, plus identity."""
    rows = points.numpy() / np.linalg.norm(points.numpy(), axis=1, keepdims=True)
    cosines = rows @ rows.T - np.eye(len(rows))
    return cosines @ np.diag(1 / cosines.sum(0)) + np.eye(len(rows)), rows


def test_three_items_make_the_matrix_computed_by_hand():
    root = math.sqrt(0.5)
    graph = CosineGraph(torch.tensor([[2.0, 0.0], [0.0, 0.5], [3.0, 3.0]]))
    # cosines off the diagonal: 0 between the first two, root with the third; column sums root, root, 2 root
    expected = [[1, 0, 0.5], [0, 1, 0.5], [1, 1, 1]]
    torch.testing.assert_close(graph.times(torch.eye(3)), torch.tensor(expected), atol=1e-6, rtol=0)
    assert graph.features[2].tolist() == pytest.approx([root, root])


def test_the_product_is_that_of_the_full_matrix():
    points, values = embeddings(15), torch.randn(15, 4, generator=rng(1), dtype=torch.float64)
    matrix, _ = dense(points)
    np.testing.assert_allclose(CosineGraph(points).times(values).numpy(), matrix @ values.numpy(), rtol=1e-10)


def test_columns_that_sum_to_nothing_stay_finite():
    opposed = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    product = CosineGraph(opposed).times(torch.eye(3))
    assert torch.isfinite(product).all()
    torch.testing.assert_close(product[:2, :2], torch.eye(2))


def naive_training(points, unlabelled, training, seed):
    """Train on the dense matrix with gradients written out by hand and Adam written out by hand."""
    matrix, rows = dense(points)
    generator, hidden_units = rng(seed), training.hidden

    def drawn(*shape):
        uniform = torch.rand(shape, generator=generator, dtype=torch.float64).numpy()
        return (2 * uniform - 1) / math.sqrt(shape[-1])

    weights = [drawn(points.shape[1], hidden_units), drawn(hidden_units), drawn(hidden_units, 1), drawn(1)]
    snapshots = [[np.zeros_like(weight), np.zeros_like(weight)] for weight in weights]
    labelled = len(points) - unlabelled

    def forward(mask):
        before = matrix @ rows @ weights[0] + weights[1]
        hidden = np.maximum(before, 0) * mask
        return before, hidden, matrix @ hidden @ weights[2] + weights[3]

    for step in range(1, training.steps + 1):
        uniform = torch.rand((len(points), hidden_units), generator=generator).numpy()
        mask = (uniform >= training.dropout) / (1 - training.dropout)
        before, hidden, odds = forward(mask)
        s = 1 / (1 + np.exp(-odds))
        slope = np.concatenate(
            (training.unlabelled_weight * s[:unlabelled] / unlabelled, (s[unlabelled:] - 1) / labelled)
        )
        back = matrix.T @ slope
        below = (back @ weights[2].T) * mask * (before > 0)
        gradients = [(matrix @ rows).T @ below, below.sum(0), hidden.T @ back, slope.sum(0)]
        for weight, gradient, (first, second) in zip(weights, gradients, snapshots, strict=True):
            gradient = gradient + training.weight_decay * weight  # noqa: PLW2901
            first[:] = 0.9 * first + 0.1 * gradient
            second[:] = 0.999 * second + 0.001 * gradient**2
            size = np.sqrt(second / (1 - 0.999**step)) + 1e-8
            weight -= training.lr * first / (1 - 0.9**step) / size  # noqa: PLW2901
    _, hidden, odds = forward(1.0)
    return 1 / (1 + np.exp(-odds[:, 0])), hidden


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_training_agrees_with_full_gradients_written_out_by_hand(dropout):
    training = GraphTraining(hidden=5, steps=12, lr=0.05, weight_decay=0.01, dropout=dropout)
    pool, labelled = embeddings(9), embeddings(4, seed=2)
    scores, hidden = trained_graph(pool, labelled, training, rng=rng(3))
    expected, expected_hidden = naive_training(torch.cat((pool, labelled)), 9, training, 3)
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-7)
    np.testing.assert_allclose(hidden.numpy(), expected_hidden, rtol=1e-7, atol=1e-9)


def test_unlabelled_items_like_the_labelled_get_higher_scores():
    near, far = torch.eye(4).repeat(3, 1) + 0.05, torch.zeros(6, 4) + torch.tensor([0.0, 1.0, 1.0, 0.0])
    labelled = torch.eye(4)[[0, 3, 0, 3]] + 0.05
    scores, _ = trained_graph(torch.cat((near, far)), labelled, GraphTraining(lr=0.01), rng=rng())
    alike = scores[:12].reshape(3, 4)[:, [0, 3]]
    assert alike.min() > scores[12:18].max()


def test_training_works_where_gradients_are_off_and_leaves_none_behind():
    with torch.no_grad():
        scores, hidden = trained_graph(
            embeddings(5).float(), embeddings(2).float(), GraphTraining(steps=2), rng=rng()
        )
    assert scores.shape == (7,)
    assert hidden.shape == (7, 128)
    assert not scores.requires_grad
    assert not hidden.requires_grad


@pytest.mark.parametrize("option", [{"hidden": 0}, {"steps": 0}, {"dropout": 1.0}, {"lr": 0.0}])
def test_options_out_of_range_are_refused(option):
    ((name, value),) = option.items()
    with pytest.raises(ConfigurationError, match=rf"'{name}' of the graph network .*, got {value}"):
        GraphTraining(**option)
