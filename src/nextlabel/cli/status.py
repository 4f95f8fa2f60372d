"""``nextlabel status``: how far a run or a campaign is, read off its files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nextlabel.cli.folders import refuse_exhibits
from nextlabel.cli.output import WAITING, JsonOption, print_json
from nextlabel.errors import DataError

__all__ = ["status"]


def status(
    run: Annotated[Path, typer.Argument(help="A run directory, or the folder of one campaign.")],
    as_json: JsonOption = False,
) -> None:
    """Show the progress of a run or campaign; exit with 3 where it waits for labels."""
    if (run / "experiment.toml").exists():
        _show_run(run, as_json=as_json)
    elif (run / "campaign.db").exists():
        _show_campaign(run, as_json=as_json)
    else:
        refuse_exhibits(run)
        raise DataError(f"expected a run directory or a campaign's folder, but {run} holds neither")


def _show_run(run: Path, *, as_json: bool) -> None:
    from nextlabel.bench.outcome import cell_state
    from nextlabel.config.experiment import load_config

    config = load_config(run / "experiment.toml")
    arms = len(config.strategy) + len(config.full_training)
    total = len(config.dataset) * arms * len(config.objective) * config.seeds
    cells = sorted(path.parent for path in (run / "cells").glob("*/cell.toml"))
    states = {folder.name: cell_state(folder) for folder in cells}
    counts = {
        word: sum(state == word for state in states.values()) for word in ("finished", "failed", "started")
    }
    counts["waiting"] = total - sum(counts.values())
    if as_json:
        print_json({"run": str(run), "cells": states, **counts})
        return
    typer.echo(f"{run}: {counts['finished']} of {total} cells finished")
    for word in ("failed", "started"):
        if counts[word]:
            names = [name for name, state in states.items() if state == word]
            typer.echo(f"  {counts[word]} {word}: {', '.join(names)}")
    if counts["waiting"]:
        typer.echo(f"  {counts['waiting']} waiting")


def _show_campaign(folder: Path, *, as_json: bool) -> None:
    from nextlabel.ledger.ledger import Ledger

    ledger = Ledger(folder / "campaign.db", read_only=True)
    try:
        state = ledger.state
    finally:
        ledger.close()
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
        for key, value in facts.items():
            typer.echo(f"{key:<12} {value}")
    if state.pending:
        raise typer.Exit(WAITING)
