"""Draw one small figure as SVG and PNG, in the same style everywhere.

A figure is drawn once, in the light colours. Each colour of the theme has its own hexadecimal value, so that
on the page each can become a CSS variable and the figure follows the reader's theme.
"""

from __future__ import annotations

import html
import io
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DARK",
    "HEAT",
    "LIGHT",
    "SERIES",
    "SETTINGS",
    "Image",
    "Style",
    "by_rows",
    "columns_that_fit",
    "css_variables",
    "draw",
    "empty_figure",
    "image_of",
    "styles",
    "whole_numbers",
]

T = TypeVar("T")

_THEMES = {
    "paper": ("#fcfcfa", "#15181b"),
    "ink": ("#1d2126", "#e7e9ec"),
    "muted": ("#59616b", "#a3abb4"),
    "rule": ("#d5d9dd", "#3a4148"),
    "grid": ("#e7e9eb", "#2a2f35"),
    "series-0": ("#1f6fb2", "#62b0f2"),
    "series-1": ("#cf560b", "#ff9557"),
    "series-2": ("#0a8560", "#45cfa0"),
    "series-3": ("#974a92", "#dd96d6"),
    "series-4": ("#9a7200", "#e3b341"),
    "series-5": ("#2391ba", "#7fd6f5"),
    "series-6": ("#b5304a", "#ff8095"),
    "series-7": ("#744a2c", "#c8976f"),
    "series-8": ("#5346d0", "#a79bff"),
    "series-9": ("#64720f", "#b4c752"),
    "baseline": ("#6b7178", "#a5adb6"),
    "fit": ("#3b5b7b", "#5b82a8"),
    "scan": ("#86b0d7", "#a9cdf0"),
    "select": ("#dfa03b", "#f0bd62"),
    "heat-0": ("#e8a868", "#8d4e14"),
    "heat-1": ("#f1c99f", "#683d1c"),
    "heat-2": ("#f8e6d3", "#423122"),
    "heat-3": ("#f0f0ee", "#262a2f"),
    "heat-4": ("#d6e5f3", "#1e3850"),
    "heat-5": ("#a9cbe9", "#1f507c"),
    "heat-6": ("#74abd9", "#2469a7"),
}
"""Each colour in the light and in the dark theme; the light values differ, as they identify the colours."""

LIGHT: Mapping[str, str] = {name: light for name, (light, _) in _THEMES.items()}
DARK: Mapping[str, str] = {name: dark for name, (_, dark) in _THEMES.items()}
SERIES = tuple(name for name in LIGHT if name.startswith("series-"))
HEAT = tuple(name for name in LIGHT if name.startswith("heat-"))
WIDTH = 4.6
"""Width of a figure of one panel in inches."""

HANDLE = 0.72
"""Width of a legend's handle and its gaps in inches: 0.64 by the settings below, the rest for its borders."""

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES = ((0, ()), (0, (6, 1.6)), (0, (1.4, 1.4)), (0, (6, 1.6, 1.4, 1.6)), (0, (3, 1.5)))

