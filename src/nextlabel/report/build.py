"""Build the report of a run directory: a page, a Markdown file and the figures.

Knows what a report holds and in which order; words, numbers and drawings are its neighbours'. A report is a
pure function of the run directory: the same files give the same report, byte for byte.
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
from nextlabel.report.runs import Cell, Run, read_run
from nextlabel.report.sections import BASELINE, Section, summarise
from nextlabel.report.tables import UNKNOWN, Table, markdown, summary_table, time_table

__all__ = ["Format", "build", "render"]

Format: TypeAlias = Literal["html", "md", "csv", "parquet"]


@dataclass(frozen=True)
class Sheet:
    """A contact sheet of the images that one cycle queried.

    Attributes:
        cycle: The cycle.
        n_queried: Number of images on it.
        path: The file, relative to the run directory.
        uri: The file as a data URI.
        width: Pixels across.
        height: Pixels down.
        description: The classes queried most, in words.
    """

    cycle: int
    n_queried: int
    path: str
    uri: str
    width: int
    height: int
    description: str


@dataclass(frozen=True)
class Chapter:
    """All that the templates say of one section.

    Attributes:
        section: The section.
        protocol: Start, queries and end in one sentence.
        lead: The finding.
        details: The sentences that qualify it.
        summary: The table of results.
        curves: Learning curves, and differences to random where there are.
        sheets: Contact sheets by strategy, with the seed that they are from.
        counts: Class counts, a figure a strategy.
        scores: How well the scores estimate the loss.
        times: Where the time went, as a figure.
        time_table: The same in numbers.
    """

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

    @property
    def images(self) -> tuple[Image, ...]:
        """Every figure of the chapter."""
        return (*self.curves, *self.counts, *self.scores, self.times)


def build(run_dir: Path) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/`` into the run directory.

    Returns:
        The path of ``report.html``.

    Raises:
        ConfigurationError: ``experiment.toml`` is missing or is not TOML.
        DataError: A file of the run is missing or does not hold what it should.
    """
    run = read_run(run_dir)
    chapters = _chapters(run)
    _write_figures(run, chapters)
    _write(run, chapters, "page.md", "report.md")
    return _write(run, chapters, "page.html", "report.html")


def render(run_dir: Path, format: Format) -> Path:
    """Write the report in one format and return the path of its file.

    Args:
        run_dir: The run directory.
        format: ``html`` (self-contained), ``md`` (with ``figures/``), ``csv`` (the rows; already there, and
            checked) or ``parquet`` (the rows).

    Raises:
        UnknownNameError: There is no such format.
        MissingExtraError: ``parquet`` without pyarrow.
        ConfigurationError: ``experiment.toml`` is missing or is not TOML.
        DataError: A file of the run is missing or does not hold what it should.
    """
    if format not in get_args(Format):
        raise UnknownNameError("report format", format, get_args(Format))
    run = read_run(run_dir)
    if format == "csv":
        return run_dir / "results.csv"
    if format == "parquet":
        return write_parquet(run.rows, run_dir / "results.parquet")
    chapters = _chapters(run)
    if format == "html":
        return _write(run, chapters, "page.html", "report.html")
    _write_figures(run, chapters)
    return _write(run, chapters, "page.md", "report.md")


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
    sheets = tuple(_sheets(run, group) for group in groups if any(cell.sheets for cell in group))
    counts = [count_classes(group) for group in groups]
    curves = (figures.learning_curves(section, looks), figures.difference_to_random(section, looks))
    scores = (figures.loss_correlation(section, looks), figures.top_fraction(section, looks))
    return Chapter(
        section=section,
        protocol=_protocol(section, run.settings),
        lead=findings.lead(section),
        details=findings.details(section),
        summary=summary_table(section),
        curves=tuple(image for image in curves if image is not None),
        sheets=sheets,
        counts=tuple(figures.class_counts(section, found) for found in counts if found is not None),
        scores=tuple(image for image in scores if image is not None),
        times=figures.times(section),
        time_table=time_table(section),
    )


