"""Classification: one class per item. In the ledger a label is the index of its class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nextlabel.errors import ConfigurationError, DataError, LabelsError, brief, did_you_mean, listed
from nextlabel.ledger.events import ItemId, Label
from nextlabel.tasks.task import Meter, Metric, Targets, Task, described

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Classification", "class_names"]


@dataclass(frozen=True)
class Classification(Task):
    """One class per item; a label is the index of a class or, if classes have names, its name.

    Methods raise the errors of :class:`~nextlabel.tasks.task.Task`.

    Attributes:
        classes: The names of the C classes, at least 2; empty if classes have no names.

    Raises:
        ConfigurationError: There is only one class, or a name is not text or not unique.

    >>> task = Classification(("cat", "dog"))
    >>> task.encode(task.parse("dog"))
    1
    """

    classes: tuple[str, ...] = ()

    name: ClassVar[str] = "classification"
    output: ClassVar[str] = "log_probs"
    min_labels: ClassVar[int] = 2
    metric: ClassVar[Metric] = Metric("accuracy")

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", class_names(self.classes))

    @property
    def width(self) -> int | None:
        """C, if the classes have names."""
        return len(self.classes) or None

    def parse(self, text: str) -> int:
        """Return the index of the class with this name or, without class names, with this number."""
        if text in self.classes:
            return self.classes.index(text)
        if not self.classes:
            if text.isdecimal():
                return int(text)
            raise LabelsError(
                f"label must be a class index, got '{text}'; to label by name, give the task its classes"
            )
        guess = did_you_mean(text, self.classes) or f"; they are {listed(self.classes, limit=20)}"
        raise LabelsError(f"label must be one of the {len(self.classes)} classes, got '{text}'{guess}")

    def encode(self, value: Any) -> int:  # Any: whatever a user gives as a label
        """Return the index of a class given by its index (an integer or a whole float) or by its name."""
        stop = len(self.classes) or 2**63
        if type(value) is int and 0 <= value < stop:  # the common case, fast
            return value
        if isinstance(value, str):
            return self.parse(value)
        if isinstance(value, bool) or not isinstance(value, Real):
            raise LabelsError(
                f"label must be a class name or an index, got {brief(value)} ({type(value).__name__})"
            )
        number = int(value) if isinstance(value, Integral) else float(value)
        if not (0 <= number < stop and number == int(number)):
            last = f"0..{stop - 1}" if self.classes else "0, 1, 2, ..."
            remedy = "" if self.classes else "; for numbers that are not classes use task='regression'"
            raise LabelsError(f"label must be a class index in {last}, got {value}{remedy}")
        return int(number)

    def decode(self, label: Label) -> int:
        """Return the index."""
        return int(label)

    def trainable(self, labels: Mapping[ItemId, Label]) -> None:
        """Refuse labels of fewer than two classes."""
        first = next(iter(labels.values()))
        if all(label == first for label in labels.values()):
            one = f"'{self.classes[int(first)]}'" if self.classes else f"class {first}"
            raise LabelsError(
                f"training a classifier needs labels of at least two classes, but all {len(labels)} labels "
                f"are {one}; label more items, or start with a larger initial set"
            )

    def targets(self, labels: Mapping[ItemId, Label]) -> Tensor:
        """Return (N,) int64 class indices."""
        import torch

        return torch.tensor(list(labels.values()), dtype=torch.int64)

    def checked(self, targets: Tensor, ids: Sequence[ItemId], width: int) -> Tensor:
        """Return (N,) int64 class indices in [0, C) of at least two classes."""
        import torch

        if targets.dtype == torch.bool or targets.is_floating_point() or targets.is_complex():
            raise LabelsError(
                f"class labels must be integers, got {targets.dtype}; for real targets use task='regression'"
            )
        if len(outside := ((targets < 0) | (targets >= width)).nonzero()):
            row = int(outside[0])
            raise LabelsError(
                f"class labels must be in [0, {width}), as the model has {width} outputs, got "
                f"{int(targets[row])} for item '{ids[row]}'"
            )
        if bool((targets == targets[0]).all()):
            self.trainable(dict(zip(ids, targets.tolist(), strict=True)))
        return targets.to(torch.int64)

    def check_split(self, shape: tuple[int, ...], dtype: np.dtype[Any], labels: Any, ids: Any) -> None:
        """Refuse labels that are not int64 class indices in [0, C)."""
        if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype != np.int64:
            raise DataError(f"labels must be (N,) int64 class indices, got {described(labels)}")
        if len(outside := np.flatnonzero((labels < 0) | (labels >= len(self.classes)))):
            item, label = ids[outside[0]], labels[outside[0]]
            raise DataError(f"labels must be in [0, {len(self.classes)}), got {label} for item '{item}'")

    def item_loss(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Return (N,) cross-entropies in nats of (N, K, C) log-probabilities, averaged as probabilities."""
        import torch
        from torch.nn.functional import nll_loss

        from nextlabel.maths.entropy import mean_log_probs

        return nll_loss(mean_log_probs(outputs), torch.as_tensor(targets), reduction="none")

    def meter(self) -> Meter:
        """Return a meter of ``accuracy``, ``loss`` in nats and ``class_accuracy``."""
        return _ClassificationMeter()

    def corrupt(self, label: Label, rng: np.random.Generator) -> int:
        """Return one of the other classes, drawn uniformly (symmetric noise)."""
        if not self.classes:
            raise ConfigurationError(
                "label noise needs the classes of the task, got none; give Classification its classes"
            )
        return int((label + 1 + rng.integers(len(self.classes) - 1)) % len(self.classes))  # type: ignore[operator]


class _ClassificationMeter:
    def __init__(self) -> None:
        self.counts: Any = 0  # Any: 0, then a tensor: (2, C), right items and all items of each class
        self.loss = 0.0

    def update(self, outputs: Tensor, targets: Targets) -> None:
        import torch
        from torch.nn.functional import nll_loss

        from nextlabel.maths.entropy import mean_log_probs

        truth, log_probs = torch.as_tensor(targets), mean_log_probs(outputs)
        right = truth[log_probs.argmax(1) == truth]
        classes = log_probs.shape[1]
        self.counts += torch.stack([torch.bincount(of, minlength=classes) for of in (right, truth)])
        self.loss += float(nll_loss(log_probs.double(), truth, reduction="sum"))

    def compute(self) -> dict[str, Any]:  # Any: JSON
        hits, counts = self.counts.tolist()
        return {
            "accuracy": sum(hits) / sum(counts),
            "loss": self.loss / sum(counts),
            "class_accuracy": [hit / n if n else None for hit, n in zip(hits, counts, strict=True)],
        }


def class_names(names: Any) -> tuple[str, ...]:  # Any: whatever a user gives
    """Return the class names as a tuple; empty for none.

    Raises:
        ConfigurationError: There is only one, or one is not text or not unique.
    """
    ordered = isinstance(names, Iterable) and not isinstance(names, (str, set, frozenset))
    given = tuple(names) if ordered else (names,)
    if len(given) == 1 or not all(isinstance(name, str) for name in given):
        raise ConfigurationError(
            f"classes must be the names of at least 2 classes in order, got {brief(names)}; use a tuple"
        )
    if len(set(given)) != len(given):
        twice = [name for name in dict.fromkeys(given) if given.count(name) > 1]
        raise ConfigurationError(f"class names must be distinct, got {listed(twice)} more than once")
    return given
