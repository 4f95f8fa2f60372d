"""Builds the figures, tables and captions of an exhibit from measured and published numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from nextlabel.papers.exhibits.exhibit import Made, counterpart, title_of
from nextlabel.papers.exhibits.figure import draw_lines, draw_points
from nextlabel.papers.exhibits.numbers import NEAR, Measured, Pair, pair
from nextlabel.papers.exhibits.panels import Line, Panel
from nextlabel.papers.published.exhibits import EXHIBITS, LABELLED
from nextlabel.papers.published.values import Published, published
from nextlabel.report.tables import UNKNOWN, Table

__all__ = [
    "MEASURED",
    "caption_of",
    "controls_last",
    "describe",
    "heading_of",
    "lines_made",
    "lines_of",
    "points_made",
    "tables_of",
    "typeset",
]

Number = Measured | Published

REFERENCE = "cifar10"
"""Data set whose published numbers are shown if the papers do not have the measured one."""

MEASURED = "measured"
"""Origin of measured rows in tables."""

NEARLY = 0.15
"""Percentages of labels this close to a whole number are rounded to it, as counts of items are whole."""

GREEK = {"lambda": "λ", "alpha": "α"}
"""Greek letters by name, which is used for panels."""

SAME = 0.5
"""Maximum distance between positions that count as the same."""

MOST_BANDS = 7
"""Maximum number of lines in a panel with bands; with more, deviations are only in the table."""

FULL = 100.0
"""Position of full training in % of the labels, drawn as a horizontal line."""


def lines_made(
    exhibit: str,
    own: Sequence[Measured],
    *,
    reference: str = REFERENCE,
    tolerance: float | None = None,
    caption: str = "",
    notes: Sequence[str] = (),
    log_x: bool = False,
    equal_ticks: bool = False,
    own_legends: bool = False,
    apart: bool = False,
    math: bool = False,
    in_tables_only: Sequence[str] = (),
    title: str = "",
    guide: Callable[[float], float] | None = None,
) -> Made:
    """Build an exhibit of lines.

    Args:
        exhibit: Its name.
        own: Measured numbers, all on one data set.
        reference: Data set whose published numbers are shown if the papers lack the measured one.
        tolerance: Maximum distance between compared positions; by default half a step of the published grid
            of labels, or the same position on other axes.
        caption: Added to the usual caption.
        notes: Notes, added to those on the data sets.
        log_x: Whether the horizontal axis is logarithmic.
        equal_ticks: Whether positions are drawn at equal distances.
        own_legends: Whether every panel has its own legend.
        apart: Whether measured and published numbers have separate panels.
        math: Whether Greek letters are typeset; then no name may have a dollar sign.
        in_tables_only: Panels that are only shown in tables.
        title: Title, if it depends on the runs.
        guide: Function whose line is drawn for comparison, such as a random choice.
    """
    about = EXHIBITS[exhibit]
    pairs, stated = _paired(exhibit, own, reference, tolerance)
    panels = []
    for numbers in _panels(exhibit, pairs, apart=apart):
        if numbers[0].panel in in_tables_only:
            continue
        lines = _unbanded(lines_of(numbers))
        if guide is not None:
            ends = (0.0, max(x for line in lines for x in line.x))
            heights = tuple(guide(x) for x in ends)
            lines = (*lines, Line("random choice", ends, heights, (None, None), published=False, guide=True))
        ticks = sorted({x for line in lines for x in line.x}) if equal_ticks else []
        texts = (heading_of(numbers), about.x_of(numbers[0].panel), about.y)
        heading, x_label, y_label = map(typeset, texts) if math else texts
        panels.append(Panel(heading, x_label, y_label, lines, log_x, ticks=tuple(ticks)))
    shown_title = title or about.title
    figure = draw_lines(
        exhibit,
        panels,
        title=typeset(shown_title) if math else shown_title,
        caption=caption_of(pairs, panels, caption),
        description=describe(pairs),
        own_legends=own_legends,
        math=math,
    )
    return Made(
        (replace(figure, title=shown_title),),
        tuple(pairs),
        tables_of(exhibit, pairs, apart=apart),
        (*stated, *notes),
    )


def points_made(
    exhibit: str,
    own: Sequence[Measured],
    *,
    reference: str = REFERENCE,
    tolerance: float | None = None,
    caption: str = "",
    notes: Sequence[str] = (),
    log_x: bool = False,
    measured: str = "",
    title: str = "",
) -> Made:
    """Build an exhibit that is a table: a figure with a row of points per series, and the table itself.

    The arguments are those of :func:`lines_made`; ``measured`` describes the measured numbers if they are not
    means over seeds.
    """
    about = EXHIBITS[exhibit]
    pairs, stated = _paired(exhibit, own, reference, tolerance)
    panels = [
        Panel(heading_of(numbers), about.y, "", lines_of(numbers, levels=False), log_x)
        for numbers in _panels(exhibit, pairs)
    ]
    figure = draw_points(
        exhibit,
        panels,
        title=title or about.title,
        caption=caption_of(pairs, panels, caption, measured=measured),
        description=describe(pairs),
    )
    return Made((figure,), tuple(pairs), tables_of(exhibit, pairs), (*stated, *notes))


def tables_of(
    exhibit: str, pairs: Sequence[Pair], *, split: bool = False, apart: bool = False
) -> tuple[Table, ...]:
    """Return a table per panel, with a row per series and origin and a column per position."""
    return tuple(_table(exhibit, numbers) for numbers in _panels(exhibit, pairs, split=split, apart=apart))


def _paired(
    exhibit: str, own: Sequence[Measured], reference: str, tolerance: float | None
) -> tuple[list[Pair], list[str]]:
    """Return the pairs, and notes on the data sets."""
    datasets = list(dict.fromkeys(one.dataset for one in own))
    known = {row.dataset for row in published(exhibit)}
    reference = reference if reference in known else next(iter(published(exhibit))).dataset
    same = counterpart(exhibit, datasets[0]) if datasets else None
    stated = []
    if datasets and same is None:
        stated.append(
            f"The papers do not show {title_of(datasets[0])}. Published numbers are for "
            f"{title_of(reference)}, in separate panels, so only the order of the lines can be compared."
        )
    elif datasets and same != datasets[0]:
        stated.append(
            f"{title_of(datasets[0])} is {title_of(str(same))} after lossy JPEG compression: expect "
            "accuracies slightly below those on the original images."
        )
    of_labels = EXHIBITS[exhibit].x == LABELLED
    if tolerance is None:
        tolerance = NEAR if of_labels else SAME
    pairs = pair(own, published(exhibit, same or reference), counterpart=same, tolerance=tolerance)
    if of_labels and any(_shifted(both) for both in pairs):
        stated.append(
            "Measured numbers are at their percentage of the pool; each is compared with the published one "
            f"at the nearest percentage, at most {tolerance:g} points away."
        )
    return pairs, stated


def _shifted(both: Pair) -> bool:
    """Return whether the positions of two paired numbers differ visibly."""
    own, theirs = both.measured, both.published
    return bool(own and theirs and own.x and theirs.x and abs(own.x - theirs.x) > SAME)


def _panels(
    exhibit: str, pairs: Iterable[Pair], *, split: bool = False, apart: bool = False
) -> list[list[Number]]:
    """Group numbers by data set and panel, with ``split`` also by series, with ``apart`` also by origin."""
    groups: dict[tuple[str, str, str, bool], list[Number]] = {}
    for both in pairs:
        for number in (both.measured, both.published):
            if number is not None:
                own = isinstance(number, Measured)
                dataset = (counterpart(exhibit, number.dataset) if own else None) or number.dataset
                series = number.series if split else ""
                groups.setdefault((dataset, number.panel, series, apart and own), []).append(number)
    return list(groups.values())


def lines_of(numbers: Sequence[Number], *, levels: bool = True) -> tuple[Line, ...]:
    """Return a line per series and origin, in order of first appearance."""
    found: dict[tuple[str, bool], list[Number]] = {}
    for number in numbers:
        found.setdefault((number.series, isinstance(number, Published)), []).append(number)
    lines = []
    for (series, is_published), of_line in found.items():
        full = levels and len(of_line) == 1 and of_line[0].x == FULL
        lines.append(
            Line(
                series,
                tuple(number.x for number in of_line if number.x is not None),
                tuple(number.y for number in of_line),
                tuple(number.spread for number in of_line),
                is_published,
                level=full,
            )
        )
    return tuple(lines)


def _unbanded(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Remove the bands if there are so many that they would hide each other."""
    if sum(not line.published for line in lines) <= MOST_BANDS:
        return lines
    return tuple(replace(line, spread=(None,) * len(line.y)) for line in lines)


