"""Hash what a fixed set of runs picks and measures, and compare with the hashes stored before a refactoring.

Promise: a change of names, files or structure changes no pick and no number. The hashes cover the ids
asked per cycle and the numbers of every row, without seconds; names do not enter. The last digits depend on
the machine and on the versions of torch and NumPy, so store and compare on one machine. The segmentation run
is left out if NEXTLABEL_DATA is not set.

    python benchmarks/baseline.py [--store] [--only NAME ...] [--file FILE]
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "baseline.json"

MAIN_JOB = "run"
SEGMENTATION = (
    "run --dataset nuclei --strategy cod_segmentation,entropy_segmentation,random --seeds 1 --cycles 3 "
    "--set learner.epochs=2"
)
FIGURE = "reproduce suppfig2 --config digits --preset fast --trials 1"
EXPERIMENT = (
    "reproduce --config digits --sampling TOD --auxiliary TOD --preset repaired --trials 1 --cycles 3 "
    "--set learner.epochs=4"
)
THEORY = "verify-theory --json"

COMMANDS = {
    "main job": MAIN_JOB,
    "segmentation": SEGMENTATION,
    "figure": FIGURE,
    "experiment": EXPERIMENT,
    "theory": THEORY,
}


def digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=8).hexdigest()


def numbers(value: Any, *, key: str = "") -> list[float]:
    """Return the numbers of a JSON tree in order, without seconds."""
    if isinstance(value, dict):
        return [number for name, part in value.items() for number in numbers(part, key=name)]
    if isinstance(value, list):
        return [number for part in value for number in numbers(part, key=key)]
    measured = isinstance(value, (int, float)) and not isinstance(value, bool)
    return [float(value)] if measured and not key.endswith("seconds") else []


def asked(ledger: Path) -> list[tuple[int, str]]:
    """Return the cycle and id of every item asked, in order."""
    with closing(sqlite3.connect(ledger)) as connection:
        return connection.execute(
            "SELECT cycle, item FROM events WHERE kind = 'asked' ORDER BY seq"
        ).fetchall()


def of_campaigns(folder: Path) -> list[str]:
    """Return a hash for every campaign below the folder, sorted, as their names are not part of it."""
    campaigns = sorted(folder.glob("**/campaign.db"))
    return sorted(
        digest([asked(ledger), numbers(json.loads((ledger.parent / "rows.json").read_text()))])
        for ledger in campaigns
    )


def of_tables(folder: Path) -> list[str]:
    """Return a hash for every table of numbers that an exhibit leaves, sorted."""
    found = []
    for path in folder.glob("**/numbers.csv"):
        with path.open() as file:
            rows = [[cell for cell in row if is_number(cell)] for row in csv.reader(file)]
        found.append(digest(sorted(rows)))
    return sorted(found)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def run(command: str) -> dict[str, Any]:
    """Run the command in its own folder and return its hashes."""
    environment = dict(os.environ)
    if "NEXTLABEL_DATA" in environment:
        environment["NEXTLABEL_DATA"] = str(Path(environment["NEXTLABEL_DATA"]).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        call = [sys.executable, "-m", "nextlabel", *command.split(), "--out", str(Path(scratch) / "out")]
        done = subprocess.run(
            call,
            cwd=scratch,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(
                f"expected 'nextlabel {command}' to end well, got {done.returncode}:\n{done.stderr}"
            )
        if command == THEORY:
            checks = json.loads(done.stdout)["checks"]
            return {"checks": [digest(numbers(check["measured"])) for check in checks]}
        return {"campaigns": of_campaigns(Path(scratch)), "tables": of_tables(Path(scratch))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", action="store_true", help="store the hashes instead of comparing")
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--file", type=Path, default=RESULTS)
    options = parser.parse_args()
    stored = json.loads(options.file.read_text()) if options.file.exists() else {}
    failed = False
    for name in options.only:
        if name == "segmentation" and not os.environ.get("NEXTLABEL_DATA"):
            print(f"{name}: left out, NEXTLABEL_DATA is not set")
            continue
        found = run(COMMANDS[name])
        assert found.get("campaigns") or found.get("checks"), "a run that leaves nothing would agree with any"
        if options.store:
            stored[name] = found
            print(f"{name}: stored")
        else:
            agrees = stored.get(name) == found
            failed |= not agrees
            print(f"{name}: {'agrees' if agrees else 'DIFFERS'}", flush=True)
    if options.store:
        options.file.write_text(json.dumps(stored, indent=2) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
