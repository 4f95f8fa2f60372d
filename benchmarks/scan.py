"""Measure what a COD cycle's scan costs, in plain forward passes of the same model over the same pool.

Promise: at most 1.05 passes, against 2 or more for scoring with both models. The three are measured
alternately, many times, in one process; the ratios are those of the medians.

    python benchmarks/scan.py [--items N] [--repeats N] [--threads N] [--json] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from nextlabel.bench.environment import describe_environment
from nextlabel.campaign.view_builder import ViewBuilder
from nextlabel.learners.torch import TorchLearner
from nextlabel.models.small_cnn import SmallCnn
from nextlabel.pool import Pool
from nextlabel.selection.selection import choose
from nextlabel.strategies.cod import Cod
from nextlabel.training.config import TrainingConfig

PROMISE = 1.05
BATCH = 1024


def plain_pass(model: torch.nn.Module, images: Tensor) -> Tensor:
    """Run the model over the images in a plain loop."""
    model.eval()
    with torch.no_grad():
        parts = [model(batch.float() / 255).log_softmax(1) for batch in images.split(BATCH)]
    return torch.cat(parts)


def both_models(now: torch.nn.Module, before: torch.nn.Module, images: Tensor) -> Tensor:
    """Score with two models, as the reference release does."""
    first, second = plain_pass(now, images).exp(), plain_pass(before, images).exp()
    return (first - second).square().sum(1) / 2


def cod_cycle(learner: TorchLearner, pool: Pool, previous: Path, folder: Path) -> Tensor:
    """Make the view of a cycle after a scanned one, and choose from it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    viewer = ViewBuilder(learner, folder, previous, seed=0)
    view = viewer.view(Cod().needs, pool, pool.slice(0, 0), torch.empty(0))
    assert viewer.rows_forwarded == len(pool)
    return choose(Cod(), view, 1000, rng=torch.Generator().manual_seed(0)).rows


def timed(work: partial[Tensor]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(options: argparse.Namespace) -> dict[str, object]:
    torch.set_num_threads(options.threads)
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (options.items, 1, 28, 28), dtype=torch.uint8, generator=rng)
    pool = Pool(images, [f"p{row:07d}" for row in range(options.items)])
    model = partial(SmallCnn, (1, 28, 28), 10, width=16)
    learner = TorchLearner(model, training=TrainingConfig(predict_batch_size=BATCH), epochs=1, device="cpu")
    with tempfile.TemporaryDirectory() as scratch:
        first, second = Path(scratch) / "first", Path(scratch) / "second"
        first.mkdir()
        labels = torch.arange(64) % 10
        learner.fit(pool.slice(0, 64), labels, pool.slice(64, 128), seed=0, workdir=first)
        ViewBuilder(learner, first, None, seed=0).view(
            frozenset({"log_probs"}), pool, pool.slice(0, 0), labels[:0]
        )
        now, before = model(), model()
        works = {
            "plain_pass": partial(plain_pass, now, images),
            "both_models": partial(both_models, now, before, images),
            "cod_cycle": partial(cod_cycle, learner, pool, first, second),
        }
        seconds: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(options.repeats + 1):
            for name, work in works.items():
                seconds[name].append(timed(work))
    medians = {
        name: statistics.median(times[1:]) for name, times in seconds.items()
    }  # the first one warms up
    return {
        "items": options.items,
        "repeats": options.repeats,
        "threads": options.threads,
        "seconds": medians,
        "cod_cycle_in_passes": medians["cod_cycle"] / medians["plain_pass"],
        "both_models_in_passes": medians["both_models"] / medians["plain_pass"],
        "promise": PROMISE,
        "environment": describe_environment(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = measure(options)
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n")
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(f"one pass over {found['items']:,} images: {found['seconds']['plain_pass']:.2f} s")
    print(f"a COD cycle: {found['cod_cycle_in_passes']:.3f} passes (promise: at most {PROMISE})")
    print(f"scoring with both models: {found['both_models_in_passes']:.3f} passes")


if __name__ == "__main__":
    main()
