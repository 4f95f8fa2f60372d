"""UncertainGCN: query what a graph network can hardly tell from the labelled items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nextlabel.maths.graph import GraphTraining, trained_graph
from nextlabel.parts import check_ranges
from nextlabel.registry import Card
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


@dataclass(frozen=True, kw_only=True)
class UncertainGcn(GraphTraining):
    """Score candidates by how near their probability of being labelled is to a margin.

    R. Caramalau, B. Bhattarai, T.-K. Kim: Sequential Graph Convolutional Network for Active Learning, CVPR
    2021, section 3.3: a graph network (:func:`nextlabel.maths.graph.trained_graph`) learns to tell labelled
    from unlabelled items, s in [0, 1]; the candidates with the smallest |s - margin| come first. A score
    depends on all candidates, and on the seed through the network's initial weights and dropout.

    Attributes:
        margin: In [0, 1]; 0.1 as in the authors' code. The other options are those of
            :class:`nextlabel.maths.graph.GraphTraining`.
    """

    margin: float = 0.1

    name: ClassVar[str] = "uncertain_gcn"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings", "labelled_embeddings"})

    def __post_init__(self) -> None:
        check_ranges(f"strategy '{self.name}'", margin=(self.margin, "[0, 1]"))
        super().__post_init__()

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) scores in [-1, 0]; without labelled items a DataError is raised."""
        unlabelled, labelled = (part.fields()["embeddings"] for part in (view.pool, view.labelled))
        probabilities, _ = trained_graph(unlabelled, labelled, self, rng=rng)
        return -(probabilities[: view.size] - self.margin).abs()
