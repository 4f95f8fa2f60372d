"""``nextlabel strategies`` and ``objectives``: what there is, from the cards alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from nextlabel.cli.output import JsonOption, print_json
from nextlabel.registry import Card

__all__ = ["objectives", "show_cards", "strategies"]


def strategies(as_json: JsonOption = False) -> None:
    """List the query strategies: what each needs, costs and is good for, and where it comes from."""
    from nextlabel.strategies.catalogue import STRATEGIES

    show_cards("strategies", STRATEGIES, as_json=as_json)


def objectives(as_json: JsonOption = False) -> None:
    """List the training objectives."""
    from nextlabel.objectives.catalogue import OBJECTIVES

    show_cards("objectives", OBJECTIVES, as_json=as_json)


def show_cards(title: str, cards: Iterable[Card], *, as_json: bool) -> None:
    """Print the cards of a shelf as a table, or as JSON under the title."""
    if as_json:
        print_json(
            {title: [{key: v for key, v in asdict(card).items() if key != "target"} for card in cards]}
        )
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_lines=True, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in ("name", "needs", "cost", "when to use", "citation"):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for card in cards:
        needs = "\n".join(card.needs)
        table.add_row(*(Text(text) for text in (card.name, needs, card.cost, card.when, card.citation)))
    Console(highlight=False).print(table)
