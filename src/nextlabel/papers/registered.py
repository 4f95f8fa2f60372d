"""What the papers register as a plug-in would: their presets. Loads no torch."""

from __future__ import annotations

from nextlabel.papers.differences import difference_lines
from nextlabel.presets.catalogue import Preset

__all__ = ["CODE", "PAPER", "REPAIRED"]

FILES = "nextlabel.papers.presets"

CODE = Preset(
    "what the released code of the TOD papers does, also where it is odd", FILES, remarks=difference_lines
)
REPAIRED = Preset("the same with its oddities of training and scoring repaired", FILES)
PAPER = Preset("what the text and tables of the TOD papers say", FILES)