def _protocol(section: Section, settings: Mapping[str, Any]) -> str:  # Any: what TOML may hold
    counts = section.curves[0].n_labelled
    n_seeds = sorted({len(curve.seeds) for curve in section.curves})
    seeds = f"{n_seeds[0]}" if len(n_seeds) == 1 else f"{n_seeds[0]} to {n_seeds[-1]}"
    parts = [f"{counts[0]:,} labels to start with"]
    if len(counts) > 1:
        queries = sorted({int(step) for step in np.diff(counts)})
        asked = f"{queries[0]:,}" if len(queries) == 1 else f"{queries[0]:,} to {queries[-1]:,}"
        parts.append(f"{asked} more a cycle, {counts[-1]:,} at the end")
    parts.append(f"{len(counts)} cycle{'s' * (len(counts) > 1)}")
    warm = settings.get("learner", {}).get("warm_start")
    if warm is not None:
        parts.append("warm start" if warm else "cold start")
    parts.append(f"{seeds} seed{'' if seeds == '1' else 's'}")
    return "; ".join(parts)


def _facts(run: Run) -> tuple[tuple[str, str], ...]:
    """Return what was run, and on what, as labels and values."""

    def names(field: str) -> str:
        return ", ".join(dict.fromkeys(str(getattr(row, field)) for row in run.rows)) or UNKNOWN

    facts = [
        ("Data set", names("dataset")),
        ("Strategies", names("strategy")),
        ("Training objective", names("objective")),
        ("Seeds", names("seed")),
    ]
    if any(row.device for row in run.rows):
        facts.append(("Device", names("device")))
    known = {"nextlabel": "nextlabel", "python": "Python", "torch": "torch"}
    facts += [(label, run.environment[key]) for key, label in known.items() if key in run.environment]
    return tuple(facts)


def _sheets(run: Run, cells: Sequence[Cell]) -> tuple[str, int, tuple[Sheet, ...]]:
    """Return the contact sheets of the first seed that has any."""
    cell = next(cell for cell in cells if cell.sheets)
    queries = {query.cycle: query for query in cell.queries}
    sheets = []
    for cycle, path in sorted(cell.sheets.items()):
        query = queries.get(cycle)
        if query is None:
            raise DataError(
                f"there are images of cycle {cycle} at {path}, but no query of it in queries.json"
            )
        width, height = _size(path)
        ranked = sorted(zip(query.classes, cell.class_names, strict=True), key=lambda pair: -pair[0])
        most = ", ".join(f"{name} ({count})" for count, name in ranked[:3] if count)
        most = f"; most often {most}" if most else ""  # masks have no class of an item
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


def _size(path: Path) -> tuple[int, int]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            width, height = image.size
            return int(width), int(height)
    except UnidentifiedImageError as error:
        raise DataError(f"expected an image at {path}, but it cannot be read as one") from error


def _write_figures(run: Run, chapters: Sequence[Chapter]) -> None:
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    for chapter in chapters:
        for image in chapter.images:
            (folder / f"{image.name}.svg").write_text(image.svg, encoding="utf-8")
            (folder / f"{image.name}.png").write_bytes(image.png)


def _write(run: Run, chapters: Sequence[Chapter], template: str, name: str) -> Path:
    from jinja2 import Environment, StrictUndefined

    source = resources.files("nextlabel.report").joinpath(template).read_text(encoding="utf-8")
    page = template.endswith(".html")
    environment = Environment(
        autoescape=page, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["markdown"] = markdown
    text = environment.from_string(source).render(
        run=run,
        name=run.folder.resolve().name,
        chapters=chapters,
        failed=[cell for cell in run.cells if cell.error is not None],
        facts=_facts(run),
        datasets=findings.joined(
            list(dict.fromkeys(c.section.dataset for c in chapters)) or ["no finished cell"]
        ),
        preset=run.settings.get("preset"),
        preset_lines=tuple(preset_remarks(run.settings)),
        configuration=to_toml(run.settings),
        light=css_variables(LIGHT),
        dark=css_variables(DARK),
    )
    path = run.folder / name
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
    return path
