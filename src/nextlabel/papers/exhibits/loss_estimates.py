"""Exhibits of how well scores estimate the true loss: by cycle, by band, by fraction found, by gap.

All judge scorers on the same trained models, those of COD with the task loss, and share their cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nextlabel.papers.exhibits.arms import Arm, Finished
from nextlabel.papers.exhibits.exhibit import Exhibit, Made, Request
from nextlabel.papers.exhibits.numbers import Measured
from nextlabel.papers.exhibits.presentation import controls_last, lines_made
from nextlabel.papers.exhibits.twin_axes import Side, twin_made
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.papers.studies.loss_estimates import (
    DiagnosedCell,
    Series,
    band_series,
    labels_of,
    loss_series,
    score_series,
    top_series,
)
from nextlabel.parts import Part

__all__ = ["FIG3", "FIG5", "FIG6", "SUPPFIG3", "diagnosed_arm"]

GAPS: Mapping[str, int | None] = {
    "step": None,
    "10 steps": None,
    "epoch": 1,
    "10 epochs": 10,
    "50 epochs": 50,
}
"""The gaps of the supplement's Fig. 3, with their length in epochs; a whole cycle is COD itself."""

CYCLE = 3
"""Whose query is judged; the spacing of the points of the paper's Fig. 6 fits it."""

ROUND_OFF = 1e-6
"""Probabilities that moved less are as far apart as the rounding of two passes in float32."""

ONE_MODEL = (
    "Measured: all scorers are judged on the models of one and the same campaigns, so that only the score "
    "differs; the predicted loss comes from a module that is trained next to them without touching them."
)
RULES: Mapping[str, str] = {
    "initial": "the distance to the initial model, the largest first, as the papers' text says",
    "untrained": "the distance to another, untrained network, the smallest first, as in the released code",
    "least_confident": "the distance to even probabilities, the smallest first, which is what the released "
    "code's rule for that cycle amounts to",
    "epoch": "the distance to the model one epoch before the end of the training",
    "random": "a random draw",
}
"""What the score of the first cycle is, by COD's rule for it."""

REVERSED = (
    "The initial model's probabilities are nearly even, so that in the first cycle COD is largest where the "
    "model is surest, and the measured bands stand in reverse order. The published ones do not."
)
LAST = "After the last training run the pool is scored too, and nothing is queried."
CONTROLS = "Entropy and least confidence are controls that the papers lack."


def diagnosed_arm(request: Request) -> Arm:
    """Return the arm that compares every scorer with the truth; gaps longer than a fit are left out."""
    gaps = [
        Part("cod", {"gap": gap})
        for gap, epochs in GAPS.items()
        if epochs is None or request.epochs is None or epochs < request.epochs
    ]
    cod = Part("cod", {"first_cycle": first_cycle_rule(request)})
    others = [Part(name) for name in ("learning_loss", "entropy", "least_confidence")]
    return Arm("COD", "cod", settings={"diagnostics": [cod, *gaps, *others], "score_last": True})


def first_cycle_rule(request: Request) -> str:
    """Return the rule by which COD scores the first cycle, that of the campaigns themselves."""
    from nextlabel.strategies.cod import DEFAULT_FIRST_CYCLE  # imports torch

    options = [part.options for part in request.base.strategy if part.name == "cod"]
    return str((options or [{}])[0].get("first_cycle", DEFAULT_FIRST_CYCLE))


def first_cycle_note(request: Request) -> str:
    """Return the sentence on that rule which all these exhibits share."""
    return f"In the first cycle, which has none before it, COD is {RULES[first_cycle_rule(request)]}."


def _label(request: Request) -> str:
    """Return what records call the score that all these exhibits judge."""
    return str(Part("cod", {"first_cycle": first_cycle_rule(request)}))


def _cells(done: Sequence[Finished]) -> list[DiagnosedCell]:
    from nextlabel.bench.diagnostics_record import read_diagnostics

    return [
        DiagnosedCell(
            arm.dataset, arm.arm.strategy, arm.arm.objective, rows[0].seed, tuple(read_diagnostics(folder))
        )
        for arm in done
        for folder, rows in zip(arm.folders, arm.rows_sp, strict=True)
    ]


def _numbers(
    series: Series, name: str, dataset: str, unit: str, *, factor: float = 1.0, control: bool = False
) -> list[Measured]:
    return [
        Measured(
            dataset, "", name, x * factor, y * factor, None if s is None else s * factor, seeds, unit, control
        )
        for x, y, s, seeds in zip(series.x, series.mean, series.spread, series.seeds, strict=True)
        if y is not None
    ]  # fmt: skip


