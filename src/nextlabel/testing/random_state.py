"""Whether something touched the global random generators; knows nothing of what was run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["global_random_state_untouched"]


@contextmanager
def global_random_state_untouched(part: str) -> Iterator[None]:
    """Fail where the global generators of torch, NumPy or ``random`` are in another state afterwards.

    Args:
        part: What is run inside, for the message.

    Raises:
        AssertionError: A generator was drawn from or seeded.
    """
    torch_before, python_before = torch.get_rng_state(), random.getstate()
    numpy_before = np.random.get_state(legacy=False)  # the global state itself is what is looked at
    yield
    numpy_after = np.random.get_state(legacy=False)
    touched = {
        "torch": not torch.equal(torch_before, torch.get_rng_state()),
        "numpy.random": str(numpy_before) != str(numpy_after),
        "random": python_before != random.getstate(),
    }
    names = [name for name, changed in touched.items() if changed]
    assert not names, (
        f"{part} must leave the global random state alone, but changed that of {', '.join(names)}"
    )
