"""Diagnostics: how well scores estimate the true losses of the candidates, which a benchmark alone can know.

Several scorers are judged on one and the same trained model. Knows nothing of how a campaign chooses, of
files or of figures.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    "DiagnosedScorer",
    "band_losses",
    "diagnose_query",
    "diagnosed",
    "diagnostics_needs",
    "loss_estimate",
    "make_scorers",
    "top_found",
]

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class DiagnosedScorer:
    """A scorer that is compared with the truth.

    Attributes:
        label: The text of its part: ``"cod(gap='10 steps')"``.
        part: The part.
        scorer: The scorer.
    """

    label: str
    part: Part
    scorer: Scorer


def make_scorers(parts: Sequence[Part]) -> tuple[DiagnosedScorer, ...]:
    """Return the scorers of a configuration's list ``diagnostics``.

    Args:
        parts: Strategies.

    Raises:
        ConfigurationError: A strategy has no scores, or is listed twice.
        UnknownNameError: There is no such strategy.
    """
    scorers: dict[str, DiagnosedScorer] = {}
    for part in parts:
        made = STRATEGIES.create(part)
        if not isinstance(made, Scorer):
            raise ConfigurationError(
                f"diagnostics must be strategies with scores, got '{part}', which selects a batch as a "
                "whole; leave it out"
            )
        if str(part) in scorers:
            raise ConfigurationError(f"diagnostics must be distinct strategies, got '{part}' twice")
        scorers[str(part)] = DiagnosedScorer(str(part), part, made)
    return tuple(scorers.values())


def diagnostics_needs(scorers: Sequence[DiagnosedScorer]) -> frozenset[str]:
    """Return all that the scorers need of a view; the learner's snapshots follow from it."""
    return frozenset().union(*(one.scorer.needs for one in scorers))


