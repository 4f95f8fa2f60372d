"""``nextlabel report``: a run's results as a page, Markdown, CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nextlabel.cli.folders import refuse_reproduction
from nextlabel.cli.output import JsonOption, print_json

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="The run directory.")],
    to: Annotated[
        Literal["html", "md", "csv", "parquet"], typer.Option("--format", help="The format to write.")
    ] = "html",
    as_json: JsonOption = False,
) -> None:
    """Write the report of a run again and print its path."""
    from nextlabel.report.build import render

    refuse_reproduction(run)
    path = render(run, to)
    if as_json:
        print_json({"report": str(path), "format": to})
    else:
        typer.echo(str(path))
