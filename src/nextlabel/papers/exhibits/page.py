"""Output files of an exhibit: figures as SVG and PNG, numbers and rows as CSV, and a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nextlabel.bench.environment import describe_environment
from nextlabel.papers.exhibits.arms import Finished
from nextlabel.papers.exhibits.exhibit import Made, title_of
from nextlabel.papers.exhibits.numbers import to_csv
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.report.tables import markdown
from nextlabel.results import COLUMNS

__all__ = ["Provenance", "write_page"]

OTHER_SETTINGS = (
    "The settings of these runs differ from the preset, as listed below, so measured and published numbers "
    "are not comparable."
)


@dataclass(frozen=True)
class Provenance:
    """How an exhibit was made.

    Attributes:
        changed: Settings that differ from the preset, a sentence each.
        failures: Error messages by name of the failed cell.
        preset_lines: Differences of the preset from the others, a sentence each.
    """

    exhibit: str
    dataset: str
    preset: str
    cycles: int
    changed: tuple[str, ...]
    command: str
    failures: Mapping[str, str]
    preset_lines: tuple[str, ...] = ()


def write_page(made: Made, done: Sequence[Finished], under: Provenance, folder: Path) -> Path:
    """Write the files of an exhibit to ``folder``, creating it if needed, and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in made.images:
        figure.save(folder)
        (folder / f"{figure.name}-dark.svg").write_text(figure.dark, encoding="utf-8")
    if made.pairs:
        (folder / "numbers.csv").write_text(to_csv(made.pairs), encoding="utf-8")
    if done:
        (folder / "rows.csv").write_text(_rows(done), encoding="utf-8")
    about = EXHIBITS[under.exhibit]
    lines = [f"# {about.title}", "", f"The counterpart of {about.where}.", ""]
    if made.pairs:
        lines += [
            "Published numbers are the authors'. They are drawn dashed or hollow, have their own rows in "
            "tables, and enter no mean. All numbers side by side: [numbers.csv](numbers.csv).",
            "",
        ]
    for figure in made.images:
        lines += [f"![{figure.description}]({figure.name}.svg)", "", figure.caption, ""]
    for table in made.tables:
        lines += [f"**{table.caption}**", "", markdown(table), ""]
    notes = [*([OTHER_SETTINGS] if done and under.changed else []), *made.notes]
    if notes:
        lines += ["## Notes", "", *(f"- {note}" for note in notes), ""]
    lines += ["## How it was made", "", *(f"- {fact}" for fact in _facts(done, under)), ""]
    if done and under.preset_lines:
        others = f"## The preset {under.preset} and the others"
        lines += [others, "", *(f"- {line}" for line in under.preset_lines), ""]
    path = folder / f"{under.exhibit}.md"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _rows(done: Sequence[Finished]) -> str:
    """Return the results of all arms as CSV, one row per seed and cycle."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("panel", "series", *COLUMNS))
    for arm in done:
        for row in (row for rows in arm.rows_sp for row in rows):
            writer.writerow((arm.arm.panel, arm.arm.label, *row.as_dict().values()))
    return text.getvalue()


def _facts(done: Sequence[Finished], under: Provenance) -> list[str]:
    facts = [f"Command: `{under.command}`"]
    if done:
        facts.append(
            f"Data set {title_of(under.dataset)}, preset `{under.preset}`, {under.cycles} cycles; "
            f"100 % = {done[0].size:,} items"
        )
        facts += [f"Changed from the preset: {setting}" for setting in under.changed]
        for arm in done:
            seeds = ", ".join(str(rows[0].seed) for rows in arm.rows_sp)
            what = f"strategy `{arm.arm.strategy}`, objective `{arm.arm.objective}`"
            options = arm.arm.objective_changes
            what += "".join(f", {option} {value}" for option, value in options.items())
            panel = "" if arm.arm.label.startswith(arm.arm.panel) else f"{arm.arm.panel} "
            facts.append(f"{panel}{arm.arm.label}: {what}, seeds {seeds}")
        devices = sorted({row.device for arm in done for rows in arm.rows_sp for row in rows if row.device})
        facts.append(f"Device: {', '.join(devices) or 'unknown'}")
        facts.append("Results of every seed and cycle: [rows.csv](rows.csv)")
    facts.append("; ".join(f"{name} {value}" for name, value in describe_environment().items()))
    facts += [f"Failed and not included: `{name}`: {why}" for name, why in under.failures.items()]
    return facts
