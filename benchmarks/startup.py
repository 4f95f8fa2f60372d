"""Measure how long Python takes to import nextlabel and to print the help of its command line.

Promise: 0.4 s and 0.6 s on an idle core, and neither imports torch.

    python benchmarks/startup.py [--repeats N] [--json] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from nextlabel.bench.environment import describe_environment

COMMANDS = {
    "bare python": ["-c", "pass"],
    "import nextlabel": ["-c", "import sys, nextlabel; assert 'torch' not in sys.modules"],
    "nextlabel --help": ["-m", "nextlabel.cli.main", "--help"],
}
PROMISES = {"import nextlabel": 0.4, "nextlabel --help": 0.6}


def seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(options.repeats):
        for name, arguments in COMMANDS.items():
            found[name].append(seconds(arguments))
    medians = {name: statistics.median(times) for name, times in found.items()}
    summary = {"seconds": medians, "promises": PROMISES, "environment": describe_environment()}
    if options.out:
        options.out.write_text(json.dumps(summary, indent=2) + "\n")
    if options.json:
        print(json.dumps(summary, indent=2))
        return
    for name, median in medians.items():
        promise = f" (promise: {PROMISES[name]} s)" if name in PROMISES else ""
        print(f"{name:<18} {median:.3f} s{promise}")


if __name__ == "__main__":
    main()