def diagnose_query(
    scorers: Sequence[DiagnosedScorer],
    plan: Cycle,
    ids: Sequence[ItemId],
    losses: Float[Tensor, " items"],
    *,
    learner: Learner,
    pool: Pool,
    task: Task,
    seed: int,
) -> list[dict[str, JSON]]:
    """Judge every scorer on the model at the end of this cycle's training.

    Makes its own passes, so that a campaign is the same with and without them.

    Args:
        scorers: Whom to judge.
        plan: The cycle's, as it was when the campaign chose.
        ids: The N candidates that the campaign's strategy chose from.
        losses: (N,) their true losses in nats, under the model that is reported.
        learner: Trained; it holds the end of the cycle's training, and does so afterwards.
        pool: The campaign's.
        task: The campaign's.
        seed: The campaign's.

    Returns:
        A record for every scorer, as :func:`diagnosed` makes them.
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
    records = diagnosed(scorers, view_of, losses, rng=rng)
    shutil.rmtree(scans, ignore_errors=True)
    return records


def diagnosed(
    scorers: Sequence[DiagnosedScorer],
    view_of: Callable[[frozenset[str]], PoolView],
    losses: Float[Tensor, " items"],
    *,
    rng: torch.Generator,
) -> list[dict[str, JSON]]:
    """Compare the scores of every scorer with the true losses of the same candidates.

    Args:
        scorers: Whom to judge.
        view_of: Returns the view of the candidates that holds what is needed; each scorer gets its own, with
            its own snapshots and no others.
        losses: (N,) true losses in nats.
        rng: For scorers that draw.

    Returns:
        For each ``label``, ``strategy``, ``options``; ``spearman`` and ``pearson``, the correlations of
        score and loss over candidates, None where either is constant; ``mean_score``; ``mean_loss`` in
        nats; ``band_losses``, see :func:`band_losses`; ``top_found``, see :func:`top_found`.
    """
    records: list[dict[str, JSON]] = []
    for one in scorers:
        scores = choose(one.scorer, view_of(one.scorer.needs), 1, rng=rng).scores
        assert scores is not None, "make_scorers takes scorers only"
        records.append(
            {
                "label": one.label,
                "strategy": one.part.name,
                "options": dict(one.part.options),
                "spearman": _correlation(_ranks(scores), _ranks(losses)),
                "pearson": _correlation(scores, losses),
                "mean_score": float(scores.double().mean()),
                "mean_loss": float(losses.double().mean()),
                "band_losses": band_losses(losses, scores),
                "top_found": top_found(losses, scores),
            }
        )
    return records


def band_losses(
    losses: Float[Tensor, " items"],
    scores: Float[Tensor, " items"],
    bands: Sequence[tuple[float, float]] = BANDS,
) -> list[float | None]:
    """Return the mean true loss of the candidates in every band of scores, largest scores first.

    The quantity of Fig. 5 of Huang et al., "Semi-Supervised Active Learning with Temporal Output
    Discrepancy", ICCV 2021, whose bands are the default. Candidates are sorted by score. Equal scores
    are sorted by row; they are drawn by the seed only in a batch that is queried.

    Args:
        losses: (N,) in nats.
        scores: (N,), higher = larger expected loss.
        bands: From which fraction of the candidates to which, in [0, 1]; a fraction is rounded to a count.

    Returns:
        The mean loss in nats of each band; None of one that is empty, as small pools have.
    """
    ordered = losses.double()[torch.sort(scores, descending=True, stable=True).indices]
    size = len(ordered)
    means: list[float | None] = []
    for first, last in bands:
        inside = ordered[round(first * size) : round(last * size)]
        means.append(float(inside.mean()) if len(inside) else None)
    return means


def top_found(
    losses: Float[Tensor, " items"], scores: Float[Tensor, " items"], fractions: Sequence[float] = FRACTIONS
) -> list[float | None]:
    """Return which fraction of the truly largest losses is among as many largest scores.

    The "true positive rate" of Fig. 6 of the same paper, as far as its caption says: of the k % with the
    largest scores, the fraction that belongs to the k % with the largest losses. Random scores give k %.
    Equal values are sorted by row; scores are drawn by the seed only in a batch that is queried.

    Args:
        losses: (N,) in nats.
        scores: (N,), higher = larger expected loss.
        fractions: The k / 100, in (0, 1]; each is rounded to a count of candidates.

    Returns:
        A fraction in [0, 1] for every k; None where k % are less than half a candidate.
    """
    by_score = torch.sort(scores, descending=True, stable=True).indices
    by_loss = torch.sort(losses, descending=True, stable=True).indices
    found: list[float | None] = []
    for fraction in fractions:
        count = round(fraction * len(losses))
        both = int(torch.isin(by_score[:count], by_loss[:count]).sum())
        found.append(both / count if count else None)
    return found


def loss_estimate(losses: Tensor, chosen: Tensor, scores: Tensor | None) -> Metrics:
    """Say how well a query's scores estimate the candidates' true losses.

    Args:
        losses: (N,) true losses in nats.
        chosen: (B,) the chosen rows.
        scores: (N,) scores, or None where the strategy has none.

    Returns:
        ``loss_correlation``: Spearman's rank correlation of scores and losses; None without scores, or where
        either is constant. ``top_fraction``: fraction of the B candidates with the largest losses, equal
        ones by row, that is among the chosen; their equal scores were drawn by the seed. ``top_random``: B / N,
        what random rows would give.
    """
    count = len(chosen)
    top = torch.sort(losses, descending=True, stable=True).indices[:count]
    return {
        "loss_correlation": None if scores is None else _correlation(_ranks(scores), _ranks(losses)),
        "top_fraction": int(torch.isin(chosen, top).sum()) / count,
        "top_random": count / len(losses),
    }


def _ranks(values: Tensor) -> Tensor:
    return torch.from_numpy(rankdata(values.numpy()))


def _correlation(first: Tensor, second: Tensor) -> float | None:
    """Return Pearson's correlation in [-1, 1], or None where either is constant and there is none."""
    if first.min() == first.max() or second.min() == second.max():
        return None
    a, b = first.double() - first.double().mean(), second.double() - second.double().mean()
    spread = float(a.norm() * b.norm())
    return max(-1.0, min(1.0, float(a @ b) / spread)) if spread else None
