"""BADGE: query a batch that is uncertain and diverse, by the gradients of the last layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from nextlabel.maths.distances import squared_norms, without_rounding
from nextlabel.maths.entropy import mean_log_probs
from nextlabel.maths.greedy import kmeans_plus_plus
from nextlabel.registry import Card
from nextlabel.types import PoolView

__all__ = ["Badge"]

CARD = Card(
    "badge",
    "Badge",
    needs=("log_probs", "embeddings"),
    cost="O(N B (C + D))",
    use_when="with large batches, where uncertain items resemble each other",
    citation="Ash, Zhang, Krishnamurthy, Langford, Agarwal, Deep Batch Active Learning by Diverse, "
    "Uncertain Gradient Lower Bounds, ICLR 2020",
    remedy="use a learner that gives class probabilities and embeddings, such as TorchLearner",
)


@dataclass(frozen=True)
class Badge:
    """Draw a batch by k-means++ on hallucinated gradients of the last layer.

    J. T. Ash, C. Zhang, A. Krishnamurthy, J. Langford, A. Agarwal, "Deep Batch Active Learning by Diverse,
    Uncertain Gradient Lower Bounds", ICLR 2020, Algorithm 1. The gradient of the cross-entropy at the
    predicted class, with respect to the last layer's weights (no bias), is the outer product
    g = (p - e_y) h^T. Its distances factorise,

        ||g_i - g_j||^2 = ||d_i||^2 ||h_i||^2 + ||d_j||^2 ||h_j||^2 - 2 <d_i, d_j> <h_i, h_j>,  d = p - e_y,

    so that one draw costs O(N (C + D)) and the (N, C D) table is never built. The first row is the one with
    the largest gradient, as in the authors' code (k-means++ itself draws it uniformly). Where all rows left
    are at distance 0, the rest of the batch is drawn uniformly. Deviation: several draws are averaged first;
    the paper has one.
    """

    name: ClassVar[str] = "badge"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs", "embeddings"})

    def select(self, view: PoolView, batch_size: int, *, rng: torch.Generator) -> Int[Tensor, " batch"]:
        """Return (B,) distinct rows in the order of drawing; ``rng`` gives B - 1 uniform numbers."""
        log_probs = mean_log_probs(view.pool.fields()["log_probs"])
        top, predicted = log_probs.max(1, keepdim=True)
        # expm1(ln p_y) is exact where p_y is near 1, as p_y - 1 is not.
        residuals = log_probs.exp().scatter_(1, predicted, torch.expm1(top))
        embeddings = view.pool.fields()["embeddings"]
        dtype = torch.promote_types(residuals.dtype, embeddings.dtype)
        residuals, embeddings = residuals.to(dtype), embeddings.to(dtype)
        norms = squared_norms(residuals) * squared_norms(embeddings)

        def distances_from(row: int) -> Tensor:
            scale = norms + norms[row]
            product = torch.mv(residuals, residuals[row]).mul_(torch.mv(embeddings, embeddings[row]))
            return without_rounding(product.mul_(-2).add_(scale), scale)

        return kmeans_plus_plus(distances_from, int(norms.argmax()), batch_size, size=view.size, rng=rng)