SETTINGS: dict[Any, Any] = {  # Any: newer matplotlibs want a Literal of every key
    "svg.fonttype": "none",  # text stays text: it can be selected, searched and read aloud
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.labelsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.8,
    "grid.color": LIGHT["grid"],
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "legend.handlelength": 2.6,
    "legend.columnspacing": 1.0,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "figure.dpi": 72,
    **dict.fromkeys(("text.color", "axes.titlecolor"), LIGHT["ink"]),
    **dict.fromkeys(("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), LIGHT["muted"]),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), LIGHT["rule"]),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), LIGHT["paper"]),
}
"""The settings of every figure of nextlabel, in the light theme."""


@dataclass(frozen=True)
class Style:
    """How one strategy is drawn; strategies differ in colour, dash and marker.

    Attributes:
        color: Name of the colour in the themes.
        dash: Offset and lengths of the dashes, in line widths.
        marker: The marker's matplotlib code.
    """

    color: str
    dash: tuple[int, tuple[float, ...]]
    marker: str


@dataclass(frozen=True)
class Image:
    """A drawn figure.

    Attributes:
        name: Stem of its file names, and prefix of the ids in its SVG: letters, digits and hyphens.
        title: What it shows.
        caption: How to read it.
        description: What can be seen in it, as alternative text.
        svg: The figure as a file, in the light theme.
        png: The same as pixels.
    """

    name: str
    title: str
    caption: str
    description: str
    svg: str
    png: bytes

    @property
    def dark(self) -> str:
        """The SVG as a file, in the dark theme."""
        names = {value: DARK[name] for name, value in LIGHT.items()}
        return re.sub("|".join(names), lambda found: names[found[0]], self.svg)

    def save(self, folder: Path) -> None:
        """Write the figure into the folder as ``NAME.svg`` and ``NAME.png``."""
        (folder / f"{self.name}.svg").write_text(self.svg, encoding="utf-8")
        (folder / f"{self.name}.png").write_bytes(self.png)

    @property
    def inline(self) -> str:
        """The SVG as an element of a page: coloured by CSS variables, named, with unique ids."""
        body = self.svg[self.svg.index("<svg") :]
        body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
        body = re.sub(r'\s*<style type="text/css">.*?</style>', "", body, flags=re.DOTALL)
        body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{self.name}-", body)
        for name, value in LIGHT.items():
            body = body.replace(value, f"var(--{name})")
        view = re.search(r'viewBox="[^"]*"', body)
        assert view is not None, "matplotlib gives every SVG a viewBox"
        title, description = f"{self.name}-title", f"{self.name}-description"
        opening = (
            f'<svg {view.group()} role="img" aria-labelledby="{title} {description}">'
            f'<title id="{title}">{html.escape(self.title)}</title>'
            f'<desc id="{description}">{html.escape(self.description)}</desc>'
        )
        return opening + body[body.index(">") + 1 :]


def draw(
    name: str,
    paint: Callable[[Axes], None],
    *,
    title: str,
    caption: str,
    description: str,
    height: float = 3.5,
    math: bool = False,
) -> Image:
    """Draw a figure of one panel, so narrow that its text is legible on a phone.

    ``paint`` draws on the empty axes; the title is set above them, a legend of the labelled artists below.
    For the other arguments see :class:`Image` and :func:`empty_figure`; the height is in inches.
    """
    with empty_figure(name, (WIDTH, height), math=math) as figure:
        axes = figure.add_subplot()
        paint(axes)
        axes.set_title(textwrap.fill(title, 42))  # about as wide as the axes
        axes.tick_params(length=0)
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            columns = columns_that_fit(labels, WIDTH, most=3)
            texts = by_rows(labels, columns)
            figure.legend(by_rows(handles, columns), texts, loc="outside lower left", ncols=columns)
        return image_of(figure, name, title=title, caption=caption, description=description)


@contextmanager
def empty_figure(name: str, size: tuple[float, float], *, math: bool = False) -> Iterator[Figure]:
    """Give an empty figure of this size in inches for drawing within the context, in the common style.

    With ``math`` its texts can hold formulas between dollars, and no other dollars.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    settings = {**SETTINGS, "text.parse_math": math, "svg.hashsalt": name}
    if math:
        settings["svg.fonttype"] = "path"  # formulas look the same where their font is missing
    with rc_context(settings):
        yield Figure(figsize=size, layout="constrained")


def image_of(
    figure: Figure, name: str, *, title: str, caption: str, description: str, dpi: int = 200
) -> Image:
    """Return the figure as an image; the same drawing gives the same bytes, without time stamps."""
    vector, pixels = io.StringIO(), io.BytesIO()
    figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(pixels, format="png", dpi=dpi, metadata={"Software": None})
    return Image(name, title, caption, description, vector.getvalue(), pixels.getvalue())


def by_rows(entries: Sequence[T], columns: int) -> list[T]:
    """Return the entries of a legend, which fills columns, in an order that reads row by row.

    >>> by_rows(["a", "b", "c", "d"], 2)
    ['a', 'c', 'b', 'd']
    """
    return [entry for column in range(columns) for entry in entries[column::columns]]


def columns_that_fit(labels: Sequence[str], inches: float, *, most: int | None = None) -> int:
    """Return how many columns of a legend, up to ``most``, fit into a width with these labels; at least 1."""
    from matplotlib.textpath import TextPath

    size = SETTINGS["legend.fontsize"]
    widths = [TextPath((0, 0), label, size=size).get_extents().width / 72 for label in labels]
    for columns in range(min(len(labels), most or len(labels)), 1, -1):
        longest = [max(widths[column::columns]) for column in range(columns)]
        if columns * HANDLE + sum(longest) <= inches:
            return columns
    return 1


def whole_numbers(axes: Axes) -> None:
    """Restrict the ticks of the horizontal axis to whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def styles(strategies: list[str], baseline: str) -> dict[str, Style]:
    """Give every strategy its own style by its place in the list, and the baseline a grey one.

    Colours repeat only after all are used, and then with another dash and marker.
    """
    looks = {}
    for i, strategy in enumerate(name for name in strategies if name != baseline):
        lap, color = divmod(i, len(SERIES))
        looks[strategy] = Style(SERIES[color], _DASHES[(i + lap) % len(_DASHES)], _MARKERS[i % len(_MARKERS)])
    if baseline in strategies:
        looks[baseline] = Style("baseline", (0, (4, 2)), ".")
    return looks


def css_variables(theme: Mapping[str, str]) -> str:
    """Return the theme as CSS declarations."""
    return " ".join(f"--{name}: {value};" for name, value in theme.items())