def heading_of(numbers: Sequence[Number]) -> str:
    """Return the data sets of the numbers, and whether they are measured or published."""
    own = list(dict.fromkeys(title_of(n.dataset) for n in numbers if isinstance(n, Measured)))
    theirs = list(dict.fromkeys(title_of(n.dataset) for n in numbers if isinstance(n, Published)))
    if own == theirs:
        heading = f"{own[0]}, measured and published"
    else:
        parts = [f"{name}, measured" for name in own] + [f"{name}, published" for name in theirs]
        heading = "; ".join(parts)
    panel = GREEK.get(numbers[0].panel, numbers[0].panel)
    return f"{heading}: {panel}" if panel else heading


def typeset(text: str) -> str:
    """Return a text with Greek letters as formulas."""
    for name, letter in GREEK.items():
        text = text.replace(letter, f"$\\{name}$")
    return text


def caption_of(pairs: Sequence[Pair], panels: Sequence[Panel], more: str, *, measured: str = "") -> str:
    """Return a caption on the measured numbers, their deviations, and the sources of published ones."""
    own = [line for panel in panels for line in panel.lines if not line.published]
    drawn = any(spread is not None for line in own for spread in line.spread)
    seeds = sorted({both.measured.seeds for both in pairs if both.measured})
    sources = list(dict.fromkeys(both.published.source for both in pairs if both.published))
    parts = [f"Measured: {measured}."] if measured and seeds else []
    if seeds and not measured:
        many = " to ".join(str(n) for n in dict.fromkeys((seeds[0], seeds[-1])))
        several = "; bands and bars: their standard deviation" if drawn else ""
        parts.append(f"Measured: mean of {many} seed{'' if seeds == [1] else 's'}{several}.")
    if sources:
        parts.append(f"Published, dashed or hollow: {'; '.join(sources)}.")
    return " ".join([*parts, more]).strip()


