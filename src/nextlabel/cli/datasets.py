"""``nextlabel datasets``: which data sets there are, and how to get their files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nextlabel.cli.catalogues import show_cards
from nextlabel.cli.output import JsonOption, print_json

__all__ = ["app"]

app = typer.Typer(name="datasets", help="List the data sets for benchmarks.")


@app.callback(invoke_without_command=True)
def datasets(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the data sets for benchmarks."""
    if context.invoked_subcommand is None:
        from nextlabel.datasets.catalogue import DATASETS

        show_cards("datasets", DATASETS, as_json=as_json, cost="size")


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="The data set.")],
    root: Annotated[
        Path | None,
        typer.Option(
            help="The folder to put it into; without it ./data where the released code's layout is begun "
            "there, else $NEXTLABEL_DATA/NAME, or ~/.cache/nextlabel/NAME."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch a data set's files from its publisher, where its licence lets a program do so, and read them."""
    from nextlabel.datasets.catalogue import DATASETS
    from nextlabel.datasets.download import download as fetched

    DATASETS.card(name)
    folder = fetched(name, root)
    data = DATASETS.create(name, root=root)
    if as_json:
        print_json(
            {
                "dataset": name,
                "root": str(folder),
                "pool": len(data),
                "test": len(data.test),
                "classes": len(data.classes),
                "licence": data.licence,
            }
        )
        return
    typer.echo(
        f"{name}: {len(data):,} to label, {len(data.test):,} to test, {len(data.classes)} classes, in "
        f"{folder}\nlicence: {data.licence}"
    )
