"""The paper's Fig. 1, reproduced as what it is: round-off."""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.published.exhibits import EXHIBITS
from nextlabel.published.reading import by_series, published
from nextlabel.reproduction.arms import Finished
from nextlabel.reproduction.drawing import Line, Panel, draw_points
from nextlabel.reproduction.exhibit import Exhibit, Made, Request, no_arms, title_of
from nextlabel.reproduction.numbers import Measured, Pair
from nextlabel.reproduction.presenting import tables_of

__all__ = ["FIG1"]

NETWORKS = 100
"""Small networks over which the measured numbers are means; they take a fraction of a second."""


def _fig1(_: Sequence[Finished], __: Request) -> Made:
    from nextlabel.theory.cross_entropy import constant_gradient

    about = EXHIBITS["fig1"]
    check = constant_gradient(NETWORKS)
    values = check.measured[0].values
    own = [
        Measured("random inputs", "", name, None, value, None, NETWORKS, "") for name, value in values.items()
    ]
    theirs = published("fig1")
    lines = [Line(_words(one.series), (), (one.y,), (None,), published=False) for one in own]
    for rows in by_series(theirs).values():
        heights = tuple(row.y * float(row.unit) for row in rows)
        label = f"{title_of(rows[0].dataset)}, cycles 1 to 7"
        lines.append(Line(label, (), heights, (None,) * len(rows), published=True))
    pairs: tuple[Pair, ...] = (*(Pair(one, None) for one in own), *(Pair(None, row) for row in theirs))
    figure = draw_points(
        "fig1",
        [Panel("What was differentiated", about.y, "", tuple(lines), log_x=True)],
        title=about.title,
        caption=f"Measured: mean of {NETWORKS} small networks. Published, hollow: {about.where}. The sum of "
        "all class probabilities is the constant 1: its gradient is zero but for round-off.",
        description=f"{check.finding}; published values lie between 5e-13 and 2e-12 or at 2e-13.",
    )
    notes = (f"{check.finding}.", *about.notes, "No claim about the gradient's size follows from the figure.")
    return Made((figure,), pairs, tables_of("fig1", pairs), notes)


def _words(name: str) -> str:
    return name.replace("all classes", "sum of all probabilities").replace("class 0", "one probability")


FIG1 = Exhibit("fig1", no_arms, _fig1)
