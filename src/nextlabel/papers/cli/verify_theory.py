"""``nextlabel verify-theory``: check the theorem behind the discrepancy numerically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    from nextlabel.papers.theory.report import write_theory
    from nextlabel.papers.theory.verification import CHECKS, verify

    checks = tuple(_followed(verify(seeds), len(CHECKS), quiet=as_json))
    page = write_theory(checks, out, seeds=seeds)
    unexpected = [check for check in checks if not check.as_expected]
    error = _sentence(unexpected, len(checks))
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


def _followed(checks: Iterator[Check], total: int, *, quiet: bool) -> Iterator[Check]:
    """Yield the checks and show a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    yield from track(checks, "checks", total=total, console=console, transient=True, disable=hidden)


def _sentence(unexpected: Sequence[Check], total: int) -> str:
    named = "; ".join(f"{c.number} ({c.title}): {c.expected}, but {c.finding}" for c in unexpected)
    return f"{len(unexpected)} of {total} checks of the theorem are not as expected: {named}"


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
