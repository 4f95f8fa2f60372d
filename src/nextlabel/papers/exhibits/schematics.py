"""The papers' two schematic drawings, the cycle and the training losses, redrawn from their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nextlabel.papers.exhibits.arms import Finished
from nextlabel.papers.exhibits.exhibit import Exhibit, Made, Request, no_arms
from nextlabel.papers.exhibits.figure import draw_panels
from nextlabel.papers.exhibits.panels import Panel
from nextlabel.report.plot import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FIG2", "FIG4"]

Boxes = dict[str, tuple[float, float, str, str]]
"""Boxes by name: centre, text, and name of the colour."""

OWN = "Drawn from the papers' text; the published drawing has no numbers, and nothing is copied from it."
BOX = (0.235, 0.16)
"""Width and height of a box."""


def _draw_boxes(axes: Axes, boxes: Boxes, arrows: Mapping[tuple[str, str], str]) -> None:
    """Draw boxes, and arrows between them with a text alongside."""
    from matplotlib.patches import FancyBboxPatch

    width, height = BOX
    for x, y, text, color in boxes.values():
        box = FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0.012")
        box.set(facecolor=LIGHT["paper"], edgecolor=LIGHT[color], linewidth=1.8)
        axes.add_patch(box)
        axes.text(x, y, text, ha="center", va="center", fontsize=9.5, linespacing=1.25)
    shape = {"arrowstyle": "-|>", "color": LIGHT["muted"], "linewidth": 1.4, "mutation_scale": 13}
    for (start, end), text in arrows.items():
        (x0, y0, *_), (x1, y1, *_) = boxes[start], boxes[end]
        level = abs(y1 - y0) < height
        side, up = (1 if x1 > x0 else -1), (1 if y1 > y0 else -1)
        aside = 0.0 if abs(x1 - x0) < width else 0.06 * side
        if level:
            a, b = (x0 + side * (width / 2 + 0.015), y0), (x1 - side * (width / 2 + 0.018), y1)
        else:
            a, b = (x0 + aside, y0 + up * (height / 2 + 0.02)), (x1 - aside, y1 - up * (height / 2 + 0.022))
        axes.annotate("", b, a, arrowprops=shape)
        if text:
            dx, dy = (0.0, 0.035) if level else (0.012, 0.0)
            place = ((a[0] + b[0]) / 2 + dx, (a[1] + b[1]) / 2 + dy)
            where = "center" if level else "left"
            axes.text(*place, text, ha=where, va="center", fontsize=8.5, color=LIGHT["muted"])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()


def _schematic(
    name: str, title: str, boxes: Boxes, arrows: Mapping[tuple[str, str], str], description: str
) -> Exhibit:
    def paint(axes: Axes, _: Panel) -> None:
        _draw_boxes(axes, boxes, arrows)

    def make(_: Sequence[Finished], __: Request) -> Made:
        image = draw_panels(
            name, [Panel("", "", "", ())], paint, title=title, caption=OWN, description=description,
            height=4.6, width=8.6, math=True,
        )  # fmt: skip
        return Made((image,), (), (), (OWN,))

    return Exhibit(name, no_arms, make)


FIG2 = _schematic(
    "fig2",
    "The cycle",
    {
        "labelled": (0.14, 0.80, "labelled pool\n$(x,y)$", "series-2"),
        "unlabelled": (0.50, 0.48, "unlabelled pool\n$x$", "baseline"),
        "model": (0.50, 0.80, "train the model $w_c$\n" + r"loss $L_S + \lambda L_U$", "series-0"),
        "before": (0.86, 0.80, "model $w_{c-1}$\nof the last cycle", "series-3"),
        "score": (0.86, 0.48, "COD\n" + r"$\|f(x;w_c) - f(x;w_{c-1})\|$", "series-1"),
        "query": (0.86, 0.16, "query the $b$ items\nwith the largest COD", "series-1"),
        "people": (0.14, 0.16, "annotator\ngives $y$", "series-4"),
    },
    {
        ("labelled", "model"): "$L_S$",
        ("unlabelled", "model"): "$L_U$",
        ("unlabelled", "score"): "$x$",
        ("model", "score"): "",
        ("before", "score"): "",
        ("score", "query"): "",
        ("query", "people"): "",
        ("people", "labelled"): "$b$ new pairs",
    },
    "One cycle: the model trains on both pools; its outputs and those of the last cycle's model differ by "
    "COD; the b items with the largest COD are labelled and join the labelled pool.",
)

TEACHER = r"teacher $f(x;\tilde{w})$" + "\n" + r"$\tilde{w} \leftarrow \alpha\tilde{w} + (1-\alpha)w$"
DISTANCE = "$L_U$: squared distance\n" + r"$\|f(x;w) - f(x;\tilde{w})\|^2$"

FIG4 = _schematic(
    "fig4",
    "The training losses",
    {
        "x": (0.14, 0.76, "labelled $x, y$", "series-2"),
        "u": (0.14, 0.24, "unlabelled $x$", "baseline"),
        "student": (0.48, 0.76, "student\n$f(x;w)$", "series-0"),
        "teacher": (0.48, 0.24, TEACHER, "series-3"),
        "task": (0.85, 0.76, "$L_S$: cross-entropy\nwith $y$", "series-2"),
        "unsupervised": (0.85, 0.24, DISTANCE, "series-1"),
    },
    {
        ("x", "student"): "",
        ("u", "student"): "",
        ("u", "teacher"): "",
        ("student", "task"): "",
        ("student", "unsupervised"): "",
        ("teacher", "unsupervised"): "no gradient",
        ("student", "teacher"): "moving average",
    },
    "The student learns from cross-entropy on labelled items, and on unlabelled ones from its squared "
    "distance to a teacher, the moving average of its own weights.",
)
