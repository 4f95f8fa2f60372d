"""A check that code leaves the global random generators alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["global_random_state_untouched"]


@contextmanager
def global_random_state_untouched(part: str) -> Iterator[None]:
    """Fail if ``part``, which runs inside, changes the global state of torch, NumPy or ``random``.

    Raises:
        AssertionError: A generator was drawn from or seeded.
    """
    before = _states()
    yield
    changed = ", ".join(name for name, state in _states().items() if state != before[name])
    assert not changed, f"{part} must leave the global random state alone, but changed that of {changed}"


def _states() -> dict[str, object]:
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy.random": str(np.random.get_state(legacy=False)),
        "random": random.getstate(),
    }
