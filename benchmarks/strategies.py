"""Measure the time and memory of the strategies that choose a batch as a whole.

    python benchmarks/strategies.py [--items N] [--features D] [--batch-size B] [--json]

Each strategy runs in its own process. The memory is how much that process's largest resident size
(``ru_maxrss``) grows beyond its size with the inputs in memory. The aim is less than 2 GB above the inputs at
N = 50,000, D = 512, B = 1,000.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

STRATEGIES = ("core_set", "badge")


def peak_bytes() -> int:
    """Return the largest resident size this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(strategy: str, items: int, features: int, classes: int, batch_size: int, labelled: int) -> dict:
    # Torch is imported in the children only: a child's ru_maxrss starts at the size of its parent.
    import torch

    import nextlabel

    rng = torch.Generator().manual_seed(0)
    arrays = {"log_probs": torch.log_softmax(torch.randn(items, classes, generator=rng), -1)}
    arrays["embeddings"] = torch.randn(items, features, generator=rng)
    arrays["labelled_embeddings"] = torch.randn(labelled, features, generator=rng)
    nextlabel.select(strategy, 2, **{name: tensor[:8] for name, tensor in arrays.items()})
    before, start = peak_bytes(), time.perf_counter()
    rows = nextlabel.select(strategy, batch_size, **arrays)
    seconds = time.perf_counter() - start
    return {
        "strategy": strategy,
        "device": f"cpu, {torch.get_num_threads()} threads",
        "N": items,
        "D": features,
        "C": classes,
        "B": len(rows),
        "L": labelled,
        "seconds": round(seconds, 2),
        "input_mb": round(sum(tensor.nbytes for tensor in arrays.values()) / 1e6, 1),
        "peak_mb_above_inputs": round((peak_bytes() - before) / 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of core_set and badge.")
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=1_000)
    parser.add_argument("--labelled", type=int, default=5_000)
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=STRATEGIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = (options.items, options.features, options.classes, options.batch_size, options.labelled)
    if options.only:
        print(json.dumps(measure(options.only, *sizes)))
        return
    results = []
    for strategy in STRATEGIES:
        command = [sys.executable, __file__, *sys.argv[1:], "--only", strategy]
        results.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    from nextlabel.bench.environment import describe_environment  # here, so that no measurement holds it

    text = json.dumps({"results": results, "environment": describe_environment()}, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    if options.json:
        print(text)
        return
    for result in results:
        print(
            "{strategy:<9} N={N} D={D} C={C} B={B} L={L} on {device}: {seconds} s, "
            "{peak_mb_above_inputs} MB above {input_mb} MB of inputs".format(**result)
        )


if __name__ == "__main__":
    main()
