"""Exhibits of how well scores estimate the true loss, by cycle, band, fraction sampled or gap.

All of them evaluate scorers on the same models, those of COD with the task loss, and share their cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

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

GAPS = {"step": None, "10 steps": None, "epoch": 1, "10 epochs": 10, "50 epochs": 50}
"""Gaps in the supplement's Fig. 3, with their length in epochs; a whole cycle is COD itself."""

CYCLE = 3
"""Cycle whose query is evaluated; the spacing of the points in the paper's Fig. 6 matches it."""

ROUND_OFF = 1e-6
"""Smaller changes of probabilities are round-off of two float32 passes."""

ONE_MODEL = (
    "Measured: all scorers are evaluated on the models of the same campaigns, so only the score differs; the "
    "predicted loss comes from a module that is trained alongside without affecting the models."
)
RULES: Mapping[str, str] = {
    "initial": "the distance to the initial model, the largest first, as in the papers' text",
    "untrained": "the distance to another, untrained network, the smallest first, as in the released code",
    "least_confident": "the distance to even probabilities, the smallest first, which is equivalent to the "
    "released code's rule for that cycle",
    "epoch": "the distance to the model one epoch before the end of training",
    "random": "a random draw",
}
"""Descriptions of COD's rules for the first cycle."""

REVERSED = (
    "The initial model's probabilities are nearly even, so in the first cycle COD is largest where the "
    "model is most confident, and the measured bands are in reverse order. The published ones are not."
)
LAST = "The pool is also scored after the last training run, when nothing is queried."
CONTROLS = "Entropy and least confidence are controls that the papers lack."


def diagnosed_arm(request: Request) -> Arm:
    """Return the arm with diagnostics of all scorers; gaps longer than a training run are left out."""
    gaps = [
        Part("cod", {"gap": gap})
        for gap, epochs in GAPS.items()
        if epochs is None or request.epochs is None or epochs < request.epochs
    ]
    cod = Part("cod", {"first_cycle": first_cycle_rule(request)})
    others = [Part(name) for name in ("learning_loss", "entropy", "least_confidence")]
    return Arm("COD", "cod", settings={"diagnostics": [cod, *gaps, *others], "score_last": True})


def first_cycle_rule(request: Request) -> str:
    """Return COD's rule for the first cycle in these campaigns."""
    from nextlabel.strategies.cod import DEFAULT_FIRST_CYCLE  # imports torch

    options = [part.options for part in request.base.strategy if part.name == "cod"]
    return str((options or [{}])[0].get("first_cycle", DEFAULT_FIRST_CYCLE))


def first_cycle_note(request: Request) -> str:
    """Return a sentence on that rule."""
    return f"In the first cycle, which has no predecessor, COD is {RULES[first_cycle_rule(request)]}."


def _label(request: Request) -> str:
    """Return the label of the COD score in the diagnostics."""
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
        own += [replace(one, y=abs(one.y)) for one in scores]  # negative if the smallest come first
        own += _numbers(loss_series(cells, _label(request)), "loss", request.dataset, "nats")
    scale = (
        "Measured COD is half the squared distance of class probabilities, in [0, 1]; the scale of the "
        "published COD is unknown, so only its course can be compared."
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
    order = "Bands are of candidates in COD's query order."
    return _made("fig5", own, order, first_cycle_note(request), stated, LAST)


def _fig6(done: Sequence[Finished], request: Request) -> Made:
    names = {_label(request): "COD", "learning_loss": "LL4AL", "entropy": "Entropy"}
    names |= {"least_confidence": "Least confidence"}
    own, stated = _found(_cells(done), names, request)
    return _made("fig6", own, stated, ONE_MODEL, CONTROLS, guide=lambda x: x)


def _suppfig3(done: Sequence[Finished], request: Request) -> Made:
    names = {_label(request): "COD (whole cycle)", "learning_loss": "LL4AL"}
    labels = {"step": "1 step", "epoch": "1 epoch"}
    names |= {str(Part("cod", {"gap": gap})): labels.get(gap, gap) for gap in reversed(tuple(GAPS))}
    cells = _cells(done)
    own, stated = _found(cells, names, request)
    shown = [number for number in own if (number.x or 0) <= 5]  # the range of the paper's figure
    left_out = [gap for gap, epochs in GAPS.items() if epochs and request.epochs and epochs >= request.epochs]
    short = (
        f"Training runs have {request.epochs} epochs, so a gap of {' or '.join(left_out)} is left out."
        if left_out
        else ""
    )
    still = _round_off_note(cells, names)
    return _made("suppfig3", shown, stated, ONE_MODEL, short, still, guide=lambda x: x)


def _round_off_note(cells: Sequence[DiagnosedCell], names: Mapping[str, str]) -> str:
    """Return a note on gaps whose root-mean-square discrepancy is round-off, or nothing."""
    moved = {
        names[label]: math.sqrt(2 * (score_series(cells, label).mean[_evaluated_cycle(cells) - 1] or 0.0))
        for label in labels_of(cells)
        if "gap=" in label
    }
    still = [f"{moved[name]:.0e} over {name}" for name in moved if moved[name] < ROUND_OFF]
    if not still:
        return ""
    return (
        f"Probabilities changed by no more than float32 round-off: by {', '.join(still)}. Such a line shows "
        "only round-off, because the learning rate ends near 0; the papers use learner.schedule=multistep."
    )


def _evaluated_cycle(cells: Sequence[DiagnosedCell]) -> int:
    """Return the cycle whose query is evaluated."""
    return min(CYCLE, max(row.cycle for cell in cells for row in cell.rows))


def _found(
    cells: Sequence[DiagnosedCell], names: Mapping[str, str], request: Request
) -> tuple[list[Measured], str]:
    """Return the percentages found by each scorer with diagnostics, and a note on the cycle."""
    if not cells:
        return [], ""
    cycle = _evaluated_cycle(cells)
    papers = {"COD", "LL4AL", "COD (whole cycle)", *(w for gap in GAPS for w in (gap, f"1 {gap}"))}
    own = [
        number
        for label, name in names.items()
        if label in labels_of(cells)
        for series in (top_series(cells, label, cycle),)
        for number in _numbers(series, name, request.dataset, "%", factor=100, control=name not in papers)
    ]
    stated = f"Measured after the training of cycle {cycle}."
    return own, f"{stated} {first_cycle_note(request)}" if cycle == 1 else stated


def _made(
    name: str, own: Sequence[Measured], *notes: str, guide: Callable[[float], float] | None = None
) -> Made:
    stated = [note for note in (*notes, *EXHIBITS[name].notes) if note]
    return lines_made(name, controls_last(own), tolerance=0.13, notes=stated, guide=guide)


def _arms(request: Request) -> Sequence[Arm]:
    return (diagnosed_arm(request),)


FIG3 = Exhibit("fig3", _arms, _fig3)
FIG5 = Exhibit("fig5", _arms, _fig5)
FIG6 = Exhibit("fig6", _arms, _fig6)
SUPPFIG3 = Exhibit("suppfig3", _arms, _suppfig3)
