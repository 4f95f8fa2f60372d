"""Recognise a folder that a command cannot use, by the names of its files."""

from __future__ import annotations

from pathlib import Path

from nextlabel.errors import ConfigurationError, DataError, listed

__all__ = ["refuse_reproduction", "refuse_run"]

AGAIN = "run its nextlabel reproduce command again to resume it"


def refuse_reproduction(folder: Path) -> None:
    """Refuse a folder in which ``nextlabel reproduce`` keeps figures and tables, or one of these.

    Raises:
        DataError: It is such a folder, and the message names the pages in it; or there is no folder.
    """
    if not folder.is_dir():
        raise DataError(f"folder not found: {folder}; give the one that nextlabel run or a campaign created")
    if (folder / "experiment.toml").exists():
        return
    if pages := _pages(folder):
        raise DataError(
            f"a run directory is needed, got the reproduced figure or table {folder} with the page "
            f"{pages[0]}; {AGAIN}"
        )
    if any(folder.glob("results.csv")) or any(folder.glob("report.*")):
        raise DataError(f"experiment.toml not found in {folder}; restore it, or run again with another --out")
    pages = [page for inner in sorted(folder.iterdir()) for page in _pages(inner)]
    if pages or (folder / "cells").is_dir():
        found = listed(map(str, pages)) if pages else "no page yet"
        raise DataError(
            f"a run directory is needed, got the folder of reproduced figures and tables {folder} with "
            f"{found}; {AGAIN}"
        )


def refuse_run(folder: Path) -> None:
    """Refuse a run directory as the folder of reproduced figures, because their cells would be mixed up.

    Raises:
        ConfigurationError: It is one.
    """
    if (folder / "experiment.toml").exists():
        raise ConfigurationError(
            f"--out must be a folder of reproduced figures, got the run directory {folder}; choose another "
            "--out"
        )


def _pages(folder: Path) -> list[Path]:
    """Return the page of a reproduced figure or table, next to its numbers; none for another folder."""
    return sorted(folder.glob("*.md")) if (folder / "numbers.csv").exists() else []
