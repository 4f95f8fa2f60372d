"""Kill ``nextlabel run`` at random moments, run it again to its end, and compare with an undisturbed run.

Promise: the same results.csv, except for the seconds.

    python benchmarks/kill_and_resume.py [--kills N] [--seed N] [--json] [--out FILE]
        [-- OPTIONS OF nextlabel run]
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nextlabel.bench.environment import describe_environment


def timeless(folder: Path) -> list[dict[str, str]]:
    """Return the results without the columns that are seconds."""
    with (folder / "results.csv").open() as file:
        return [
            {key: value for key, value in row.items() if not key.endswith("_seconds")}
            for row in csv.DictReader(file)
        ]


def command(folder: Path, options: list[str]) -> list[str]:
    return [sys.executable, "-m", "nextlabel.cli.main", "run", *options, "--out", str(folder)]


def work_begins(folder: Path, since: float, process: subprocess.Popen[bytes]) -> None:
    """Wait until a ledger of the run is written to, or the run has ended; starting takes seconds."""
    while process.poll() is None and not any(
        path.stat().st_mtime > since for path in folder.glob("cells/*/campaign.db*")
    ):
        time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("options", nargs="*", help="options of nextlabel run")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        calm, wild = Path(scratch) / "calm", Path(scratch) / "wild"
        began = time.monotonic()
        subprocess.run(command(calm, options.options), check=True, capture_output=True)
        whole = time.monotonic() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)  # hardly depends on other load
        kills = []
        for _ in range(options.kills):
            began = time.time()
            process = subprocess.Popen(
                command(wild, options.options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            work_begins(wild, began, process)
            wait = rng.uniform(0.0, 2.0 * whole / options.kills)
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills.append(round(wait, 2))
        subprocess.run(command(wild, options.options), check=True, capture_output=True)
        same = timeless(calm) == timeless(wild)
    summary = {
        "kills_after_seconds_of_work": kills,
        "undisturbed_seconds": whole,
        "undisturbed_cpu_seconds": used.ru_utime + used.ru_stime,
        "same_results": same,
        "environment": describe_environment(),
    }
    if options.out:
        options.out.write_text(json.dumps(summary, indent=2) + "\n")
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        print(f"killed {len(kills)} times, after {kills} s: {'the same' if same else 'DIFFERENT'} results")
    sys.exit(not same)


if __name__ == "__main__":
    main()