def _fig3(done: Sequence[Finished], request: Request) -> Made:
    cells = _cells(done)
    own = []
    if cells:
        scores = _numbers(score_series(cells, _label(request)), "COD", request.dataset, "")
        own += [replace(one, y=abs(one.y)) for one in scores]  # minus a distance where the smallest is first
        own += _numbers(loss_series(cells, _label(request)), "loss", request.dataset, "nats")
    scale = (
        "Measured COD is half the squared distance of class probabilities, in [0, 1]; the scale of the "
        "published one is unknown, so that its course alone can be compared."
    )
    left = Side("COD", "Mean COD", "series-2", "o")
    right = Side("loss", "Mean true loss, nats", "ink", "s")
    stated = (scale, first_cycle_note(request), LAST, *EXHIBITS["fig3"].notes)
    return twin_made("fig3", own, left, right, notes=stated)


def _fig5(done: Sequence[Finished], request: Request) -> Made:
    cells = _cells(done)
    own = [
        number
        for band in (band_series(cells, _label(request)) if cells else ())
        for number in _numbers(band, band.label, request.dataset, "nats")
    ]
    first = [number.y for number in own if number.x == 1]
    stated = REVERSED if first and first[0] < first[-1] else ""
    order = "Bands are of the candidates in the order in which COD queries them."
    return _made("fig5", own, order, first_cycle_note(request), stated, LAST)


def _fig6(done: Sequence[Finished], request: Request) -> Made:
    names = {
        _label(request): "COD",
        "learning_loss": "LL4AL",
        "entropy": "Entropy",
        "least_confidence": "Least confidence",
    }
    own, stated = _found(_cells(done), names, request)
    return _made("fig6", own, stated, ONE_MODEL, CONTROLS, guide=lambda x: x)


def _suppfig3(done: Sequence[Finished], request: Request) -> Made:
    names = {_label(request): "COD (whole cycle)", "learning_loss": "LL4AL"}
    labels = {"step": "1 step", "epoch": "1 epoch"}
    names |= {str(Part("cod", {"gap": gap})): labels.get(gap, gap) for gap in reversed(tuple(GAPS))}
    cells = _cells(done)
    own, stated = _found(cells, names, request)
    shown = [number for number in own if (number.x or 0) <= 5]  # as far as the paper's figure goes
    left_out = [gap for gap, epochs in GAPS.items() if epochs and request.epochs and epochs >= request.epochs]
    short = (
        f"A training run has {request.epochs} epochs here, so that a gap of {' or '.join(left_out)} is left "
        "out."
        if left_out
        else ""
    )
    still = _still(cells, names)
    return _made("suppfig3", shown, stated, ONE_MODEL, short, still, guide=lambda x: x)


def _still(cells: Sequence[DiagnosedCell], names: Mapping[str, str]) -> str:
    """Say which gaps are so short that their discrepancy is round-off, by the root of the mean square."""
    moved = {
        names[label]: math.sqrt(2 * (score_series(cells, label).mean[_judged(cells) - 1] or 0.0))
        for label in labels_of(cells)
        if "gap=" in label
    }
    still = [f"{moved[name]:.0e} over {name}" for name in moved if moved[name] < ROUND_OFF]
    if not still:
        return ""
    return (
        f"Probabilities moved no more than float32 rounds: by {', '.join(still)}. Such a line is of "
        "round-off, for the learning rate ends near 0; the papers' schedule is learner.schedule=multistep."
    )


def _judged(cells: Sequence[DiagnosedCell]) -> int:
    """Return the cycle whose query is judged."""
    return min(CYCLE, max(row.cycle for cell in cells for row in cell.rows))


def _found(
    cells: Sequence[DiagnosedCell], names: Mapping[str, str], request: Request
) -> tuple[list[Measured], str]:
    """Return the percentages found by the scorers that were diagnosed, and of which cycle."""
    if not cells:
        return [], ""
    cycle = _judged(cells)
    papers = {"COD", "LL4AL", "COD (whole cycle)", *(w for gap in GAPS for w in (gap, f"1 {gap}"))}
    own = [
        number
        for label, name in names.items()
        if label in labels_of(cells)
        for number in _numbers(
            top_series(cells, label, cycle),
            name,
            request.dataset,
            "%",
            factor=100,
            control=name not in papers,
        )
    ]
    stated = f"Measured after the training of cycle {cycle}."
    return own, f"{stated} {first_cycle_note(request)}" if cycle == 1 else stated


def _made(
    name: str,
    own: Sequence[Measured],
    *notes: str,
    guide: Callable[[float], float] | None = None,
    **more: Any,
) -> Made:
    stated = [note for note in (*notes, *EXHIBITS[name].notes) if note]
    return lines_made(name, controls_last(own), tolerance=0.13, notes=stated, guide=guide, **more)


def _arms(request: Request) -> Sequence[Arm]:
    return (diagnosed_arm(request),)


FIG3 = Exhibit("fig3", _arms, _fig3)
FIG5 = Exhibit("fig5", _arms, _fig5)
FIG6 = Exhibit("fig6", _arms, _fig6)
SUPPFIG3 = Exhibit("suppfig3", _arms, _suppfig3)
