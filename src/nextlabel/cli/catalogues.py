"""``nextlabel strategies``, ``objectives`` and ``datasets``: the registered parts, from their cards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nextlabel.cli.output import JsonOption, print_json
from nextlabel.registry import Card

__all__ = ["datasets_app", "objectives", "strategies"]

datasets_app = typer.Typer(name="datasets", help="List the data sets for benchmarks.")


def strategies(as_json: JsonOption = False) -> None:
    """List the query strategies: when to use them, what they need and cost, and their sources."""
    from nextlabel.strategies.catalogue import STRATEGIES

    _show_cards("strategies", STRATEGIES, as_json=as_json)


def objectives(as_json: JsonOption = False) -> None:
    """List the training objectives."""
    from nextlabel.objectives.catalogue import OBJECTIVES

    _show_cards("objectives", OBJECTIVES, as_json=as_json)


@datasets_app.callback(invoke_without_command=True)
def datasets(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the data sets for benchmarks."""
    if context.invoked_subcommand is None:
        from nextlabel.datasets.catalogue import DATASETS

        _show_cards("datasets", DATASETS, as_json=as_json, cost="size")
    elif as_json:
        context.default_map = {context.invoked_subcommand: {"as_json": True}}


@datasets_app.command()
def download(
    name: Annotated[str, typer.Argument(help="The data set.")],
    root: Annotated[
        Path | None,
        typer.Option(
            help="The folder for the files [default: ./data if it has the released code's layout, else "
            "$NEXTLABEL_DATA/NAME or ~/.cache/nextlabel/NAME]."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a data set from its publisher, if its licence allows that, and check that it can be read."""
    from nextlabel.datasets.catalogue import DATASETS
    from nextlabel.datasets.download import download as fetched

    DATASETS.card(name)
    folder = fetched(name, root)
    data = DATASETS.create(name, root=root)
    pool, test, classes = len(data), len(data.test), len(data.classes)
    if as_json:
        counts = {"pool": pool, "test": test, "classes": classes}
        print_json({"dataset": name, "root": str(folder), **counts, "licence": data.licence})
        return
    typer.echo(
        f"{name}: {pool:,} items in the pool, {test:,} to test, {classes} classes, in {folder}\n"
        f"licence: {data.licence}"
    )


def _show_cards(title: str, cards: Iterable[Card], *, as_json: bool, cost: str = "cost") -> None:
    """Print cards, a paragraph each with this label of the cost, or as JSON under the title."""
    if as_json:
        print_json({title: [{k: v for k, v in asdict(card).items() if k != "target"} for card in cards]})
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for card in cards:
        lines = {
            "use_when": card.use_when,
            "needs": ", ".join(card.needs),
            cost: card.cost,
            "source": card.citation,
            "licence": card.licence,
            "otherwise": card.remedy,
        }
        table = Table.grid(padding=(0, 0, 0, 2))
        table.add_column()
        table.add_column(min_width=max(map(len, lines)))
        for name, text in lines.items():
            if text:
                table.add_row("", name, Text(text))
        console.print(Text(card.name, style="bold"), table, "", sep="\n")
