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


def show_cards(title: str, cards: Iterable[Card], *, as_json: bool, cost: str = "cost") -> None:
    """Print the cards of a registry, a paragraph each, or as JSON under the title.

    Args:
        title: What the registry holds.
        cards: The cards.
        as_json: Whether to print JSON.
        cost: What the cost of a card is called in its paragraph.
    """
    if as_json:
        print_json(
            {title: [{key: v for key, v in asdict(card).items() if key != "target"} for card in cards]}
        )
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
