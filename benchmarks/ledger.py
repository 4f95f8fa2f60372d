"""Measure the ledger: the replay of many labels, adding them at once and one by one, and the memory.

Promises: 100,000 labels replay in under 2 s, and twice the labels take at most 2.5 times as long.

    python benchmarks/ledger.py [--labels N] [--single N] [--repeats N] [--json] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nextlabel.bench.environment import describe_environment
from nextlabel.ledger.ledger import Ledger

SECONDS_ALLOWED = 2.0
RATIO_ALLOWED = 2.5


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def replay(path: Path) -> int:
    with Ledger(path, read_only=True) as ledger:
        return len(ledger.state.labels)


def peak_mib(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def measure_bulk(folder: Path, size: int) -> dict[str, float]:
    """Return the costs of a campaign in which all ``size`` items were asked and labelled."""
    path = folder / f"{size}.db"
    ids = [f"folder/image_{number:08d}.png" for number in range(size)]
    labels = {item: place % 10 for place, item in enumerate(ids)}
    with Ledger(path) as ledger:
        opened = seconds(lambda: ledger.open({"batch_size": size}, ids))
        asked = seconds(lambda: ledger.ask(0, ids))
        told = seconds(lambda: ledger.tell(labels, by="benchmark"))
    return {
        "labels": size,
        "open_seconds": opened,
        "ask_seconds": asked,
        "tell_seconds": told,
        "replay_peak_mib": peak_mib(lambda: replay(path)),
        "file_mib": path.stat().st_size / 2**20,
    }


def measure_single(folder: Path, size: int, pool_size: int) -> dict[str, float]:
    """Return the cost of adding ``size`` labels one by one, each on the disk before the next."""
    ids = [f"folder/image_{number:08d}.png" for number in range(pool_size)]
    with Ledger(folder / "single.db") as ledger:
        ledger.open({}, ids)
        first = seconds(lambda: [ledger.tell({item: 1}) for item in ids[:size]])
        second = seconds(lambda: [ledger.tell({item: 1}) for item in ids[size : 2 * size]])
    return {
        "labels": size,
        "pool": pool_size,
        "milliseconds_each": 1000 * first / size,
        "milliseconds_each_later": 1000 * second / size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--labels", type=int, default=100_000, help="labels of the smaller replay")
    parser.add_argument("--single", type=int, default=500, help="labels to add one by one, twice")
    parser.add_argument("--repeats", type=int, default=5, help="replays, of which the fastest counts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = rows = [measure_bulk(folder, n) for n in (options.labels, 2 * options.labels)]
        replays = [partial(replay, folder / f"{row['labels']}.db") for row in rows]
        times = [[seconds(work) for work in replays] for _ in range(options.repeats)]
        for row, taken in zip(rows, zip(*times, strict=True), strict=True):
            row["replay_seconds"] = min(taken)
        single = measure_single(folder, options.single, options.labels)
    ratio = large["replay_seconds"] / small["replay_seconds"]
    result = {
        "environment": describe_environment(),
        "sqlite": sqlite3.sqlite_version,
        "bulk": [small, large],
        "one_by_one": single,
        "replay_ratio": ratio,
        "kept": small["replay_seconds"] < SECONDS_ALLOWED and ratio <= RATIO_ALLOWED,
    }
    text = json.dumps(result, indent=2)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.json:
        print(text)
        return
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
    for row in rows:
        print(
            f"{row['labels']:>9,} labels: replay {row['replay_seconds']:.2f} s "
            f"(peak {row['replay_peak_mib']:.0f} MiB), open {row['open_seconds']:.2f} s, "
            f"ask {row['ask_seconds']:.2f} s, tell at once {row['tell_seconds']:.2f} s, "
            f"file {row['file_mib']:.0f} MiB"
        )
    print(f"twice the labels: {ratio:.2f} times the replay (allowed {RATIO_ALLOWED})")
    print(
        f"one by one, {single['labels']} labels each: {single['milliseconds_each']:.2f} ms per label, then "
        f"{single['milliseconds_each_later']:.2f} ms, in a pool of {single['pool']:,}"
    )


if __name__ == "__main__":
    main()
