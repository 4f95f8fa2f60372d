"""Measure what ``compile=True`` costs and saves in fits of a CIFAR ResNet-18.

The first compiled fit of a process pays for the compilation of every size of images and batches; later fits,
also of other campaigns, do not. Reported are the extra seconds of that first fit, the median over alternating
measurements of plain seconds / compiled seconds, and from how many seconds of plain training in one process
compilation pays.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import torch

from nextlabel.bench.environment import describe_environment
from nextlabel.learners.torch import TorchLearner
from nextlabel.models.cifar_resnet import CifarResNet18
from nextlabel.pool import Pool
from nextlabel.training.config import TrainingConfig

SHAPE, CLASSES, BATCH = (3, 32, 32), 10, 128


def seconds(pool: Pool, y: torch.Tensor, options: argparse.Namespace, *, compiled: bool) -> float:
    """Train once and return the seconds."""
    learner = TorchLearner(
        partial(CifarResNet18, SHAPE, CLASSES, width=options.width),
        training=TrainingConfig(
            batch_size=BATCH,
            lr=0.05,
            progressive_resize=(0.5, 0.75, 1.0),
            mixed_precision="fp16" if options.device == "cuda" else "no",
            channels_last=True,
            compile=compiled,
        ),
        epochs=options.epochs,
        device=options.device,
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        learner.fit(pool, y, pool.slice(0, 0), seed=0, workdir=Path(folder))
        if options.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--width", type=int, default=8, help="of the network; 64 in the papers")
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--turns", type=int, default=5, help="measurements of each, alternating")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch on the CPU")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(options.items, *SHAPE, generator=generator)
    y = torch.randint(CLASSES, (options.items,), generator=generator)
    pool = Pool(x, [str(row) for row in range(options.items)])
    seconds(pool, y, options, compiled=False)  # the first fit of a process is slower than the others
    first = seconds(pool, y, options, compiled=True)
    plain, compiled = zip(
        *(
            (seconds(pool, y, options, compiled=False), seconds(pool, y, options, compiled=True))
            for _ in range(options.turns)
        ),
        strict=True,
    )
    once = first - statistics.median(compiled)
    ratio = statistics.median(a / b for a, b in zip(plain, compiled, strict=True))
    figures = {
        "device": options.device,
        "width": options.width,
        "plain_seconds": statistics.median(plain),
        "compiled_seconds": statistics.median(compiled),
        "plain_over_compiled": ratio,
        "compilation_seconds": once,
        "pays_from_plain_seconds": once / (1 - 1 / ratio) if ratio > 1 else None,
    }
    text = json.dumps({**figures, "environment": describe_environment()}, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    if options.json:
        print(text)
        return
    for name, figure in figures.items():
        print(f"{name:25} {figure if not isinstance(figure, float) else round(figure, 2)}")


if __name__ == "__main__":
    main()
