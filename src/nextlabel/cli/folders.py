"""What a folder is that a command was given and cannot use. Knows the names of files, not what is in them."""

from __future__ import annotations

from pathlib import Path

from nextlabel.errors import ConfigurationError, DataError, listed

__all__ = ["refuse_exhibits", "refuse_run"]


def refuse_exhibits(folder: Path) -> None:
    """Refuse a folder in which ``nextlabel reproduce`` keeps exhibits and their cells, or one of these.

    Raises:
        DataError: It is such a folder; the message names the pages in it.
    """
    if (folder / "experiment.toml").exists():
        return
    if page := next(iter(_pages(folder)), None):
        raise DataError(
            f"expected a run directory, but {folder} is an exhibit, and its page is {page}; to go on with "
            "it, run its nextlabel reproduce command again"
        )
    if any(folder.glob("results.csv")) or any(folder.glob("report.*")):
        raise DataError(
            f"expected a run directory, but {folder} has lost its experiment.toml; put that back, or run "
            "again with another --out"
        )
    pages = [str(page) for exhibit in sorted(folder.iterdir()) for page in _pages(exhibit)]
    if pages or (folder / "cells").is_dir():
        there = f"the page of each is in its sub-folder ({listed(pages)})" if pages else "it has no page yet"
        raise DataError(
            f"expected a run directory, but {folder} is a folder of exhibits, and {there}; to go on with "
            "one, run its nextlabel reproduce command again"
        )


def refuse_run(folder: Path) -> None:
    """Refuse a run directory as the folder of exhibits: the cells of both would be taken for the run's.

    Raises:
        ConfigurationError: It is one.
    """
    if (folder / "experiment.toml").exists():
        raise ConfigurationError(
            f"expected a folder for exhibits, but {folder} is the directory of a run; choose another --out"
        )


def _pages(folder: Path) -> list[Path]:
    """Return the page of an exhibit, which lies next to its numbers, if the folder is one."""
    return sorted(folder.glob("*.md")) if (folder / "numbers.csv").exists() else []
