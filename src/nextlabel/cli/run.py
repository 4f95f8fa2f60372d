"""``nextlabel run``: run an experiment, show its progress, and show the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextlabel.cli.output import JsonOption, SettingOption, print_json

__all__ = ["run"]


def run(  # noqa: PLR0917 - typer takes what the user types, by name
    config: Annotated[Path | None, typer.Argument(help="A TOML file of settings.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="Settings to start from: code, repaired, paper or fast.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Data sets, separated by commas.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="Strategies, separated by commas, with options as in cod(gap='10 steps')."),
    ] = None,
    objective: Annotated[str | None, typer.Option(help="Objectives, separated by commas.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds.")] = None,
    cycles: Annotated[int | None, typer.Option(help="Number of active-learning cycles.")] = None,
    initial_size: Annotated[
        str | None,
        typer.Option(help="Labels before the first cycle: a count (100) or a fraction of the pool (0.10)."),
    ] = None,
    batch_size: Annotated[
        str | None,
        typer.Option(help="Labels to query per cycle: a count (50) or a fraction of the pool (0.05)."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="Labels in all, from which initial size (two batches) and batch size follow."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run directory [default: named after the settings].")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs to execute in parallel [default: number of cores].")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda.")] = None,
    setting: SettingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare strategies on a data set whose labels are known; run again to resume.

    Without arguments: the data set digits, 10 % of the pool labelled at random, 5 % more per cycle, 7 cycles,
    warm start, the strategies cod, margin and random, 10 seeds.
    """
    from rich.console import Console

    from nextlabel.bench.experiment import Experiment, default_folder
    from nextlabel.bench.grid import with_found_data
    from nextlabel.cli.display import exit_if_failed, run_and_follow
    from nextlabel.cli.summary import as_records, as_rich
    from nextlabel.config.experiment import load_config
    from nextlabel.report.build import build
    from nextlabel.report.runs import read_run
    from nextlabel.report.sections import summarise

    parts = {"preset": preset, "dataset": dataset, "strategy": strategy, "objective": objective}
    sizes = {"initial_size": initial_size, "batch_size": batch_size, "budget": budget}
    counts = {"seeds": seeds, "cycles": cycles, **{name: _number(text) for name, text in sizes.items()}}
    options = {**parts, **counts, "device": device}
    resolved = with_found_data(load_config(config, options=options, settings=setting or ()))
    experiment = Experiment.open(resolved, out or default_folder(resolved))
    failures = run_and_follow(experiment, jobs, as_json=as_json)
    page = build(experiment.folder) if experiment.rows else None
    sections = summarise(read_run(experiment.folder).rows) if page else ()
    if not as_json:
        for section in sections:
            Console(highlight=False).print(as_rich(section))
        if page:
            typer.echo(f"Report: {page}")
    exit_if_failed(experiment.folder, failures, as_json=as_json)
    if as_json:
        records = [record for section in sections for record in as_records(section)]
        print_json({"run": str(experiment.folder), "report": str(page), "summary": records})


def _number(text: str | None) -> int | float | str | None:
    """Return the number in the text, or the text, which the configuration then refuses."""
    for kind in (int, float):
        try:
            return kind(text) if text is not None else None
        except ValueError:
            continue
    return text
