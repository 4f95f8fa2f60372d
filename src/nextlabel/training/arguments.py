"""What tells one training from another, in plain JSON: a checkpoint is used by its own training only.

Knows nothing of what the settings do.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Any

from torch import Tensor

from nextlabel.errors import DataError
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.training.config import TrainingConfig

__all__ = ["check_same", "described", "training_arguments"]


WITHOUT_EFFECT = ("predict_batch_size", "checkpoint_seconds")
"""What may be changed while a fit is continued: the weights do not depend on it."""


def training_arguments(
    x: Pool, y: Tensor, unlabelled: Pool | None, config: TrainingConfig, seed: int
) -> dict[str, Any]:  # Any: whatever JSON holds
    """Return a training run's data, configuration and seed, items and labels as digests.

    Args:
        x: The L labelled items.
        y: (L,) their labels.
        unlabelled: The unlabelled items that are trained on, or None.
        config: How.
        seed: Of the training.
    """
    return {
        "seed": seed,
        "labelled": x.digest(),
        "labels": hashlib.blake2b(y.cpu().numpy().tobytes(), digest_size=8).hexdigest(),
        "unlabelled": None if unlabelled is None else unlabelled.digest(),
        **{name: described(value) for name, value in vars(config).items() if name not in WITHOUT_EFFECT},
    }


def described(value: Any) -> Any:  # Any: a setting, as JSON gives it back
    """Return a setting as JSON gives it back; of a callable, a text that is the same in every process."""
    if isinstance(value, functools.partial):
        options = {name: described(one) for name, one in sorted(value.keywords.items())}
        return f"{described(value.func)}{value.args}{options}"
    if isinstance(value, Part):
        return str(value)
    if isinstance(value, tuple):
        return [described(part) for part in value]
    if not callable(value):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: described(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return f"{type(value).__qualname__}({fields})"
    return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def check_same(found: dict[str, Any], wanted: dict[str, Any], path: Path) -> None:
    """Refuse a file that was made by a training run with other arguments.

    Raises:
        DataError: An argument differs; the message names the first.
    """
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise DataError(
                f"expected {path} to be of this training, with {name}={wanted.get(name)!r}, but it was made "
                f"with {name}={found.get(name)!r}; use another folder, or delete it"
            )
