"""Contact sheets: the images of a query on one page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["SHOWN", "write_contact_sheet"]

COLUMNS, ROWS = 12, 6
SHOWN = COLUMNS * ROWS
TILE, GAP = 48, 4
"""Side of a tile and distance between tiles, in pixels."""


def write_contact_sheet(items: NDArray[np.generic], path: Path) -> None:
    """Write the first 72 images as one PNG; write nothing if the items are not images.

    Smaller images are enlarged without smoothing, so that every pixel is visible; larger ones are averaged.

    Args:
        items: (B, channels, height, width) bytes with 1 or 3 channels, best first.
        path: The PNG to write; gaps between the images are transparent.
    """
    if items.ndim != 4 or items.shape[1] not in (1, 3) or items.dtype != np.uint8:
        return
    step = TILE + GAP
    rows = -(-min(len(items), SHOWN) // COLUMNS)
    sheet = Image.new("RGBA", (COLUMNS * step - GAP, rows * step - GAP), (0, 0, 0, 0))
    for place, item in enumerate(items[:SHOWN]):
        tile = Image.fromarray(item[0] if len(item) == 1 else np.moveaxis(item, 0, -1)).convert("RGBA")
        scaling = Image.Resampling.NEAREST if max(tile.size) <= TILE else Image.Resampling.BOX
        tile = tile.resize((TILE, TILE), scaling)
        sheet.paste(tile, ((place % COLUMNS) * step, (place // COLUMNS) * step))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
