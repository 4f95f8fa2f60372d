"""BADGE: query a batch that is uncertain and diverse, by the last layer's gradients.

Knows class probabilities and embeddings; the gradients, outer products of the two, are never built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nextlabel.maths.distances import without_rounding
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
    are at distance 0, k-means++ is undefined and the rest of the batch is drawn uniformly. Deviation: with
    several draws the probabilities are averaged first; the paper has one.
    """

    name: ClassVar[str] = "badge"
    needs: ClassVar[frozenset[str]] = frozenset({"log_probs", "embeddings"})

    def select(self, view: PoolView, batch_size: int, *, rng: torch.Generator) -> Int[Tensor, " batch"]:
        """Return (B,) distinct rows in the order of drawing; ``rng`` gives B - 1 uniform numbers."""
        assert view.pool.log_probs is not None
        assert view.pool.embeddings is not None
        residuals = _residuals(view.pool.log_probs)
        embeddings = view.pool.embeddings.to(torch.promote_types(view.pool.embeddings.dtype, torch.float32))
        residuals, embeddings = _same_type(residuals, embeddings)
        squared_norms = torch.linalg.vector_norm(residuals, dim=1).square_()
        squared_norms *= torch.linalg.vector_norm(embeddings, dim=1).square_()

        def distances_from(row: int) -> Tensor:
            scale = squared_norms + squared_norms[row]
            product = torch.mv(residuals, residuals[row]).mul_(torch.mv(embeddings, embeddings[row]))
            return without_rounding(product.mul_(-2).add_(scale), scale)

        first = int(squared_norms.argmax())
        return kmeans_plus_plus(distances_from, first, batch_size, size=view.size, rng=rng)


def _residuals(log_probs_nkc: Float[Tensor, "items draws classes"]) -> Float[Tensor, "items classes"]:
    """Return p - e_y for the predicted class y; its own entry is expm1(ln p_y), exact where p_y is near 1."""
    log_probs = mean_log_probs(log_probs_nkc)
    top, predicted = log_probs.max(1, keepdim=True)
    return log_probs.exp().scatter_(1, predicted, torch.expm1(top))


def _same_type(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    dtype = torch.promote_types(first.dtype, second.dtype)
    return first.to(dtype), second.to(dtype)
