"""Draw the README's figure from the published rows: learning curves on three protocols, for light and dark.

python benchmarks/figure.py [--results DIR] [--out DIR]
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nextlabel.report.plot import DARK, LIGHT, SETTINGS, styles
from nextlabel.report.sections import Section, summarise
from nextlabel.results import read_csv

PANELS = (
    ("digits", "digits: 10 % of the labels,\n5 % more per cycle, warm start"),
    ("animals", "animals: 10 % of the labels,\n5 % more per cycle, warm start"),
    ("digits-few", "digits: 20 labels,\n20 more per cycle, cold start"),
)
SHOWN = ("cod", "margin", "badge", "random")


def section_of(results: Path) -> Section:
    """Return the supervised section of published rows."""
    return next(section for section in summarise(read_csv(results)) if section.objective == "supervised")


def paint(axes: Axes, section: Section, title: str) -> None:
    """Draw every seed faintly, and the mean with its 95 % interval."""
    looks = styles(list(SHOWN), "random")
    for curve in section.curves:
        if curve.strategy not in SHOWN:
            continue
        look, mean = looks[curve.strategy], 100 * curve.accuracy_sp.mean(0)
        color = LIGHT[look.color]
        for seed in curve.accuracy_sp:
            axes.plot(curve.n_labelled, 100 * seed, color=color, linewidth=0.7, alpha=0.18)
        intervals = list(curve.by_cycle("accuracy").values())
        ends = (
            [100 * (end or 0) for end in side]
            for side in zip(*((i.low, i.high) for i in intervals), strict=True)
        )
        axes.fill_between(curve.n_labelled, *ends, color=color, alpha=0.18, linewidth=0)
        axes.plot(
            curve.n_labelled,
            mean,
            color=color,
            linestyle=look.dash,
            marker=look.marker,
            linewidth=2,
            label=curve.strategy,
        )
    axes.set(xlabel="Labels", title=f"{title}, {min(len(c.seeds) for c in section.curves)} seeds")
    axes.tick_params(length=0)


def draw(results: Path) -> str:
    """Return the figure as SVG in the light theme."""
    with matplotlib.rc_context({**SETTINGS, "svg.hashsalt": "measured"}):
        figure = Figure(figsize=(13.5, 4.2), layout="constrained")
        panels = figure.subplots(1, len(PANELS))
        for axes, (name, title) in zip(panels, PANELS, strict=True):
            paint(axes, section_of(results / f"{name}.csv"), title)
        panels[0].set_ylabel("Test accuracy, %")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=len(SHOWN))
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    light = draw(options.results)
    dark = light
    for name, value in LIGHT.items():
        dark = dark.replace(value, DARK[name])
    for theme, svg in (("light", light), ("dark", dark)):
        (options.out / f"measured-{theme}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
