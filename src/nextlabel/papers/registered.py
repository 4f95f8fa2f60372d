"""The papers' presets, registered the way a plug-in registers its own. Imports no torch."""

from __future__ import annotations

from nextlabel.papers.differences import difference_lines
from nextlabel.presets.catalogue import Preset

__all__ = ["CODE", "PAPER", "REPAIRED"]

FILES = "nextlabel.papers.presets"

CODE = Preset(
    "settings of the released code of the TOD papers, quirks included", FILES, remarks=difference_lines
)
REPAIRED = Preset("the preset code with its quirks in training and scoring fixed", FILES)
PAPER = Preset("settings from the text and tables of the TOD papers", FILES)
