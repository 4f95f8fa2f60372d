"""Report on the checks of the theorem: one page and its figures. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nextlabel.report.plot import LIGHT, Image, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nextlabel.papers.theory.record import Check, Measurement

__all__ = ["images", "write_theory"]

ONE_STEP = {2: ("tanh", "series-0", (0, ())), 4: ("ReLU", "series-1", (0, (6, 1.6)))}
"""Label, colour and dash of the checks in the first figure."""


def write_theory(checks: Sequence[Check], folder: Path, *, seeds: int) -> Path:
    """Write ``theory.md`` with its figures, as SVG and PNG, for all checks, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = images(checks)
    for image in drawn:
        image.save(folder)
    kept = sum(check.as_expected for check in checks)
    lines = [
        "# Numerical checks of the theorem",
        "",
        f"{kept} of {len(checks)} checks are as expected, on {seeds} networks of each kind. "
        "D is the discrepancy, B the bound of the claim.",
        "",
        "| Check | Claim | Measured | Verdict | As expected |",
        "|---|---|---|---|---|",
    ]
    for check in checks:
        cells = (f"**{check.title}**: {check.claim}", check.finding, check.verdict)
        cells_shown = " | ".join(cell.replace("|", "\\|") for cell in cells)
        lines.append(f"| {check.number} | {cells_shown} | {'yes' if check.as_expected else '**no**'} |")
    lines += ["", "## Expected ranges and their reasons", ""]
    lines += [f"{check.number}. {check.expected}. Why: {check.source}." for check in checks]
    for image in drawn:
        lines += ["", f"## {image.title}", "", f"![{image.description}]({image.name}.svg)"]
        lines += ["", image.caption]
    path = folder / "theory.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def images(checks: Sequence[Check]) -> tuple[Image, ...]:
    """Draw the five figures: one step, the corollaries, ranks in a batch, other losses, cross-entropy."""
    by_number = {check.number: check for check in checks}
    return (
        _one_step({number: by_number[number].measured for number in ONE_STEP}),
        _corollaries(by_number[5].measured, by_number[6].measured),
        _batch_ranks(by_number[7]),
        _other_losses(by_number[15], by_number[16]),
        _cross_entropy(by_number[8], by_number[17]),
    )


def _one_step(rows: dict[int, tuple[Measurement, ...]]) -> Image:
    def paint(axes: Axes) -> None:
        _paint_equality(axes)
        for number, (label, color, dash) in ONE_STEP.items():
            etas = [row.setting["eta"] for row in rows[number]]
            low, middle, high = (
                [row.values[name] for row in rows[number]] for name in ("low", "median", "high")
            )
            axes.plot(etas, middle, color=LIGHT[color], linestyle=dash, marker="o", label=label)
            axes.fill_between(etas, low, high, color=LIGHT[color], alpha=0.18, linewidth=0)
        axes.set(xlabel=r"Learning rate $\eta$", ylabel="$D/B$, one step")
        _log_axis(axes, [row.setting["eta"] for row in rows[2]])

    ends = {label: rows[number][-1].values for number, (label, *_) in ONE_STEP.items()}
    shown = "; ".join(f"{label} {v['low']:.2f} to {v['high']:.2f}" for label, v in ends.items())
    return draw(
        "theorem1",
        paint,
        title="Theorem 1 is an equality, to first order",
        caption="Discrepancy divided by bound for one step on the sample itself: median, and a band with "
        "90 % of the networks. The band extends above 1 as well as below.",
        description=f"At small learning rates both ratios are 1; at the largest they spread out: {shown}.",
        math=True,
    )


def _corollaries(first: Sequence[Measurement], second: Sequence[Measurement]) -> Image:
    lines = (
        ("1, η = 0.05", first, 0.05, "series-0", "o", (0, ())),
        ("2, η = 0.01", second, 0.01, "series-2", "s", (0, (6, 1.6))),
        ("2, η = 0.05", second, 0.05, "series-1", "^", (0, (1.4, 1.4))),
    )
    chosen = {
        label: {r.setting["steps"]: r.values["median"] for r in rows if r.setting["eta"] == eta}
        for label, rows, eta, *_ in lines
    }

    def paint(axes: Axes) -> None:
        _paint_equality(axes)
        for label, _, _, color, marker, dash in lines:
            steps, medians = list(chosen[label]), list(chosen[label].values())
            axes.plot(steps, medians, color=LIGHT[color], marker=marker, linestyle=dash,
                      label=label.replace("η = ", r"$\eta=$"))  # fmt: skip
        axes.set(xlabel="Steps $T$", ylabel="$D/B$, median", ylim=(0, 1.1))
        _log_axis(axes, list(chosen[lines[0][0]]))

    shown = "; ".join(f"{label} {list(values.values())[-1]:.2f}" for label, values in chosen.items())
    return draw(
        "corollaries",
        paint,
        title="Corollary 1 is tight, Corollary 2 is not",
        caption="Median of discrepancy divided by bound after T steps on the sample itself, for both "
        "corollaries. C of Corollary 2 is the largest squared gradient norm along the path.",
        description=f"Ratios after the last step: {shown}.",
        math=True,
        height=3.8,
    )


