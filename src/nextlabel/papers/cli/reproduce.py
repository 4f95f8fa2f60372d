"""``nextlabel reproduce``: run the papers' experiments, and reproduce their figures and tables."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextlabel.cli.folders import refuse_run
from nextlabel.cli.output import JsonOption, SettingOption, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nextlabel.papers.exhibits.arms import Arm
    from nextlabel.papers.released_arguments import Meaning
    from nextlabel.report.tables import Table

__all__ = ["reproduce"]

FEWEST_COLUMNS = 5
"""Tables with at most this many columns are never thinned out on the terminal; the page has all columns."""


def reproduce(  # noqa: PLR0917 - typer takes what the user types, by name
    exhibit: Annotated[
        str | None,
        typer.Argument(
            help="Figure or table: fig1 to fig11, table1 to table3, suppfig1 to suppfig3 (ICCV numbering), "
            "noise, tsne or model_selection; or with the paper: iccv-fig7, tnnls-fig8, tnnls-table1 (see "
            "--list). If omitted, a single experiment is run."
        ),
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="Data set: cifar10, cifar100, svhn, caltech101, digits, animals, ...")
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option(
            help="Query strategy: RANDOM, TOD (which is COD), EMAOD, LL4AL, CORESET, VAAL, ... [default: "
            "TOD; LL4AL with --auxiliary LL4AL]"
        ),
    ] = None,
    auxiliary: Annotated[
        str | None,
        typer.Option(
            help="Auxiliary loss: NONE, TOD (with an EMA teacher), CYCLICOD, LL4AL, MEANTEACHER [default: "
            "TOD; LL4AL with --sampling LL4AL]"
        ),
    ] = None,
    script: Annotated[
        str | None,
        typer.Option(help="Script of the released code, main_TOD.py or main_LL4AL.py, if ambiguous."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Settings: code (the released code), repaired (the same with its quirks fixed), paper "
            "(the papers' text) or fast (short training) [default: code; fast for a figure or table]"
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Number of seeds.")] = None,
    cycles: Annotated[int | None, typer.Option(min=1, help="Number of active-learning cycles.")] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder.")] = None,
    series: Annotated[
        str | None, typer.Option(help="Measure only these lines of a figure or table (comma-separated).")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs to execute in parallel [default: number of cores].")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Device: auto, cpu or cuda.")] = None,
    setting: SettingOption = None,
    show_list: Annotated[
        bool, typer.Option("--list", help="List all figures and tables with their numbers in both papers.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run an experiment of the TOD papers, or reproduce one of their figures or tables.

    Accepts the arguments of main_TOD.py and main_LL4AL.py in the released code. Their names differ from the
    papers': --sampling TOD queries by COD, the cyclic output discrepancy, and --auxiliary TOD is the
    unsupervised loss with an EMA teacher. An omitted argument has the default of main_LL4AL.py if the other
    one is LL4AL, and otherwise of main_TOD.py. Without arguments TOD with TOD runs on CIFAR-10, as in run.sh.
    Figures and tables use digits and the preset fast by default, which takes minutes on any machine.
    Published numbers are shown next to measured ones, but never mixed with them. Run the command again to
    resume.
    """
    from nextlabel.errors import ConfigurationError
    from nextlabel.papers.published.numbering import exhibit_named
    from nextlabel.papers.released_arguments import meaning_of

    if show_list:
        _list(as_json=as_json)
        return
    typed: dict[str, Any] = {  # Any: what the settings take
        "trials": trials, "cycles": cycles, "device": device, "root": root, "settings": setting or (),
    }  # fmt: skip
    if exhibit is None:
        if series is not None:
            raise ConfigurationError(
                "--series needs a figure or table to choose lines from; name one, or leave --series out"
            )
        meaning = meaning_of(sampling, auxiliary, script)
        dataset = "cifar10" if config is None else config
        _experiment(dataset, preset or "code", meaning, typed, out=out, jobs=jobs, as_json=as_json)
        return
    name = exhibit_named(exhibit)  # reports an unknown name before any conflict
    if sampling is not None or auxiliary is not None or script is not None:
        raise ConfigurationError(
            f"{name} takes no --sampling, --auxiliary or --script; leave them out, or choose lines with "
            "--series"
        )
    _exhibit(name, config, preset or "fast", series, typed, out=out, jobs=jobs, as_json=as_json)


