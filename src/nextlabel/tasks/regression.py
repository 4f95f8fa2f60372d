"""Regression: one number per item. In the ledger a label is that number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nextlabel.errors import ConfigurationError, DataError, LabelsError, brief
from nextlabel.ledger.events import JSON, ItemId, Label
from nextlabel.registry import check_fields
from nextlabel.tasks.task import Meter, Metric, Targets, Task, described

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Regression"]


@dataclass(frozen=True)
class Regression(Task):
    """One number per item; methods raise the errors of :class:`~nextlabel.tasks.task.Task`.

    Attributes:
        noise_scale: Standard deviation of the label noise, in the unit of the labels, above 0.

    >>> Regression().parse("4.2")
    4.2
    """

    noise_scale: float = 1.0

    name: ClassVar[str] = "regression"
    classes: ClassVar[tuple[str, ...]] = ()
    width: ClassVar[int] = 1
    output: ClassVar[str] = "values"
    default_objective: ClassVar[str] = "squared_error"
    metric: ClassVar[Metric] = Metric("mean squared error", higher_is_better=False)

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.noise_scale < math.inf:
            raise ConfigurationError(f"noise_scale must be above 0, got {self.noise_scale}")

    def recorded(self) -> dict[str, JSON]:
        """Return the name."""
        return {"name": self.name}

    def parse(self, text: str) -> float:
        """Return the number."""
        try:
            return self.encode(float(text))
        except ValueError as error:
            raise LabelsError(
                f"label must be a number, got '{text}'; for class names use task='classification'"
            ) from error

    def encode(self, value: Any) -> float:  # Any: whatever a user gives as a label
        """Return the number as a float."""
        if isinstance(value, str):
            return self.parse(value)
        if isinstance(value, bool) or not isinstance(value, Real):
            raise LabelsError(f"label must be a number, got {brief(value)} ({type(value).__name__})")
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond the largest float
            number = math.inf
        if not math.isfinite(number):
            raise LabelsError(
                f"label must be a finite number, got {brief(value)}; leave the item out instead"
            )
        return number

    def decode(self, label: Label) -> float:
        """Return the number."""
        return float(label)

    def targets(self, labels: Mapping[ItemId, Label]) -> Tensor:
        """Return (N,) float32 values."""
        import torch

        return torch.tensor([float(label) for label in labels.values()], dtype=torch.float32)

    def checked(self, targets: Tensor, ids: Sequence[ItemId], width: int) -> Tensor:
        """Return (N,) finite float32 values."""
        import torch

        values = targets.to(torch.float32)
        if len(wrong := (~values.isfinite()).nonzero()):
            row = int(wrong[0])
            raise LabelsError(
                f"targets must be finite float32 numbers, got {float(targets[row])} for item '{ids[row]}'"
            )
        return values

    def check_split(self, shape: tuple[int, ...], dtype: np.dtype[Any], labels: Any, ids: Any) -> None:
        """Refuse labels that are not finite floating-point numbers."""
        if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind != "f":
            raise DataError(f"labels must be (N,) floating-point numbers, got {described(labels)}")
        if len(wrong := np.flatnonzero(~np.isfinite(labels))):
            raise DataError(f"labels must be finite, got {labels[wrong[0]]} for item '{ids[wrong[0]]}'")

    def item_loss(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Return (N,) squared errors of (N, K, 1) values, averaged over draws, in squared units."""
        import torch

        return (outputs.mean(1)[:, 0] - torch.as_tensor(targets).to(outputs.dtype)).square()

    def meter(self) -> Meter:
        """Return a meter of ``mean squared error``, ``mean absolute error`` and ``loss``, the former."""
        return _RegressionMeter(self)

    def corrupt(self, label: Label, rng: np.random.Generator) -> float:
        """Return the number plus a normal draw with the standard deviation ``noise_scale``."""
        return float(label) + self.noise_scale * float(rng.standard_normal())


class _RegressionMeter:
    def __init__(self, task: Regression) -> None:
        self.task, self.items, self.squared, self.absolute = task, 0, 0.0, 0.0

    def update(self, outputs: Tensor, targets: Targets) -> None:
        errors = self.task.item_loss(outputs.double(), targets)
        self.items += len(errors)
        self.squared += float(errors.sum())
        self.absolute += float(errors.sqrt().sum())

    def compute(self) -> dict[str, Any]:  # Any: JSON
        squared, absolute = self.squared / self.items, self.absolute / self.items
        return {self.task.metric.name: squared, "mean absolute error": absolute, "loss": squared}
