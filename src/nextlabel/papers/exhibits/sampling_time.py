"""The papers' table of sampling times: seconds of one query, scan of the pool and choice together."""

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
        f"Measured on {' and '.join(devices)}: scan and choice of one query, mean over the queries from the "
        "second cycle on; "
        "what a strategy trains next to the model is training, and not in it. The papers' seconds are of "
        "another machine and another pool: compare ratios.",
        f"Rows sent through a model in one query: {'; '.join(forwarded)}.",
        "Cells that ran at the same time slow each other; for times to quote, use --jobs 1 alone.",
    )
    notes = (*(stated if own else ()), *EXHIBITS["table3"].notes)
    return points_made("table3", own, tolerance=float("inf"), log_x=True, notes=notes)


def _arms(request: Request) -> Sequence[Arm]:
    if request.base.cycles < FEWEST_CYCLES:
        raise ConfigurationError(
            "this exhibit times queries from the second cycle on, and there is none after the last; it needs "
            f"at least {FEWEST_CYCLES} cycles, but got {request.base.cycles}"
        )
    return (
        Arm("Core-set", "core_set"),
        Arm("VAAL", "vaal"),
        Arm("LL4AL", "learning_loss"),
        Arm("COD", "cod"),
    )


TABLE3 = Exhibit("table3", _arms, _table3)
