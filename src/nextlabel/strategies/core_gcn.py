"""CoreGCN: query so that every candidate is near a labelled item on a learnt graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from nextlabel.maths.graph import GraphTraining, trained_graph
from nextlabel.registry import Card
from nextlabel.strategies.core_set import CoreSet
from nextlabel.types import Outputs, PoolView

__all__ = ["CoreGcn"]

CARD = Card(
    "core_gcn",
    "CoreGcn",
    needs=("embeddings", "labelled_embeddings"),
    cost="O((N + L) D H) for each of 200 steps, then O(N (L + B) H)",
    use_when="as core_set, on features that separate labelled from unlabelled items; embeddings should not "
    "be negative",
    citation="Caramalau, Bhattarai, Kim, Sequential Graph Convolutional Network for Active Learning, CVPR "
    "2021",
    remedy="use a learner that gives embeddings, such as TorchLearner",
)


@dataclass(frozen=True, kw_only=True)
class CoreGcn(GraphTraining):
    """Choose by core-set among the hidden features of a graph network.

    R. Caramalau, B. Bhattarai, T.-K. Kim: Sequential Graph Convolutional Network for Active Learning, CVPR
    2021, section 3.3: a graph network (:func:`nextlabel.maths.graph.trained_graph`) learns to tell labelled
    from unlabelled items, and k-center-greedy (:class:`nextlabel.strategies.core_set.CoreSet`) runs on its
    hidden features, as the paper says; the released code runs it on the task network's own features. The
    options are those of :class:`nextlabel.maths.graph.GraphTraining`.
    """

    name: ClassVar[str] = "core_gcn"
    needs: ClassVar[frozenset[str]] = frozenset({"embeddings", "labelled_embeddings"})

    def select(self, view: PoolView, batch_size: int, *, rng: torch.Generator) -> Int[Tensor, " batch"]:
        """Return (B,) distinct rows in the order of choice; without labelled items a DataError is raised."""
        unlabelled, labelled = (part.fields()["embeddings"] for part in (view.pool, view.labelled))
        _, hidden = trained_graph(unlabelled, labelled, self, rng=rng)
        pool, centres = Outputs(embeddings=hidden[: view.size]), Outputs(embeddings=hidden[view.size :])
        return CoreSet().select(PoolView(view.size, pool, labelled=centres), batch_size, rng=rng)
