"""CoreGCN: query so that every candidate is near a labelled item on a learnt graph. Knows only embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from nextlabel.errors import DataError
from nextlabel.maths.graph import GraphTraining, trained_graph
from nextlabel.registry import Card
from nextlabel.strategies.core_set import CoreSet
from nextlabel.types import Outputs, PoolView

__all__ = ["CoreGcn", "both_embeddings"]

CARD = Card(
    "core_gcn",
    "CoreGcn",
    needs=("embeddings", "labelled_embeddings"),
    cost="O((N + L) D H) for each of 200 steps, then O(N (L + B) H)",
    use_when="as core-set, on features that know what is labelled; embeddings should not be negative",
    citation="Caramalau, Bhattarai, Kim, Sequential Graph Convolutional Network for Active Learning, CVPR "
    "2021",
    remedy="use a learner that gives embeddings, such as TorchLearner",
)


@dataclass(frozen=True)
class CoreGcn:
    """Choose by core-set among the hidden features of a graph network.

    R. Caramalau, B. Bhattarai, T.-K. Kim: Sequential Graph Convolutional Network for Active Learning, CVPR
    2021, section 3.3: a graph network (:func:`nextlabel.maths.graph.trained_graph`) learns to tell labelled
    from unlabelled items, and k-center-greedy (:class:`nextlabel.strategies.core_set.CoreSet`) runs on its
    hidden features, as the paper says; the code as released runs it on the task network's own features.

    Attributes:
        hidden: Units of the hidden layer.
        steps: Steps of Adam.
        lr: Learning rate.
        weight_decay: Of Adam.
        dropout: Fraction of hidden features dropped in training.
        unlabelled_weight: Of the unlabelled items in the loss.

    Raises:
        ConfigurationError: An option is out of range.
    """

    hidden: int = 128
    steps: int = 200
    lr: float = 1e-3
    weight_decay: float = 5e-4
    dropout: float = 0.3
    unlabelled_weight: float = 1.2

    name: ClassVar[str] = "core_gcn"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings", "labelled_embeddings"})

    def __post_init__(self) -> None:
        self._training()

    def select(self, view: PoolView, batch_size: int, *, rng: torch.Generator) -> Int[Tensor, " batch"]:
        """Return (B,) distinct rows in the order of choice.

        Raises:
            DataError: Nothing is labelled.
        """
        _, hidden = trained_graph(*both_embeddings(view, self.name), self._training(), rng=rng)
        pool, labelled = Outputs(embeddings=hidden[: view.size]), Outputs(embeddings=hidden[view.size :])
        return CoreSet().select(PoolView(view.size, pool, labelled=labelled), batch_size, rng=rng)

    def _training(self) -> GraphTraining:
        return GraphTraining(
            hidden=self.hidden,
            steps=self.steps,
            lr=self.lr,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            unlabelled_weight=self.unlabelled_weight,
        )


def both_embeddings(view: PoolView, name: str) -> tuple[Tensor, Tensor]:
    """Return the (N, D) embeddings of the candidates and the (L, D) of the labelled items.

    Args:
        view: What holds them.
        name: The strategy, for the message.

    Raises:
        DataError: Nothing is labelled.
    """
    embeddings, labelled = view.pool.embeddings, view.labelled.embeddings
    assert embeddings is not None
    assert labelled is not None
    if not len(labelled):
        raise DataError(
            f"strategy '{name}' learns to tell labelled from unlabelled items and needs at least one "
            "labelled item, but there is none; label some at random first"
        )
    return embeddings, labelled
