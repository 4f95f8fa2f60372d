"""Markers next to the cells of a run, that all items of a data set could be read. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nextlabel.config.experiment import fingerprint

__all__ = ["forget_items_read", "word_of_items_read"]

PREFIX = "items-read-"


def word_of_items_read(cells: Path, items: Mapping[str, Any]) -> Path:  # Any: JSON
    """Return the file next to the cells that says, by being there, that these items could be read."""
    return cells / f"{PREFIX}{fingerprint(items)}"


def forget_items_read(cells: Path) -> None:
    """Have all items read again: files may have changed since the last run of these cells."""
    for word in cells.glob(f"{PREFIX}*"):
        word.unlink()
