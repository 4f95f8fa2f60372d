"""A graph of all items whose edges are the cosines of their embeddings, and a network that convolves on it.

The table of all pairs is never built: a cosine matrix is a product X X^T, so its product with anything is two
thin products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from nextlabel.errors import DataError
from nextlabel.parts import check_ranges

__all__ = ["CosineGraph", "GraphTraining", "trained_graph"]

_ROUNDING = 64.0
"""In units of M eps: a column's sum below this is 0 up to rounding."""


class CosineGraph:
    """The matrix A = (X X^T - I) / s + I of M items, where s_j sums column j of X X^T - I.

    R. Caramalau, B. Bhattarai, T.-K. Kim: Sequential Graph Convolutional Network for Active Learning, CVPR
    2021, section 3.2, as in the authors' code: the rows of X are the embeddings at length 1; self-connections
    are taken out, columns scaled to sum to 1, and self-connections of weight 1 put back. Made for embeddings
    that are not negative, as after a ReLU; with others a column may sum to 0, and is then left unscaled
    (in the authors' code it becomes infinite).

    Args:
        embeddings_md: (M, D) embeddings.

    Attributes:
        features: (M, D) X, float32 or wider.
    """

    def __init__(self, embeddings_md: Float[Tensor, "items features"]) -> None:
        wide = embeddings_md.to(torch.promote_types(embeddings_md.dtype, torch.float32))
        self.features = normalize(wide)
        sums = self.features @ self.features.sum(0) - 1
        nothing = sums.abs() <= _ROUNDING * len(sums) * torch.finfo(sums.dtype).eps
        self._scale = torch.where(nothing, 1.0, 1 / sums).unsqueeze(1)

    def times(self, values_mh: Float[Tensor, "items width"]) -> Float[Tensor, "items width"]:
        """Return A V for (M, H) values V: O(M D H) operations, O(M H) memory next to X."""
        scaled = self._scale * values_mh
        return self.features @ (self.features.T @ scaled) - scaled + values_mh


@dataclass(frozen=True, kw_only=True)
class GraphTraining:
    """The training of the graph network; the defaults are those of the authors' code.

    Attributes:
        hidden: H, units of the hidden layer.
        steps: Steps of Adam, each on the whole graph.
        lr: Learning rate.
        weight_decay: Of Adam, added to the gradient.
        dropout: Fraction of hidden features dropped in training, in [0, 1).
        unlabelled_weight: Of the unlabelled items in the loss.

    Raises:
        ConfigurationError: A value is out of range.
    """

    hidden: int = 128
    steps: int = 200
    lr: float = 1e-3
    weight_decay: float = 5e-4
    dropout: float = 0.3
    unlabelled_weight: float = 1.2

    def __post_init__(self) -> None:
        check_ranges(
            "the graph network",
            hidden=(self.hidden, "[1, inf)"),
            steps=(self.steps, "[1, inf)"),
            lr=(self.lr, "(0, inf)"),
            weight_decay=(self.weight_decay, "[0, inf)"),
            dropout=(self.dropout, "[0, 1)"),
            unlabelled_weight=(self.unlabelled_weight, "(0, inf)"),
        )


def trained_graph(
    embeddings_nd: Float[Tensor, "items features"],
    labelled_ld: Float[Tensor, "labelled features"],
    training: GraphTraining,
    *,
    rng: torch.Generator,
) -> tuple[Float[Tensor, " all"], Float[Tensor, "all hidden"]]:
    """Train a graph network to tell labelled from unlabelled items, and return its outputs for all of them.

    Two graph convolutions, A V W + b, with ReLU and dropout between them; the loss is -mean ln s over the
    labelled items less ``unlabelled_weight`` times mean ln(1 - s) over the others, s the sigmoid of the
    output. Weights start uniform within 1 / sqrt(outputs), as in the code of T. N. Kipf, M. Welling:
    Semi-Supervised Classification with Graph Convolutional Networks, ICLR 2017.

    Args:
        embeddings_nd: (N, D) of the unlabelled items.
        labelled_ld: (L, D) of the labelled items.
        training: The options.
        rng: Draws the initial weights and the dropout.

    Returns:
        (N + L,) probabilities s of being labelled, and (N + L, H) hidden features, both without dropout, the
        unlabelled items first.

    Raises:
        DataError: Nothing is labelled.
    """
    if not len(labelled_ld):
        raise DataError(
            "the graph network must have at least 1 labelled item to tell from the unlabelled ones, got 0; "
            "label some at random first"
        )
    dtype = torch.promote_types(embeddings_nd.dtype, labelled_ld.dtype)
    graph = CosineGraph(torch.cat((embeddings_nd.to(dtype), labelled_ld.to(dtype))))
    unlabelled, convolved = len(embeddings_nd), graph.times(graph.features)
    weights = []
    for shape in ((convolved.shape[1], training.hidden), (training.hidden,), (training.hidden, 1), (1,)):
        drawn = 2 * torch.rand(shape, generator=rng, dtype=torch.float64) - 1
        weights.append((drawn / math.sqrt(shape[-1])).to(convolved).requires_grad_())

    def features() -> Tensor:
        return torch.relu(torch.addmm(weights[1], convolved, weights[0]))

    def outputs(hidden: Tensor) -> Tensor:
        return (graph.times(hidden @ weights[2]) + weights[3]).squeeze(1)

    optimizer = torch.optim.Adam(weights, lr=training.lr, weight_decay=training.weight_decay)
    with torch.enable_grad():
        for _ in range(training.steps):
            hidden = features()
            if training.dropout:
                kept = torch.rand(hidden.shape, generator=rng) >= training.dropout
                hidden = hidden * kept.to(hidden) / (1 - training.dropout)
            odds = outputs(hidden)
            known, others = logsigmoid(odds[unlabelled:]).mean(), logsigmoid(-odds[:unlabelled]).mean()
            optimizer.zero_grad()
            (-known - training.unlabelled_weight * others).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        hidden = features()
        return outputs(hidden).sigmoid(), hidden
