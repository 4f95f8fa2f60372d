"""Contact sheets: the images of a query on one page. Knows nothing of queries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["SHOWN", "write_contact_sheet"]

COLUMNS, ROWS = 12, 6
SHOWN = COLUMNS * ROWS
TILE = 48
"""Side of a tile in pixels; smaller images are enlarged without smoothing, so that every pixel is seen,
and larger ones are averaged."""
GAP = 4


def write_contact_sheet(items: NDArray[np.generic], path: Path) -> None:
    """Write the first 72 images as one PNG; items that are no images leave no file.

    Args:
        items: (B, channels, height, width) bytes with 1 or 3 channels, best first.
        path: The PNG to write; gaps between the images are transparent.
    """
    if items.ndim != 4 or items.shape[1] not in (1, 3) or items.dtype != np.uint8:
        return
    shown = min(len(items), SHOWN)
    rows = -(-shown // COLUMNS)
    sheet = Image.new("RGBA", (COLUMNS * (TILE + GAP) - GAP, rows * (TILE + GAP) - GAP), (0, 0, 0, 0))
    for place in range(shown):
        image = np.moveaxis(items[place], 0, -1)
        tile = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).convert("RGBA")
        scaling = Image.Resampling.NEAREST if max(tile.size) <= TILE else Image.Resampling.BOX
        tile = tile.resize((TILE, TILE), scaling)
        sheet.paste(tile, ((place % COLUMNS) * (TILE + GAP), (place // COLUMNS) * (TILE + GAP)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
