"""``nextlabel report``: a run's results as a page, Markdown, CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nextlabel.cli.folders import refuse_exhibits
from nextlabel.cli.output import JsonOption, print_json

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(help="The run directory.")],
    to: Annotated[
        Literal["html", "md", "csv", "parquet"], typer.Option("--format", help="What to write.")
    ] = "html",
    as_json: JsonOption = False,
) -> None:
    """Write the report of a run again and print where it is."""
    from nextlabel.report.build import render

    refuse_exhibits(run)
    path = render(run, to)
    if as_json:
        print_json({"report": str(path), "format": to})
    else:
        typer.echo(str(path))
