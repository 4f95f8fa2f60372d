"""The diagnostics of a cell as a file: what of its ledger says how well scores estimated losses. No torch.

Knows neither how a score is made nor what a figure shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nextlabel.errors import DataError
from nextlabel.files import read_json, write_file
from nextlabel.ledger.events import State
from nextlabel.results import rerun_remedy

__all__ = [
    "BANDS",
    "FRACTIONS",
    "DiagnosticsRow",
    "diagnostics_rows",
    "read_diagnostics",
    "write_diagnostics",
]

BANDS: tuple[tuple[float, float], ...] = ((0, 0.05), (0.05, 0.10), (0.10, 0.20), (0.20, 0.50), (0.50, 1))
"""Fractions of the candidates by score, largest first: the bands of Fig. 5 of the ICCV paper."""

FRACTIONS: tuple[float, ...] = tuple(k / 200 for k in range(1, 21))
"""0.5 %, 1 %, ..., 10 %: of how many largest losses it is asked whether the scores found them."""

FILE = "diagnostics.json"


@dataclass(frozen=True)
class DiagnosticsRow:
    """How well one scorer estimated the candidates' losses in one cycle.

    Attributes:
        cycle: The cycle, from 1.
        n_labelled: Labels that the model was trained on.
        n_candidates: N, the items that were scored.
        label: The scorer and its options: ``"cod"``, ``"cod (gap=10 steps)"``.
        strategy: Its name.
        options: Its options.
        spearman: Rank correlation of score and true loss over candidates; None where either is constant.
        pearson: Their linear correlation.
        mean_score: In the scorer's own unit.
        mean_loss: Mean true loss in nats.
        band_losses: Mean true loss in nats in each of :data:`BANDS`; None in an empty band.
        top_found: For each of :data:`FRACTIONS`, the fraction of so many largest losses that is among as many
            largest scores; randomness gives the fraction itself.
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


def diagnostics_rows(state: State) -> list[DiagnosticsRow]:
    """Return what a ledger's queries, and its score after the last training run, recorded of scorers.

    By cycle, and in the order in which the scorers are listed.
    """
    trained = {
        (cycle, name): measured["n_labelled"]
        for (cycle, name), measured in state.measurements.items()
        if name.startswith("train-")
    }
    rows = []
    for cycle in sorted({cycle for cycle, _ in trained}):
        measured = state.scoring(cycle) or {}
        for record in measured.get("diagnostics", {}).get("scorers", ()):
            found = {**record, **{key: tuple(record[key]) for key in ("band_losses", "top_found")}}
            rows.append(
                DiagnosticsRow(cycle, trained[cycle, measured["training"]], measured["n_candidates"], **found)
            )
    return rows


def write_diagnostics(folder: Path, state: State) -> None:
    """Write ``diagnostics.json`` into a cell's folder; nothing where there are none."""
    rows = diagnostics_rows(state)
    if not rows:
        return
    tree = {"bands": BANDS, "fractions": FRACTIONS, "rows": [vars(row) for row in rows]}
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
    tree = read_json(path, dict, remedy=rerun_remedy(folder))
    try:
        return [DiagnosticsRow(**_tuples(values)) for values in tree["rows"]]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error}); {rerun_remedy(folder)}") from error


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    known = {field.name for field in fields(DiagnosticsRow)}
    if values.keys() != known:
        raise ValueError(f"its columns are {sorted(values)}, not {sorted(known)}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
