"""The paper's Fig. 1, which turns out to show round-off."""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.papers.exhibits.arms import Finished
from nextlabel.papers.exhibits.exhibit import Exhibit, Made, Request, no_arms, title_of
from nextlabel.papers.exhibits.figure import draw_lines
from nextlabel.papers.exhibits.numbers import Measured, Pair
from nextlabel.papers.exhibits.panels import Line, Panel
from nextlabel.papers.exhibits.presentation import tables_of
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.papers.published.values import by_series, published

__all__ = ["FIG1"]

WIDTH = 64
"""Channels of the paper's ResNet-18; the measurement takes about ten seconds on two cores."""

CLASSES = (10, 100)
"""Classes of CIFAR-10 and CIFAR-100."""

NORM = r"$\|\nabla_w f\|^2$"

SUM, ONE = "sum of {} probabilities, {}", "one of 10 probabilities, {}"


def _measure() -> list[Measured]:
    """Return the squared gradient norms of the sum of all probabilities and, for scale, of one of them."""
    import torch

    from nextlabel.papers.theory.cross_entropy import summed_gradient

    found = {}
    for precision in ("float32", "float64"):
        for classes in CLASSES:
            dtype = getattr(torch, precision)
            whole, one = summed_gradient(dtype, width=WIDTH, classes=classes)
            found[SUM.format(classes, precision)] = whole
            if classes == CLASSES[0]:
                found[ONE.format(precision)] = one
    own = [Measured("random inputs", "", name, None, value, None, 1, "") for name, value in found.items()]
    return sorted(own, key=lambda number: -number.y)


def _fig1(_: Sequence[Finished], __: Request) -> Made:
    about = EXHIBITS["fig1"]
    own, theirs = _measure(), published("fig1")
    values = {number.series: number.y for number in own}
    shown = [number for number in own if number.series != ONE.format("float32")]  # equals the one in float64
    lines = [Line(one.series, (), (one.y,), (None,), published=False, level=True) for one in shown]
    for rows in by_series(theirs).values():
        cycles = tuple(row.x for row in rows if row.x is not None)
        heights = tuple(row.y * float(row.unit) for row in rows)
        label = title_of(rows[0].dataset)
        lines.append(Line(label, cycles, heights, (None,) * len(rows), published=True))
    pairs: tuple[Pair, ...] = (*(Pair(one, None) for one in own), *(Pair(None, row) for row in theirs))
    sums = [values[SUM.format(CLASSES[0], precision)] for precision in ("float32", "float64")]
    finding = (
        f"In float32 the sum of 10 probabilities has a squared gradient norm of {sums[0]:.0e}, in float64 of "
        f"{sums[1]:.0e}; a single probability has {values[ONE.format('float64')]:.0f}"
    )
    figure = draw_lines(
        "fig1",
        [Panel("Measured and published, on one scale", "Cycle", NORM, tuple(lines), log_y=True)],
        title="Squared gradient norm by cycle: round-off",
        caption=f"Published: {about.where}, the mean at the end of each cycle. Measured (horizontal lines): "
        "the papers' ResNet-18 for CIFAR, untrained, in train mode, on 16 random inputs. The sum of all "
        "class probabilities is always 1, so its gradient is zero except for round-off.",
        description=f"{finding}; published values lie between 1e-13 and 2e-12.",
        math=True,
        width=8.6,
        height=4.6,
    )
    notes = (
        f"{finding}. The published values have the size of float32 round-off.",
        *about.notes,
        "The figure does not support any claim about the size of the gradient.",
    )
    return Made((figure,), pairs, tables_of("fig1", pairs), notes)


FIG1 = Exhibit("fig1", no_arms, _fig1)
