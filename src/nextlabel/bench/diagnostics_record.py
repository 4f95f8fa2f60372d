"""The diagnostics of a cell as a file, extracted from its ledger. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nextlabel.errors import DataError
from nextlabel.files import read_json, write_file
from nextlabel.ledger.events import State
from nextlabel.results import rerun_remedy

__all__ = ["BANDS", "FRACTIONS", "DiagnosticsRow", "read_diagnostics", "write_diagnostics"]

BANDS: tuple[tuple[float, float], ...] = ((0, 0.05), (0.05, 0.10), (0.10, 0.20), (0.20, 0.50), (0.50, 1))
"""Fractions of the candidates by score, largest first: the bands of Fig. 5 of the ICCV paper."""

FRACTIONS: tuple[float, ...] = tuple(k / 200 for k in range(1, 21))
"""0.5 %, 1 %, ..., 10 % of the candidates: the largest losses that the scores are to find."""

FILE = "diagnostics.json"


@dataclass(frozen=True)
class DiagnosticsRow:
    """How well one scorer estimated the candidates' losses in one cycle.

    Attributes:
        n_labelled: Labels that the model was trained on.
        n_candidates: N, the items that were scored.
        label: The scorer with its options: ``"cod"``, ``"cod(gap='10 steps')"``.
        spearman: Rank correlation of score and true loss over candidates; None where either is constant.
        pearson: Their linear correlation.
        mean_score: In the scorer's own unit.
        mean_loss: Mean true loss in nats.
        band_losses: Mean true loss in nats in each of :data:`BANDS`; None for an empty band.
        top_found: For each of :data:`FRACTIONS`, the fraction of the largest losses that is among equally
            many largest scores; random scores find the fraction itself.
    """

    cycle: int
    n_labelled: int
    n_candidates: int
    label: str
    strategy: str
    options: Mapping[str, Any]  # Any: each strategy has its own options
    spearman: float | None
    pearson: float | None
    mean_score: float
    mean_loss: float
    band_losses: tuple[float | None, ...]
    top_found: tuple[float | None, ...]


def write_diagnostics(folder: Path, state: State) -> None:
    """Write what the ledger recorded of scorers, by cycle and scorer, if it recorded any."""
    rows = []
    for cycle in sorted({cycle for cycle, name in state.measurements if name.startswith("train-")}):
        measured = state.scoring(cycle) or {}
        for record in measured.get("diagnostics", {}).get("scorers", ()):
            n_labelled = state.measurements[cycle, measured["training"]]["n_labelled"]
            counts = {"n_labelled": n_labelled, "n_candidates": measured["n_candidates"]}
            rows.append(vars(_row({"cycle": cycle, **counts, **record})))
    if rows:
        tree = {"bands": BANDS, "fractions": FRACTIONS, "rows": rows}
        write_file(folder / FILE, json.dumps(tree))


def read_diagnostics(folder: Path) -> list[DiagnosticsRow]:
    """Read the diagnostics of a finished cell.

    Raises:
        DataError: There are none, or the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        raise DataError(
            f"diagnostics not found: {path}; run the experiment with the setting diagnostics, such as "
            "diagnostics = ['cod', 'entropy']"
        )
    remedy = rerun_remedy(folder)
    try:
        return [_row(values) for values in read_json(path, dict, remedy=remedy)["rows"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error}); {remedy}") from error


def _row(values: Mapping[str, Any]) -> DiagnosticsRow:  # Any: JSON
    lists: dict[str, Any] = {key: tuple(v) for key, v in values.items() if isinstance(v, list)}
    return DiagnosticsRow(**{**values, **lists})