def describe(pairs: Sequence[Pair]) -> str:
    """Return the last number of every series, as alternative text."""
    last: dict[tuple[str, str, str], Number] = {}
    for both in pairs:
        for number in (both.measured, both.published):
            if number is not None:
                origin = "measured" if isinstance(number, Measured) else "published"
                last[origin, title_of(number.dataset), f"{number.panel} {number.series}".strip()] = number
    stated = [f"{origin} {name} {series} {n.y:.4g}" for (origin, name, series), n in last.items()]
    return f"The last value of every series: {'; '.join(stated)}."


def _table(exhibit: str, numbers: Sequence[Number]) -> Table:
    axis = EXHIBITS[exhibit].x_of(numbers[0].panel)
    place_of = _percent if axis == LABELLED else _place
    rising = sorted(numbers, key=lambda number: -1.0 if number.x is None else number.x)
    places = list(dict.fromkeys(place_of(number.x) for number in rising))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for number in numbers:
        theirs = isinstance(number, Published)
        origin = "published" if theirs else MEASURED
        spread = "" if number.spread is None else f" ± {_digits(number.spread)}"
        rows.setdefault((number.series, origin), {})[place_of(number.x)] = f"{_digits(number.y)}{spread}"
    heads = ["Value" if place == "" else place for place in places]
    body = tuple(
        (series, origin, *(cells.get(place, UNKNOWN) for place in places))
        for (series, origin), cells in sorted(rows.items(), key=lambda item: _order(item[0][0], numbers))
    )
    unit = f", {numbers[0].unit}" if numbers[0].unit else ""
    label = f"; columns: {axis}" if axis else ""
    return Table(f"{heading_of(numbers)}{unit}{label}", ("Series", "Origin", *heads), body)


def _order(series: str, numbers: Sequence[Number]) -> int:
    return next(i for i, number in enumerate(numbers) if number.series == series)


def _place(x: float | None) -> str:
    if x is None:
        return ""
    return f"{x:g}" if x < 1 else f"{round(x, 1):g}"


def _percent(x: float | None) -> str:
    """Return a percentage of labels, rounded so that 361 of 1,437 items are shown as 25, not as 25.1."""
    if x is None:
        return ""
    return f"{x:.0f}" if abs(x - round(x)) < NEARLY else f"{x:.1f}"


def _digits(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def controls_last(own: Sequence[Measured]) -> list[Measured]:
    """Move the series that the papers lack to the end, and mark them."""
    marked = [replace(one, series=f"{one.series} (not in the papers)") if one.control else one for one in own]
    return sorted(marked, key=lambda one: one.control)
