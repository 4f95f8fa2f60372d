"""Draw one small figure and keep it as SVG and PNG.

A figure is drawn once, in the light colours. Each colour of the theme has its own hexadecimal value, so that
on the page every one can become a CSS variable and the figure follows the reader's theme. Knows no results.
"""

from __future__ import annotations

import html
import io
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "DARK",
    "HEAT",
    "LIGHT",
    "MATHEMATICS",
    "SERIES",
    "SETTINGS",
    "Image",
    "Style",
    "css_variables",
    "draw",
    "styles",
]

LIGHT: Mapping[str, str] = {
    "paper": "#fcfcfa",
    "ink": "#1d2126",
    "muted": "#59616b",
    "rule": "#d5d9dd",
    "grid": "#e7e9eb",
    "series-0": "#1f6fb2",
    "series-1": "#cf560b",
    "series-2": "#0a8560",
    "series-3": "#974a92",
    "series-4": "#9a7200",
    "series-5": "#2391ba",
    "series-6": "#b5304a",
    "series-7": "#744a2c",
    "series-8": "#5346d0",
    "series-9": "#64720f",
    "baseline": "#6b7178",
    "fit": "#3b5b7b",
    "scan": "#86b0d7",
    "select": "#dfa03b",
    "heat-0": "#e8a868",
    "heat-1": "#f1c99f",
    "heat-2": "#f8e6d3",
    "heat-3": "#f0f0ee",
    "heat-4": "#d6e5f3",
    "heat-5": "#a9cbe9",
    "heat-6": "#74abd9",
}
"""The light theme. No two values are alike, for they are told apart by value."""

DARK: Mapping[str, str] = {
    "paper": "#15181b",
    "ink": "#e7e9ec",
    "muted": "#a3abb4",
    "rule": "#3a4148",
    "grid": "#2a2f35",
    "series-0": "#62b0f2",
    "series-1": "#ff9557",
    "series-2": "#45cfa0",
    "series-3": "#dd96d6",
    "series-4": "#e3b341",
    "series-5": "#7fd6f5",
    "series-6": "#ff8095",
    "series-7": "#c8976f",
    "series-8": "#a79bff",
    "series-9": "#b4c752",
    "baseline": "#a5adb6",
    "fit": "#5b82a8",
    "scan": "#a9cdf0",
    "select": "#f0bd62",
    "heat-0": "#8d4e14",
    "heat-1": "#683d1c",
    "heat-2": "#423122",
    "heat-3": "#262a2f",
    "heat-4": "#1e3850",
    "heat-5": "#1f507c",
    "heat-6": "#2469a7",
}
"""The dark theme: the same names."""

SERIES = tuple(name for name in LIGHT if name.startswith("series-"))
HEAT = tuple(name for name in LIGHT if name.startswith("heat-"))
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
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "legend.handlelength": 2.6,
    "legend.columnspacing": 1.4,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "text.color": LIGHT["ink"],
    "axes.titlecolor": LIGHT["ink"],
    "axes.labelcolor": LIGHT["muted"],
    "axes.edgecolor": LIGHT["rule"],
    "axes.facecolor": LIGHT["paper"],
    "figure.facecolor": LIGHT["paper"],
    "savefig.facecolor": LIGHT["paper"],
    "grid.color": LIGHT["grid"],
    "xtick.color": LIGHT["rule"],
    "ytick.color": LIGHT["rule"],
    "xtick.labelcolor": LIGHT["muted"],
    "ytick.labelcolor": LIGHT["muted"],
    "figure.dpi": 72,
}
"""What every figure of nextlabel is drawn with, in the light theme."""

MATHEMATICS: dict[Any, Any] = {  # Any: as above
    "text.parse_math": True,
    "svg.fonttype": "path",  # text becomes shapes: formulas look the same where their font is missing
}
"""Laid over the settings for figures with formulas, which stand between dollars."""


@dataclass(frozen=True)
class Style:
    """How one strategy is drawn, told apart by colour, dash and marker each.

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
        name: Stem of its file names, and prefix of the ids in its SVG.
        title: What it shows; drawn above the axes.
        caption: How to read it.
        description: What there is to see, for those who do not see it.
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

    @property
    def inline(self) -> str:
        """The SVG as an element of a page: coloured by CSS variables, named, with ids of its own."""
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
    """Draw a figure of one panel, 4.6 inches wide, so that its text is legible on a phone.

    The same arguments give the same bytes: no time stamp, no random id.

    Args:
        name: Stem of the file names; letters, digits and hyphens.
        paint: Draws on the empty axes; a legend of its labelled artists is set below them.
        title: What the figure shows.
        caption: How to read it.
        description: What there is to see, in words.
        height: Height in inches.
        math: Whether its texts hold formulas; then no other text may hold a dollar.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**SETTINGS, **(MATHEMATICS if math else {}), "svg.hashsalt": name}):
        figure = Figure(figsize=(4.6, height), layout="constrained")
        axes = figure.add_subplot()
        paint(axes)
        axes.set_title(textwrap.fill(title, 42))  # about as wide as the axes
        axes.tick_params(length=0)
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            order = sorted(
                range(len(labels)), key=lambda i: i % 3
            )  # a legend fills columns; reading goes by rows
            columns = [handles[i] for i in order], [labels[i] for i in order]
            figure.legend(*columns, loc="outside lower left", ncols=3)
        vector, pixels = io.StringIO(), io.BytesIO()
        figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(pixels, format="png", dpi=200, metadata={"Software": None})
    return Image(name, title, caption, description, vector.getvalue(), pixels.getvalue())


def styles(strategies: list[str], baseline: str) -> dict[str, Style]:
    """Give every strategy its own look, the baseline a grey one; the order decides.

    No colour is used again while another is unused, and then with another dash and marker.
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
