"""The only place that touches global random states: it borrows them and gives them back as they were.

Modules such as dropout draw from torch's default generators, and data sets may draw from ``random`` and
NumPy; so these are set from derived seeds while a learner works. Knows nothing of training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["default_generators", "deterministic_kernels", "isolated_rng", "seed_everything"]


def default_generators(device: torch.device | None = None) -> list[torch.Generator]:
    """Return torch's default generators that modules on this device draw from: the CPU's, and its own."""
    generators = [torch.default_generator]
    if device is not None and device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]  # the generators do not exist before
        index = device.index if device.index is not None else torch.cuda.current_device()
        generators.append(torch.cuda.default_generators[index])
    return generators


def seed_everything(seed: int, device: torch.device | None = None) -> None:
    """Set every global random state; to be called inside :func:`isolated_rng` or in a worker process only.

    Args:
        seed: A derived seed, in [0, 2^63).
        device: Where modules draw besides the CPU.
    """
    for generator in default_generators(device):
        generator.manual_seed(seed)
    random.setstate(random.Random(seed).getstate())
    np.random.set_state(np.random.RandomState(seed % 2**32).get_state())


@contextmanager
def isolated_rng(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Run the block with every global random state set from ``seed``, and restore them all after it.

    Args:
        seed: A derived seed, in [0, 2^63).
        device: Where modules draw besides the CPU.
    """
    generators = default_generators(device)
    kept = [generator.get_state() for generator in generators]
    kept_python, kept_numpy = random.getstate(), np.random.get_state()
    seed_everything(seed, device)
    try:
        yield
    finally:
        for generator, state in zip(generators, kept, strict=True):
            generator.set_state(state)
        random.setstate(kept_python)
        np.random.set_state(kept_numpy)


@contextmanager
def deterministic_kernels() -> Iterator[None]:
    """Run the block with cuDNN's reproducible kernels, chosen without timing; restore the choice after it."""
    cudnn = torch.backends.cudnn
    kept = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = kept
