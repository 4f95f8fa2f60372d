"""Measure TorchLearner's training against a bare hand-written loop of the same model, data and batches.

Both train the same network on the same resident tensors for the same epochs, alternately, so that other load
on the machine affects both. Reported is the median of bare seconds / learner seconds: the fraction of the
bare loop's throughput that the learner reaches. The learner's time includes all that a fit does: checks of
the loss, seeds per step, snapshots and the final state on disk.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.bench.environment import describe_environment
from nextlabel.learners.torch import TorchLearner
from nextlabel.models.mlp import Mlp
from nextlabel.models.small_cnn import SmallCnn
from nextlabel.pool import Pool
from nextlabel.training.config import TrainingConfig

BATCH, ITEMS, SHAPE, CLASSES = 128, 2048, (1, 28, 28), 10
CASES: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "small_cnn": (partial(SmallCnn, SHAPE, CLASSES, width=8), 2),
    "mlp": (partial(Mlp, SHAPE, CLASSES, width=256), 12),
}


def bare(model: nn.Module, x: Tensor, y: Tensor, epochs: int) -> float:
    """Train with nothing but PyTorch and return the seconds."""
    model = model.to(x.device).train()
    begun = time.perf_counter()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    for _ in range(epochs):
        order = torch.randperm(len(x), device=x.device)
        for start in range(0, len(x), BATCH):
            rows = order[start : start + BATCH]
            loss = functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def learnt(build: Callable[[], nn.Module], pool: Pool, y: Tensor, epochs: int, device: str) -> float:
    """Train with a TorchLearner and return the seconds."""
    learner = TorchLearner(
        build,
        training=TrainingConfig(batch_size=BATCH, lr=0.05, schedule="constant"),
        epochs=epochs,
        device=device,
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        learner.fit(pool, y, pool.slice(0, 0), seed=0, workdir=Path(folder))
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun


def measure(name: str, device: str, turns: int, scale: int) -> dict[str, float | str]:
    """Return the figures of one case."""
    build, epochs = CASES[name]
    epochs *= scale
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(ITEMS, *SHAPE, generator=generator)
    y = torch.randint(CLASSES, (ITEMS,), generator=generator)
    pool = Pool(x, [str(row) for row in range(ITEMS)])
    on_device, targets = x.to(device), y.to(device)
    bare(build(), on_device, targets, 1)
    learnt(build, pool, y, 1, device)
    pairs = []
    for _ in range(turns):
        pairs.append((bare(build(), on_device, targets, epochs), learnt(build, pool, y, epochs, device)))
    steps = epochs * ITEMS / BATCH
    return {
        "case": name,
        "device": device,
        "steps": steps,
        "bare_ms_per_step": 1e3 * statistics.median(pair[0] for pair in pairs) / steps,
        "learner_ms_per_step": 1e3 * statistics.median(pair[1] for pair in pairs) / steps,
        "throughput_ratio": statistics.median(pair[0] / pair[1] for pair in pairs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--turns", type=int, default=9, help="measurements of each, alternating")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch on the CPU; one is the steadiest")
    parser.add_argument("--scale", type=int, default=2, help="multiplies the epochs of every measurement")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    figures = [measure(name, options.device, options.turns, options.scale) for name in CASES]
    text = json.dumps({"cases": figures, "environment": describe_environment()}, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    if options.json:
        print(text)
        return
    for row in figures:
        print(
            f"{row['case']:10} on {row['device']}: bare {row['bare_ms_per_step']:.3f} ms a step, learner "
            f"{row['learner_ms_per_step']:.3f} ms, throughput ratio {row['throughput_ratio']:.3f}"
        )


if __name__ == "__main__":
    main()
