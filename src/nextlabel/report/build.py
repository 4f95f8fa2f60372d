"""Build the report of a run directory: a page, a Markdown file and the figures.

A report is a pure function of the run directory: the same files give the same report, byte for byte.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from nextlabel.config.experiment import to_toml
from nextlabel.errors import DataError, UnknownNameError
from nextlabel.presets.catalogue import preset_remarks
from nextlabel.report import figures, findings
from nextlabel.report.counts import count_classes
from nextlabel.report.parquet import write_parquet
from nextlabel.report.plot import DARK, LIGHT, Image, Style, css_variables, styles
from nextlabel.report.runs import CellRecord, Run, read_run
from nextlabel.report.sections import BASELINE, Section, summarise
from nextlabel.report.tables import UNKNOWN, Table, markdown, summary_table, time_table
from nextlabel.results import rerun_remedy

__all__ = ["Format", "build", "render"]

Format: TypeAlias = Literal["html", "md", "csv", "parquet"]


@dataclass(frozen=True)
class Sheet:
    """A contact sheet of the images that one cycle queried; ``path`` is relative to the run directory."""

    cycle: int
    n_queried: int
    path: str
    uri: str
    width: int
    height: int
    description: str


@dataclass(frozen=True)
class Chapter:
    """What the templates show of one section; ``sheets`` holds a strategy, a seed and its sheets each."""

    section: Section
    protocol: str
    lead: str
    details: tuple[str, ...]
    summary: Table
    curves: tuple[Image, ...]
    sheets: tuple[tuple[str, int, tuple[Sheet, ...]], ...]
    counts: tuple[Image, ...]
    scores: tuple[Image, ...]
    times: Image
    time_table: Table


def build(run_dir: Path) -> Path:
    """Write ``report.html``, whose path is returned, ``report.md`` and ``figures/`` into the run directory.

    Raises:
        ConfigurationError: ``experiment.toml`` is not TOML.
        DataError: A file of the run is missing, or its content is wrong.
    """
    run = read_run(run_dir)
    chapters = _chapters(run)
    _write(run, chapters, "md")
    return _write(run, chapters, "html")


def render(run_dir: Path, format: Format) -> Path:
    """Write the report in one format and return the path of its file.

    The formats are ``html`` (self-contained), ``md`` (with ``figures/``), ``csv`` (the existing rows,
    checked) and ``parquet`` (the rows).

    Raises:
        UnknownNameError: There is no such format.
        MissingExtraError: ``parquet`` without pyarrow.
        ConfigurationError: As by :func:`build`.
        DataError: As by :func:`build`.
    """
    if format not in get_args(Format):
        raise UnknownNameError("report format", format, get_args(Format))
    run = read_run(run_dir)
    if format == "csv":
        return run_dir / "results.csv"
    if format == "parquet":
        return write_parquet(run.rows, run_dir / "results.parquet")
    return _write(run, _chapters(run), format)


def _chapters(run: Run) -> tuple[Chapter, ...]:
    sections = summarise(run.rows)
    drawn = (curve.strategy for section in sections for curve in section.curves)
    looks = styles(list(dict.fromkeys(drawn)), BASELINE)
    return tuple(_chapter(run, section, looks) for section in sections)


def _chapter(run: Run, section: Section, looks: Mapping[str, Style]) -> Chapter:
    cells = [c for c in run.cells if (c.dataset, c.objective) == (section.dataset, section.objective)]
    cells.sort(key=lambda cell: cell.seed)
    groups = [
        [cell for cell in cells if cell.strategy == curve.strategy and cell.seed in curve.seeds]
        for curve in section.curves
    ]
    counts = [count_classes(group) for group in groups]
    curves = (figures.learning_curves(section, looks), figures.difference_to_random(section, looks))
    scores = (figures.loss_correlation(section, looks), figures.top_fraction(section, looks))
    return Chapter(
        section=section,
        protocol=_protocol(section, run.settings),
        lead=findings.lead(section),
        details=findings.details(section),
        summary=summary_table(section),
        curves=tuple(filter(None, curves)),
        sheets=tuple(_sheets(run, group) for group in groups if any(cell.sheets for cell in group)),
        counts=tuple(figures.class_counts(section, found) for found in counts if found is not None),
        scores=tuple(filter(None, scores)),
        times=figures.times(section),
        time_table=time_table(section),
    )


def _protocol(section: Section, settings: Mapping[str, Any]) -> str:  # Any: TOML
    """Return the sizes of the experiment in one sentence."""
    counts = section.curves[0].n_labelled
    parts = [f"{counts[0]:,} labels initially"]
    if len(counts) > 1:
        parts.append(f"{_range(np.diff(counts).tolist())} more per cycle, {counts[-1]:,} at the end")
    parts.append(f"{len(counts)} cycle{'s' * (len(counts) > 1)}")
    warm = settings.get("learner", {}).get("warm_start")
    if warm is not None:
        parts.append("warm start" if warm else "cold start")
    seeds = _range([len(curve.seeds) for curve in section.curves])
    return "; ".join([*parts, f"{seeds} seed{'' if seeds == '1' else 's'}"])


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _facts(run: Run) -> list[tuple[str, str]]:
    """Return what was run, and on what, as labels and values."""
    fields = {"Data set": "dataset", "Strategies": "strategy", "Training objective": "objective"}
    fields["Seeds"] = "seed"
    if any(row.device for row in run.rows):
        fields["Device"] = "device"
    values = {label: dict.fromkeys(str(getattr(row, of)) for row in run.rows) for label, of in fields.items()}
    facts = [(label, ", ".join(found) or UNKNOWN) for label, found in values.items()]
    known = {"nextlabel": "nextlabel", "python": "Python", "torch": "torch"}
    return facts + [(label, run.environment[key]) for key, label in known.items() if key in run.environment]


def _sheets(run: Run, cells: Sequence[CellRecord]) -> tuple[str, int, tuple[Sheet, ...]]:
    """Return the contact sheets of the first seed that has any."""
    from PIL import Image, UnidentifiedImageError

    cell = next(cell for cell in cells if cell.sheets)
    queries = {query.cycle: query for query in cell.queries}
    sheets = []
    for cycle, path in sorted(cell.sheets.items()):
        query = queries.get(cycle)
        if query is None:
            raise DataError(
                f"query of cycle {cycle} not found in queries.json, but {path} shows its images; "
                f"{rerun_remedy(path.parents[2])}"
            )
        try:
            with Image.open(path) as image:
                width, height = image.size
        except UnidentifiedImageError as error:
            raise DataError(f"{path} must be an image, got another file; delete it") from error
        ranked = sorted(zip(query.classes, cell.class_names, strict=True), key=lambda pair: -pair[0])
        most = ", ".join(f"{name} ({count})" for count, name in ranked[:3] if count)
        most = f"; most often {most}" if most else ""  # items with masks have no class
        sheets.append(
            Sheet(
                cycle=cycle,
                n_queried=len(query.ids),
                path=path.relative_to(run.folder).as_posix(),
                uri=f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}",
                width=width,
                height=height,
                description=f"Images queried by {cell.strategy} in cycle {cycle}{most}",
            )
        )
    return cell.strategy, cell.seed, tuple(sheets)


def _write(run: Run, chapters: Sequence[Chapter], suffix: str) -> Path:
    """Write the page or the Markdown file, the latter with its figures."""
    from jinja2 import Environment, StrictUndefined

    if suffix == "md":
        folder = run.folder / "figures"
        folder.mkdir(exist_ok=True)
        for chapter in chapters:
            for image in (*chapter.curves, *chapter.counts, *chapter.scores, chapter.times):
                image.save(folder)
    source = resources.files("nextlabel.report").joinpath(f"page.{suffix}").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=suffix == "html", undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["markdown"] = markdown
    datasets = list(dict.fromkeys(chapter.section.dataset for chapter in chapters))
    text = environment.from_string(source).render(
        run=run,
        name=run.folder.resolve().name,
        chapters=chapters,
        failed=[cell for cell in run.cells if cell.error is not None],
        facts=_facts(run),
        datasets=findings.joined(datasets or ["no finished cell"]),
        preset=run.settings.get("preset"),
        preset_lines=tuple(preset_remarks(run.settings)),
        configuration=to_toml(run.settings),
        light=css_variables(LIGHT),
        dark=css_variables(DARK),
    )
    path = run.folder / f"report.{suffix}"
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
    return path
