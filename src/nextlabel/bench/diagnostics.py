"""Diagnostics of scores: how well they estimate the candidates' true losses, which only a benchmark knows.

All scorers are compared on the same trained model.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from nextlabel.bench.diagnostics_record import BANDS, FRACTIONS
from nextlabel.campaign.cycle import Cycle
from nextlabel.campaign.view_builder import ViewBuilder
from nextlabel.errors import ConfigurationError
from nextlabel.ledger.events import JSON, ItemId
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.selection.selection import choose
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.tasks.task import Task
from nextlabel.types import Learner, PoolView, Scorer

__all__ = [
    "band_losses",
    "compare_with_losses",
    "diagnose_query",
    "diagnostics_needs",
    "loss_estimate",
    "make_scorers",
    "top_found",
]


def make_scorers(parts: Sequence[Part]) -> dict[Part, Scorer]:
    """Return the scorers of a configuration's list ``diagnostics``.

    Raises:
        ConfigurationError: A strategy has no scores, or is listed twice.
        UnknownNameError: There is no such strategy.
    """
    scorers: dict[Part, Scorer] = {}
    for part in parts:
        made = STRATEGIES.create(part)
        if not isinstance(made, Scorer):
            raise ConfigurationError(
                f"diagnostics must be strategies with scores, got '{part}', which selects a batch as a "
                "whole; leave it out"
            )
        if part in scorers:
            raise ConfigurationError(
                f"diagnostics must be distinct strategies, got '{part}' twice; leave one out"
            )
        scorers[part] = made
    return scorers


def diagnostics_needs(scorers: Mapping[Part, Scorer]) -> frozenset[str]:
    """Return everything that the scorers need of a view."""
    return frozenset().union(*(scorer.needs for scorer in scorers.values()))


def diagnose_query(
    scorers: Mapping[Part, Scorer],
    plan: Cycle,
    ids: Sequence[ItemId],
    losses: Float[Tensor, " items"],
    *,
    learner: Learner,
    pool: Pool,
    task: Task,
    seed: int,
) -> list[dict[str, JSON]]:
    """Compare every scorer with the true losses, on the model trained in this cycle.

    Makes its own passes, so that the campaign is the same with and without diagnostics. ``plan`` is the cycle
    as it was at the query, ``ids`` are its N candidates, and ``losses`` (N,) are their true losses in nats
    under the model whose accuracy is reported. The campaign's learner is at the end of the cycle's training,
    and is left there. For the records see :func:`compare_with_losses`.
    """
    scans = plan.folder / "diagnostics"
    view_builder = ViewBuilder(
        learner, plan.folder, plan.previous, derive(seed, "predict"), scans=scans,
        augment_seed=derive(seed, "augmented scan", plan.cycle), output=task.output,
    )  # fmt: skip
    labelled, labels = plan.training_set(pool, task)
    candidates = pool.subset(ids)
    own = frozenset(n for n in diagnostics_needs(scorers) if not n.startswith(("snapshot:", "labelled_")))

    def view_of(needs: frozenset[str]) -> PoolView:  # one scan for all: every view asks for all own fields
        return view_builder.view(needs | own, candidates, labelled, labels)

    rng = torch.Generator().manual_seed(derive(seed, "audit", plan.cycle))
    records = compare_with_losses(scorers, view_of, losses, rng=rng)
    shutil.rmtree(scans, ignore_errors=True)
    return records


def compare_with_losses(
    scorers: Mapping[Part, Scorer],
    view_of: Callable[[frozenset[str]], PoolView],
    losses: Float[Tensor, " items"],
    *,
    rng: torch.Generator,
) -> list[dict[str, JSON]]:
    """Compare the scores of every scorer with the (N,) true losses in nats of the same candidates.

    ``view_of`` returns the view of the candidates for a scorer's needs, with only the snapshots it needs. A
    record has the fields of :class:`~nextlabel.bench.diagnostics_record.DiagnosticsRow` from ``label`` on.
    """
    records: list[dict[str, JSON]] = []
    for part, scorer in scorers.items():
        scores = choose(scorer, view_of(scorer.needs), 1, rng=rng).scores
        assert scores is not None, "make_scorers takes scorers only"
        records.append(
            {
                "label": str(part),
                "strategy": part.name,
                "options": dict(part.options),
                "spearman": _spearman(scores, losses),
                "pearson": _pearson(scores, losses),
                "mean_score": float(scores.double().mean()),
                "mean_loss": float(losses.double().mean()),
                "band_losses": band_losses(losses, scores),
                "top_found": top_found(losses, scores),
            }
        )
    return records


def band_losses(losses: Float[Tensor, " items"], scores: Float[Tensor, " items"]) -> list[float | None]:
    """Return the mean true loss in nats of the candidates in each of the :data:`BANDS` of scores.

    The quantity of Fig. 5 of Huang et al., "Semi-Supervised Active Learning with Temporal Output
    Discrepancy", ICCV 2021. Equal scores are sorted by row; only a queried batch breaks ties at random. An
    empty band, as in small pools, gives None.
    """
    ordered, size = losses.double()[_descending(scores)], len(losses)
    bands = [ordered[round(first * size) : round(last * size)] for first, last in BANDS]
    return [float(band.mean()) if len(band) else None for band in bands]


def top_found(
    losses: Float[Tensor, " items"], scores: Float[Tensor, " items"], fractions: Sequence[float] = FRACTIONS
) -> list[float | None]:
    """Return which fraction of the k % largest losses is among the k % largest scores, for each k.

    The "true positive rate" of Fig. 6 of the same paper, as far as its caption defines it. Random scores find
    k %. Equal values are sorted by row. The ``fractions`` k / 100 are rounded to counts of candidates; None
    stands for a count of 0.
    """
    by_score, by_loss = _descending(scores), _descending(losses)
    counts = [round(fraction * len(losses)) for fraction in fractions]
    return [_overlap(by_score[:count], by_loss[:count]) if count else None for count in counts]


def loss_estimate(
    losses: Float[Tensor, " items"], chosen: Tensor, scores: Tensor | None
) -> dict[str, float | None]:
    """Return how well a query's scores estimate the candidates' true losses in nats.

    ``chosen`` are the (B,) chosen rows, and ``scores`` is None where the strategy has none. The result has
    the columns ``loss_correlation``, ``top_fraction`` and ``top_random`` of :class:`~nextlabel.results.Row`.
    """
    count = len(chosen)
    return {
        "loss_correlation": None if scores is None else _spearman(scores, losses),
        "top_fraction": _overlap(chosen, _descending(losses)[:count]),
        "top_random": count / len(losses),
    }


def _descending(values: Tensor) -> Tensor:
    return torch.sort(values, descending=True, stable=True).indices


def _overlap(rows: Tensor, others: Tensor) -> float:
    """Return which fraction of the rows is among as many others."""
    return int(torch.isin(rows, others).sum()) / len(rows)


def _spearman(first: Tensor, second: Tensor) -> float | None:
    return _pearson(*(torch.from_numpy(rankdata(values.numpy())) for values in (first, second)))


def _pearson(first: Tensor, second: Tensor) -> float | None:
    """Return the correlation in [-1, 1], or None where either is constant."""
    if first.min() == first.max() or second.min() == second.max():
        return None
    a, b = first.double() - first.double().mean(), second.double() - second.double().mean()
    spread = float(a.norm() * b.norm())
    return max(-1.0, min(1.0, float(a @ b) / spread)) if spread else None
