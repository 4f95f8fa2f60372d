"""The article's t-SNE maps of queried items, by strategy and cycle."""

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
"""Index of the grey in matplotlib's tab10, which is skipped because grey marks queried items."""

LAST = "#f2c300"
"""Colour of the tenth class: a yellow, which tab10 lacks."""

QUERIED, UNLABELLED = "muted", "rule"
"""Names of the dark grey for items queried next and the pale grey for unlabelled ones."""

MARKER_AREA = 7.0
"""In square points, for about 2,000 items per map."""


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
        "labelled, by class. Dark grey: queried after this cycle, or in the last cycle what would have been "
        "queried next. Pale grey: the rest.",
        description="Maps by strategy (rows) and cycle (columns); most clusters have one class.",
        legend=_legend(shown.class_names),
        columns=columns,
        width=3.0,
        height=2.9,
    )
    note = "The article shows Fashion-MNIST, without numbers. Distances between t-SNE clusters mean nothing."
    return Made((figure,), (), (), (note,))


def _legend(names: Sequence[str]) -> list[Entry]:
    """Return an entry per class, as long as there are colours, and one for each grey."""
    classes = class_colors()
    entries = [Entry(name, color, "o", "none") for name, color in zip(names, classes, strict=False)]
    if len(names) > len(classes):
        more = f"{len(names) - len(classes)} more classes: colours repeat"
        entries.append(Entry(more, LIGHT["ink"], "", "none"))
    return [
        *entries,
        Entry("queried next", LIGHT[QUERIED], "o", "none"),
        Entry("not labelled", LIGHT[UNLABELLED], "o", "none"),
    ]


def class_colors() -> list[str]:
    """Return ten distinct colours for classes; further classes repeat them."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [*(to_hex(colormaps["tab10"](i)) for i in range(10) if i != GREY), LAST]


def _paint_map(axes: Axes, one: Embedding) -> None:
    classes = class_colors()
    for part, color in (("unlabelled", LIGHT[UNLABELLED]), ("labelled", None), ("queried", LIGHT[QUERIED])):
        places = [i for i, of in enumerate(one.parts) if of == part]
        x, y = ([one.points[i][axis] for i in places] for axis in (0, 1))
        colors = [color or classes[one.classes[i] % len(classes)] for i in places]
        axes.scatter(x, y, s=MARKER_AREA, c=colors, linewidths=0, alpha=0.9)
    axes.set_xticks([])
    axes.set_yticks([])


TSNE = Exhibit(
    "tsne",
    lambda _: tuple(
        Arm(label, strategy, settings={"score_last": True})  # to record what the last cycle would query
        for label, strategy in (("Random", "random"), ("LL4AL", "learning_loss"), ("COD", "cod"))
    ),
    _tsne,
)
