"""UncertainGCN: query what a graph network can hardly tell from the labelled items. Knows only embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.errors import ConfigurationError
from nextlabel.maths.graph import GraphTraining, trained_graph
from nextlabel.registry import Card
from nextlabel.strategies.core_gcn import both_embeddings
from nextlabel.types import PoolView

__all__ = ["UncertainGcn"]

CARD = Card(
    "uncertain_gcn",
    "UncertainGcn",
    needs=("embeddings", "labelled_embeddings"),
    cost="O((N + L) D H) for each of 200 steps",
    use_when="as core_gcn's uncertainty variant; embeddings should not be negative",
    citation="Caramalau, Bhattarai, Kim, Sequential Graph Convolutional Network for Active Learning, CVPR "
    "2021",
    remedy="use a learner that gives embeddings, such as TorchLearner",
)


@dataclass(frozen=True)
class UncertainGcn:
    """Score candidates by how near their probability of being labelled is to a margin.

    R. Caramalau, B. Bhattarai, T.-K. Kim: Sequential Graph Convolutional Network for Active Learning, CVPR
    2021, section 3.3: a graph network (:func:`nextlabel.maths.graph.trained_graph`) learns to tell labelled
    from unlabelled items, s in [0, 1]; the candidates with the smallest |s - margin| first. A score depends
    on all candidates, and on the seed by the network's first weights and dropout.

    Attributes:
        margin: 0.1 as in the authors' code.
        hidden: Units of the hidden layer.
        steps: Steps of Adam.
        lr: Learning rate.
        weight_decay: Of Adam.
        dropout: Fraction of hidden features dropped in training.
        unlabelled_weight: Of the unlabelled items in the loss.

    Raises:
        ConfigurationError: An option is out of range.
    """

    margin: float = 0.1
    hidden: int = 128
    steps: int = 200
    lr: float = 1e-3
    weight_decay: float = 5e-4
    dropout: float = 0.3
    unlabelled_weight: float = 1.2

    name: ClassVar[str] = "uncertain_gcn"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings", "labelled_embeddings"})

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= 1:
            raise ConfigurationError(
                f"margin of the strategy '{self.name}' must be in [0, 1], but is {self.margin}"
            )
        self._training()

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) scores in [-1, 0], higher = query first.

        Raises:
            DataError: Nothing is labelled.
        """
        probabilities, _ = trained_graph(*both_embeddings(view, self.name), self._training(), rng=rng)
        return -(probabilities[: view.size] - self.margin).abs()

    def _training(self) -> GraphTraining:
        return GraphTraining(
            hidden=self.hidden,
            steps=self.steps,
            lr=self.lr,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            unlabelled_weight=self.unlabelled_weight,
        )
