"""``nextlabel status``: the progress of a run or campaign, from its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nextlabel.cli.folders import refuse_reproduction
from nextlabel.cli.output import WAITING, JsonOption, print_json
from nextlabel.errors import DataError
from nextlabel.parts import Part

__all__ = ["status"]


def status(
    run: Annotated[Path, typer.Argument(help="A run directory, or the folder of one campaign.")],
    as_json: JsonOption = False,
) -> None:
    """Show the progress of a run or campaign; exit with 3 if it waits for labels."""
    if (run / "experiment.toml").exists():
        _show_run(run, as_json=as_json)
    elif (run / "campaign.db").exists():
        _show_campaign(run, as_json=as_json)
    else:
        refuse_reproduction(run)
        raise DataError(f"{run} must be a run directory or a campaign's folder, got neither; check the path")


def _show_run(run: Path, *, as_json: bool) -> None:
    from nextlabel.bench.outcome import cell_state
    from nextlabel.config.experiment import load_config

    config = load_config(run / "experiment.toml")
    arms = len(config.strategy) + len(config.full_training)
    total = len(config.dataset) * arms * len(config.objective) * config.seeds
    cells = sorted(path.parent for path in (run / "cells").glob("*/cell.toml"))
    states = {folder.name: cell_state(folder) for folder in cells}
    names = {
        state: [name for name, found in states.items() if found == state]
        for state in ("finished", "failed", "started")
    }
    counts = {state: len(found) for state, found in names.items()}
    counts["waiting"] = total - sum(counts.values())
    if as_json:
        print_json({"run": str(run), "cells": states, **counts})
        return
    typer.echo(f"{run}: {counts['finished']} of {total} cells finished")
    for state in ("failed", "started"):
        if names[state]:
            typer.echo(f"  {counts[state]} {state}: {', '.join(names[state])}")
    if counts["waiting"]:
        typer.echo(f"  {counts['waiting']} waiting")


def _show_campaign(folder: Path, *, as_json: bool) -> None:
    from nextlabel.ledger.ledger import Ledger

    with Ledger(folder / "campaign.db", read_only=True) as ledger:
        state = ledger.state
    if not state.opened:
        raise DataError(f"the campaign in {folder} has no events yet; run the script that created it")
    facts: dict[str, Any] = {  # Any: JSON
        "campaign": str(folder),
        "strategy": state.settings["strategy"],
        "cycle": max(state.cycle, 0),
        "labelled": len(state.labels),
        "pending": len(state.pending),
    }
    if as_json:
        print_json({**facts, "pending_ids": list(state.pending)})
    else:
        facts["strategy"] = Part.parse(facts["strategy"])
        for key, value in facts.items():
            typer.echo(f"{key:<12} {value}")
    if state.pending:
        raise typer.Exit(WAITING)
