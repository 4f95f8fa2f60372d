"""The article's maps of what is queried: t-SNE of class probabilities, by strategy and cycle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nextlabel.papers.exhibits.arms import Arm, Finished
from nextlabel.papers.exhibits.exhibit import Exhibit, Made, Request, title_of
from nextlabel.papers.exhibits.figure import draw_panels
from nextlabel.papers.exhibits.panels import Entry, Panel
from nextlabel.report.plot import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nextlabel.papers.studies.embedding import Embedding

__all__ = ["TSNE", "class_colors"]

GREY = 7
"""The place of a colour in matplotlib's tab10 that would be taken for what is queried."""

LAST = "#f2c300"
"""The tenth class: a yellow, which tab10 lacks."""

QUERIED, UNLABELLED = "muted", "rule"
"""Names of the greys of what is queried next, dark, and of the rest, pale."""

MARKER_AREA = 7.0
"""In square points: some two thousand lie on each map."""


def _tsne(done: Sequence[Finished], _: Request) -> Made:
    from nextlabel.papers.studies.embedding import CYCLES, embed_cycle

    maps: list[tuple[str, Embedding]] = []
    for arm in done:
        last = len(arm.rows_sp[0])
        for cycle in sorted({cycle for cycle in CYCLES if cycle < last} | {last}):
            maps.append((arm.arm.label, embed_cycle(arm.folders[0], cycle)))
    if not maps:
        return Made((), (), ())
    columns = len({one.cycle for _, one in maps})
    panels = [Panel(f"{label}, cycle {one.cycle}", "", "", ()) for label, one in maps]
    by_panel = dict(zip(map(id, panels), (one for _, one in maps), strict=True))

    def paint(axes: Axes, panel: Panel) -> None:
        _paint_map(axes, by_panel[id(panel)])

    shown = maps[0][1]
    figure = draw_panels(
        "tsne",
        panels,
        paint,
        title=f"What is queried on {title_of(shown.dataset)}, in the plane of t-SNE",
        caption=f"Class probabilities of {len(shown.ids):,} items of the pool, seed {shown.seed}. Coloured: "
        "labelled, by class. Dark grey: queried after this cycle. Pale: the rest. After the last cycle "
        "nothing is queried; there, dark grey is what would have been.",
        description="Maps by strategy (rows) and cycle (columns); clusters are mostly of one class.",
        legend=_legend(shown.class_names),
        columns=columns,
        width=3.0,
        height=2.9,
    )
    notes = (
        "The article shows Fashion-MNIST, without numbers. Distances between clusters of t-SNE mean nothing.",
    )
    return Made((figure,), (), (), notes)


def _legend(names: Sequence[str]) -> list[Entry]:
    """Return one entry per class, as far as colours go, and what the two greys are."""
    classes = class_colors()
    entries = [Entry(name, color, "o", "none") for name, color in zip(names, classes, strict=False)]
    if len(names) > len(classes):
        entries.append(
            Entry(f"{len(names) - len(classes)} more classes: colours again", LIGHT["ink"], "", "none")
        )
    return [
        *entries,
        Entry("queried next", LIGHT[QUERIED], "o", "none"),
        Entry("not labelled", LIGHT[UNLABELLED], "o", "none"),
    ]


def class_colors() -> list[str]:
    """Return ten colours for classes, none like another; an eleventh class has the first one's again."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [*(to_hex(colormaps["tab10"](i)) for i in range(10) if i != GREY), LAST]


def _paint_map(axes: Axes, one: Embedding) -> None:
    classes = class_colors()
    for part, color in (("unlabelled", LIGHT[UNLABELLED]), ("labelled", None), ("queried", LIGHT[QUERIED])):
        places = [i for i, of in enumerate(one.parts) if of == part]
        x, y = ([one.points[i][axis] for i in places] for axis in (0, 1))
        axes.scatter(
            x,
            y,
            s=MARKER_AREA,
            c=[color or classes[one.classes[i] % len(classes)] for i in places],
            linewidths=0,
            alpha=0.9,
        )
    axes.set_xticks([])
    axes.set_yticks([])


TSNE = Exhibit(
    "tsne",
    lambda _: tuple(
        Arm(label, strategy, settings={"score_last": True})  # to know what would be queried after the last
        for label, strategy in (("Random", "random"), ("LL4AL", "learning_loss"), ("COD", "cod"))
    ),
    _tsne,
)