def _experiment(
    dataset: str,
    preset: str,
    meaning: Meaning,
    typed: dict[str, Any],  # Any: what the settings take
    *,
    out: Path | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Run one strategy with one objective and compare its curve with the published one."""
    from nextlabel.cli.display import exit_if_failed, run_and_follow
    from nextlabel.papers.exhibits.arms import Arm, finished, open_run
    from nextlabel.papers.exhibits.comparison import compared, comparison_table, published_curve
    from nextlabel.papers.exhibits.learning_curves import curves
    from nextlabel.papers.exhibits.settings import arm_settings, base_settings, changed_settings
    from nextlabel.papers.released_arguments import SEGMENTATION, UNREAD_MODULE
    from nextlabel.report.build import build

    base = base_settings(dataset, preset, **typed)
    strategy, objective = arm_settings(base, meaning)
    name = base.dataset[0].name
    note = meaning.note(name, preset)
    arm = Arm(strategy, strategy, objective)
    if meaning.trains_unread_module and preset == "code":
        arm = Arm(strategy, strategy, "learning_loss", objective_changes=UNREAD_MODULE)
    plan = open_run(arm, base, out)
    if not as_json:
        typer.echo(note)
    failures = run_and_follow(plan.experiment, jobs, as_json=as_json)
    folder = plan.experiment.folder
    theirs = published_curve(strategy, objective, name)
    pairs = compared(curves(finished(plan)), theirs)
    changed = changed_settings(base, preset)
    metric = plan.experiment.rows[0].metric if pairs else ""
    page = build(folder) if pairs else None
    if not as_json and pairs:
        _show(comparison_table(pairs, theirs, dataset=name, metric=metric, alike=not changed))
        if changed and any(both.published for both in pairs):
            typer.echo(f"Not comparable, because settings differ from the preset: {'; '.join(changed)}")
        typer.echo(f"Report: {page}")
    records = [
        {
            "labelled_percent": both.measured.x,
            "measured": both.measured.y,
            "standard_deviation": both.measured.spread,
            "seeds": both.measured.seeds,
            "published": both.published.y if both.published else None,
            "published_percent": both.published.x if both.published else None,
            "published_source": both.published.source if both.published else None,
            "difference": None if changed else both.difference,
        }
        for both in pairs
        if both.measured
    ]
    content = {
        "run": str(folder), "report": str(page), "dataset": name, "strategy": strategy,
        "objective": objective, "script": None if name in SEGMENTATION else meaning.script,
        "note": note, "preset": preset, "changed": list(changed), "metric": metric, "curve": records,
    }  # fmt: skip
    exit_if_failed(folder, failures, as_json=as_json)
    if as_json:
        print_json(content)


def _exhibit(
    name: str,
    dataset: str | None,
    preset: str,
    series: str | None,
    typed: dict[str, Any],  # Any: what the settings take
    *,
    out: Path | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Reproduce a figure or table."""
    from nextlabel.cli.display import exit_if_failed, run_and_follow
    from nextlabel.papers.differences import difference_lines
    from nextlabel.papers.exhibits.arms import finished, make_plan
    from nextlabel.papers.exhibits.catalogue import exhibit
    from nextlabel.papers.exhibits.exhibit import Request
    from nextlabel.papers.exhibits.page import Provenance, write_page
    from nextlabel.papers.exhibits.presentation import MEASURED
    from nextlabel.papers.exhibits.settings import (
        base_settings,
        changed_settings,
        check_free,
        check_kind,
        exhibit_folder,
    )

    one = exhibit(name)
    base = base_settings(one.dataset if dataset is None else dataset, preset, **typed)
    place = out or Path("runs") / "reproduction"
    refuse_run(place)
    progress = None if as_json else _show_progress
    arms = _chosen(one.arms(Request(base, place)), series)
    check_kind(name, arms, base.dataset[0].name)
    check_free(name, arms, typed["settings"])
    lines = () if series is None else tuple(arm.label for arm in arms)
    folder = place / exhibit_folder(name, base, preset, lines)
    request = Request(base, folder, progress)
    changed = changed_settings(base, preset)
    done, failures = [], {}
    if arms:
        plan = make_plan(arms, base, place)
        place.mkdir(parents=True, exist_ok=True)
        failures = run_and_follow(plan.experiment, jobs, as_json=as_json)
        done = finished(plan)
    made = one.make(done, request)
    command = "nextlabel reproduce " + shlex.join(sys.argv[2:])
    used = {
        **{key: value for arm in arms for key, value in arm.settings.items()},
        "strategy": [arm.strategy for arm in arms], "objective": [arm.objective for arm in arms],
    }  # fmt: skip
    lines = tuple(difference_lines({**base.resolved(), **used}))
    under = Provenance(name, base.dataset[0].name, preset, base.cycles, changed, command, failures, lines)
    page = write_page(made, done, under, folder)
    if not as_json:
        for table in made.tables:
            if any(row[1] == MEASURED for row in table.rows):  # the page has the others
                _show(table)
        typer.echo(str(page))
    images = [str(folder / f"{image.name}.svg") for image in made.images]
    content = {"exhibit": name, "page": str(page), "figures": images, "dataset": base.dataset[0].name,
               "preset": preset, "changed": list(changed), "notes": list(made.notes)}  # fmt: skip
    exit_if_failed(place, failures, as_json=as_json)
    if as_json:
        print_json(content)


def _list(*, as_json: bool) -> None:
    """Print all figures and tables with their numbers in both papers."""
    from nextlabel.papers.exhibits.catalogue import listing

    rows = listing()
    if as_json:
        print_json({"exhibits": rows})
        return
    typer.echo("Use the short name or a number of either paper, given below as ICCV 2021; TNNLS 2022.\n")
    for row in rows:
        numbers = "; ".join(row[paper] or "-" for paper in ("iccv", "tnnls"))
        typer.echo(f"{row['command']}: {row['shows']}\n    {numbers} ({row['needs'].replace('`', '')})")


def _chosen(arms: Sequence[Arm], series: str | None) -> list[Arm]:
    """Return the arms with the requested labels, by default all."""
    from nextlabel.errors import ConfigurationError, UnknownNameError, listed

    if series is None:
        return list(arms)
    known = {arm.label.lower(): arm.label for arm in arms}
    wanted = [name.strip() for name in series.split(",") if name.strip()]
    if known and not wanted:
        raise ConfigurationError(
            f"--series must be comma-separated names of lines, got '{series}'; choose from "
            f"{listed(known.values(), limit=20)}"
        )
    if not known:
        raise ConfigurationError("this figure or table has no lines to choose from; leave --series out")
    for name in wanted:
        if name.lower() not in known:
            raise UnknownNameError("series", name, known.values())
    return [arm for arm in arms if arm.label.lower() in {name.lower() for name in wanted}]


def _show_progress(what: str, done: int, total: int) -> None:
    """Show the progress of a study on a terminal."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r{what}: {done} of {total} steps{end}")


def _show(table: Table) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(highlight=False)
    table = _fitted(table, console.width)
    console.print(Text(table.caption, style="bold"))
    shown = RichTable(box=SIMPLE_HEAD)
    shown.padding, shown.pad_edge, shown.show_edge = (0, 1, 0, 0), False, False
    for place, header in enumerate(table.headers):
        names = header in {"Series", "Origin"}
        shown.add_column(header, justify="left" if names or not place else "right", no_wrap=names)
    for row in table.rows:
        shown.add_row(*row)
    console.print(shown)


def _fitted(table: Table, width: int) -> Table:
    """Return the table, if too wide without deviations, and if still too wide with every second column."""

    def wide(rows: Sequence[Sequence[str]]) -> int:
        return sum(max(map(len, column)) + 2 for column in zip(table.headers, *rows, strict=True))

    if wide(table.rows) <= width:
        return table
    rows = tuple(tuple(cell.split(" ±")[0] for cell in row) for row in table.rows)
    narrow = replace(table, rows=rows)
    if wide(rows) <= width or len(table.headers) <= FEWEST_COLUMNS:
        return narrow
    kept = [0, 1, *range(2, len(table.headers), 2)]
    headers = tuple(table.headers[place] for place in kept)
    return _fitted(
        replace(table, headers=headers, rows=tuple(tuple(row[place] for place in kept) for row in rows)),
        width,
    )
