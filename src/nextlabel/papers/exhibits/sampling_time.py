"""The papers' table of sampling times: seconds per query, for scan of the pool and selection together."""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.errors import ConfigurationError
from nextlabel.papers.exhibits.arms import Arm, Finished
from nextlabel.papers.exhibits.exhibit import Exhibit, Made, Request
from nextlabel.papers.exhibits.numbers import measured
from nextlabel.papers.exhibits.presentation import points_made
from nextlabel.papers.published.exhibits import EXHIBITS

__all__ = ["TABLE3"]

FEWEST_CYCLES = 3


def _table3(done: Sequence[Finished], request: Request) -> Made:
    own, forwarded = [], []
    for arm in done:
        queries = [[row for row in rows if row.n_chosen and row.cycle > 1] for rows in arm.rows_sp]
        queries = [rows for rows in queries if rows]
        if not queries:
            continue
        seconds = [sum(row.scan_seconds + row.select_seconds for row in rows) / len(rows) for rows in queries]
        first = queries[0]
        chosen = float(first[0].n_chosen)
        own.append(measured(seconds, dataset=arm.dataset, series=arm.arm.label, x=chosen, unit="s"))
        passed = sum(row.rows_forwarded for row in first) / len(first)
        forwarded.append(f"{arm.arm.label} {passed:,.0f}")
    devices = sorted({row.device for arm in done for rows in arm.rows_sp for row in rows})
    stated = (
        f"Measured on {' and '.join(devices)}: scan and selection, averaged over the queries from the "
        "second cycle on, without training of auxiliary models. The papers' seconds are for another "
        "machine and another pool, so compare ratios.",
        f"Rows passed through a model per query: {'; '.join(forwarded)}.",
        "Parallel cells slow each other down; use --jobs 1 for times to quote.",
    )
    notes = (*(stated if own else ()), *EXHIBITS["table3"].notes)
    return points_made("table3", own, tolerance=float("inf"), log_x=True, notes=notes)


def _arms(request: Request) -> Sequence[Arm]:
    if request.base.cycles < FEWEST_CYCLES:
        raise ConfigurationError(
            f"cycles must be at least {FEWEST_CYCLES} to time queries from the second cycle on, "
            f"got {request.base.cycles}; raise --cycles"
        )
    labels = {"Core-set": "core_set", "VAAL": "vaal", "LL4AL": "learning_loss", "COD": "cod"}
    return [Arm(label, strategy) for label, strategy in labels.items()]


TABLE3 = Exhibit("table3", _arms, _table3)
