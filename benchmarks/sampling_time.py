"""Measure what one query costs by strategy, in seconds and in plain passes of the same network.

Promise: COD costs at most 1.05 passes if the last cycle's scan was kept. Run it on an idle machine.

    python benchmarks/sampling_time.py [--items N] [--labelled N] [--batch-size N] [--width N] [--classes N]
        [--vaal-width N] [--repeats N] [--device NAME] [--threads N] [--json] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch

from nextlabel.papers.studies.sampling_time import TimingSetup, sampling_time


def main() -> None:
    usual = TimingSetup()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ("items", "labelled", "batch_size", "width", "classes", "vaal_width", "repeats")
    for name in names:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(usual, name))
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default=usual.device)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    setup = TimingSetup(device=options.device, **{name: getattr(options, name) for name in names})
    with tempfile.TemporaryDirectory() as scratch:
        found = sampling_time(setup, Path(scratch))
    text = json.dumps(found, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    if options.json:
        print(text)
        return
    print(f"one pass over {setup.items:,} images on {found['device']}: {found['plain_pass']:.2f} s")
    for name, took in found["strategies"].items():
        print(
            f"{name:<16}{took['passes']:7.3f} passes {took['seconds']:8.2f} s "
            f"(scan {took['scan_seconds']:.2f}, choice {took['select_seconds']:.2f})"
        )


if __name__ == "__main__":
    main()