def _paint_equality(axes: Axes, label: str = "$D=B$") -> None:
    axes.axhline(1, color=LIGHT["baseline"], linewidth=1.2, linestyle=(0, (4, 2)), label=label)


def _log_axis(axes: Axes, values: Sequence[float | str]) -> None:
    """Make the x axis logarithmic, with a plain number at every value."""
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()


def _batch_ranks(check: Check) -> Image:
    def paint(axes: Axes) -> None:
        for part, color, marker in (("trained", "series-0", "o"), ("held out", "series-1", "s")):
            x, y = check.samples[f"{part}: rank of bound"], check.samples[f"{part}: rank of D"]
            axes.scatter(x, y, s=18, color=LIGHT[color], marker=marker, linewidths=0, label=part)
        last = max(map(max, check.samples.values()))
        axes.plot([1, last], [1, last], color=LIGHT["baseline"], linewidth=1.2, linestyle=(0, (4, 2)),
                  label="own step")  # fmt: skip
        axes.set(xlabel="Rank of the bound $B$", ylabel="Rank of $D$")

    return draw(
        "batch-ranks",
        paint,
        title="The bound does not rank a batch",
        caption="Ranks of 64 samples of one network after one step of full-batch descent on 48 of them. "
        "When each sample takes its own step, the points lie on the dashed line.",
        description=f"The points fill the square: {check.finding}.",
        math=True,
        height=4.2,
    )


def _other_losses(absolute: Check, squared: Check) -> Image:
    def paint(axes: Axes) -> None:
        _paint_equality(axes, r"$r^2/2$: $D=B$")
        for check, label, color, marker in (
            (squared, "$r^2$", "series-1", "s"),
            (absolute, "$|r|$", "series-0", "o"),
        ):
            x, y = check.samples["|r|"], check.samples["D/B"]
            axes.scatter(x, y, s=14, color=LIGHT[color], marker=marker, linewidths=0, alpha=0.8, label=label)
        axes.axvline(0.5, color=LIGHT["rule"], linewidth=1.2)
        axes.set(xlabel="Size of the residual, $|r|$", ylabel="$D/B$, one step", xlim=(0, 2.5), ylim=(0, 3))

    lowest, highest = min(squared.samples["D/B"]), max(squared.samples["D/B"])
    return draw(
        "other-losses",
        paint,
        title="For other losses the inequality can fail",
        caption="Discrepancy divided by the printed bound for one step at eta 0.0001, by loss. Above the "
        "dashed line the inequality fails: always for r^2, and for |r| at values below 1/2. Points above 3 "
        "are not shown.",
        description=f"For r^2 the ratios lie between {lowest:.2f} and {highest:.2f}. For |r|: "
        f"{absolute.finding}.",
        math=True,
        height=3.8,
    )


def _cross_entropy(five: Check, limit: Check) -> Image:
    p, ratio = five.samples["p of the true class"], five.samples["D/B"]
    mirrored_p, mirrored = limit.samples["p of the true class"], limit.samples["D/B"]

    def paint(axes: Axes) -> None:
        grid = np.linspace(1e-3, 1 - 1e-3, 400)
        curve = (1 - grid) / np.sqrt(-np.log(grid))
        axes.plot(grid, curve, color=LIGHT["ink"], linewidth=1.4, label=r"$(1-p)\,/\sqrt{-\ln\,p}$")
        axes.scatter(p, ratio, s=12, color=LIGHT["series-0"], linewidths=0, alpha=0.7, label="5 classes")
        axes.scatter(mirrored_p, mirrored, s=12, color=LIGHT["series-1"], marker="s", linewidths=0, alpha=0.7,
                     label="$(f,-f)$")  # fmt: skip
        axes.set(xlabel="Probability $p$ of the true class", ylabel="$D/B$", xlim=(0, 1), ylim=(0, 1))

    highest = max(_parts_of_limit(p, ratio))
    lowest = min(_parts_of_limit(mirrored_p, mirrored))
    return draw(
        "cross-entropy",
        paint,
        title="For cross-entropy the bound is never tight",
        caption="Discrepancy of the logits divided by bound for one step at eta 0.0001, and its first-order "
        "limit (curve), whose maximum is 0.638 at p 0.285. Two logits (f, -f) reach the curve.",
        description=f"The points of five classes reach at most {highest:.2f} of the curve; those of logits "
        f"(f, -f) at least {lowest:.2f}.",
        math=True,
    )


def _parts_of_limit(p: Sequence[float], ratios: Sequence[float]) -> list[float]:
    """Return each ratio as a fraction of its first-order limit."""
    return [r * math.sqrt(-math.log(q)) / (1 - q) for r, q in zip(ratios, p, strict=True)]
