"""``nextlabel verify-theory``: check the theorem behind the discrepancy numerically."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nextlabel.cli.output import FAILED, JsonOption, print_error, print_json

if TYPE_CHECKING:
    from nextlabel.papers.theory.record import Check

__all__ = ["verify_theory"]


def verify_theory(
    seeds: Annotated[int, typer.Option(help="Number of networks of each kind, at least 10.")] = 100,
    out: Annotated[Path, typer.Option(help="Output folder for theory.md and its figures.")] = Path(
        "runs/theory"
    ),
    as_json: JsonOption = False,
) -> None:
    """Check the theorem and its corollaries numerically on small networks.

    The checks cover the statements themselves, broken premises and other losses. Each claim holds exactly,
    holds to first order, does not hold, or is void. The exit code is 1 if a number is not as expected.
    """
    from rich.console import Console
    from rich.progress import track

    from nextlabel.papers.theory.report import write_theory
    from nextlabel.papers.theory.verification import CHECKS, verify

    console = Console(stderr=True)
    hidden = as_json or not console.is_terminal
    following = track(
        verify(seeds), "checks", total=len(CHECKS), console=console, transient=True, disable=hidden
    )
    checks = tuple(following)
    page = write_theory(checks, out, seeds=seeds)
    unexpected = [check for check in checks if not check.as_expected]
    named = "; ".join(f"{c.number} ({c.title}): {c.expected}, but {c.finding}" for c in unexpected)
    error = f"{len(unexpected)} of {len(checks)} checks of the theorem are not as expected: {named}"
    if as_json:
        failure = {"error": error} if unexpected else {}
        print_json({
            "ok": not unexpected, **failure, "seeds": seeds, "page": str(page),
            "checks": [asdict(check) for check in checks],
        })  # fmt: skip
    else:
        _show(checks)
        typer.echo(str(page))
        if unexpected:
            print_error(error, as_json=False)
    if unexpected:
        raise typer.Exit(FAILED)


def _show(checks: Sequence[Check]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_lines=True, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in ("check", "claim", "measured", "verdict"):
        table.add_column(column, overflow="fold", justify="right" if column == "check" else "left")
    for check in checks:
        verdict = check.verdict if check.as_expected else f"{check.verdict}, NOT AS EXPECTED"
        claim = f"{check.title}: {check.claim}"
        table.add_row(*(Text(text) for text in (str(check.number), claim, check.finding, verdict)))
    Console(highlight=False).print(table)
