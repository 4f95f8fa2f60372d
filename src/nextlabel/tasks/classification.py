"""Classification: one class per item. In the ledger a label is the index of its class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nextlabel.errors import ConfigurationError, DataError, LabelsError, listed, nearest
from nextlabel.ledger.events import JSON, ItemId, Label
from nextlabel.tasks.task import Meter, Metric, Targets

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Classification", "class_names"]


@dataclass(frozen=True)
class Classification:
    """One class per item; a label is the index of a class, and names are accepted in its place.

    Attributes:
        classes: The names of the C classes, at least 2; empty where classes have no names.

    Raises:
        ConfigurationError: There is one class only, a name is no text or occurs twice.

    >>> task = Classification(("cat", "dog"))
    >>> task.encode(task.parse("dog"))
    1
    """

    classes: tuple[str, ...] = ()

    name: ClassVar[str] = "classification"
    output: ClassVar[str] = "log_probs"
    default_objective: ClassVar[str] = "supervised"
    min_labels: ClassVar[int] = 2
    fields: ClassVar[frozenset[str]] = frozenset()
    metric: ClassVar[Metric] = Metric("accuracy")

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", class_names(self.classes))

    @property
    def width(self) -> int | None:
        """C, where the classes are named."""
        return len(self.classes) or None

    def recorded(self) -> dict[str, JSON]:
        """Return the name and the classes."""
        return {"name": self.name, "classes": list(self.classes)}

    def parse(self, text: str) -> int:
        """Return the index of a class that is named; without class names, of a number.

        Raises:
            LabelsError: There is no such class.
        """
        if text in self.classes:
            return self.classes.index(text)
        if not self.classes:
            if text.isdecimal():
                return int(text)
            raise LabelsError(
                f"label must be a class index, got '{text}'; to label by name, give the task its classes"
            )
        hint = nearest(text, self.classes)
        guess = f"; did you mean '{hint}'?" if hint else f"; they are {listed(self.classes, limit=20)}"
        raise LabelsError(f"label must be one of the {len(self.classes)} classes, got '{text}'{guess}")

    def encode(self, value: Any) -> int:  # Any: whatever a user gives as a label
        """Return the index of a class that is given by its index, also as a whole float, or by its name.

        Raises:
            LabelsError: There is no such class.
        """
        if type(value) is int and 0 <= value < (len(self.classes) or 2**63):  # the common case, quickly
            return value
        if isinstance(value, str):
            return self.parse(value)
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
            raise LabelsError(
                f"label must be a class name or an index, got {value!r} ({type(value).__name__})"
            )
        last = f"0..{len(self.classes) - 1}" if self.classes else "0, 1, 2, ..."
        number = int(value) if isinstance(value, Integral) else float(value)
        if not (0 <= number < (len(self.classes) or 2**63) and number == int(number)):
            remedy = "" if self.classes else "; for numbers that are no classes use task='regression'"
            raise LabelsError(f"label must be a class index in {last}, got {value}{remedy}")
        return int(number)

    def decode(self, label: Label) -> int:
        """Return the index."""
        return int(label)

    def trainable(self, labels: Mapping[ItemId, Label]) -> None:
        """Refuse labels of fewer than two classes.

        Raises:
            LabelsError: So it is.
        """
        found = iter(labels.values())
        first = next(found)
        if all(label == first for label in found):
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
        """Return (N,) int64 class indices in [0, C) of at least two classes.

        Raises:
            LabelsError: They are no integers, one is outside, or all are of one class.
        """
        import torch

        if targets.dtype == torch.bool or targets.is_floating_point() or targets.is_complex():
            raise LabelsError(
                f"class labels must be integers, but are {targets.dtype}; for real targets use "
                "task='regression'"
            )
        outside = ((targets < 0) | (targets >= width)).nonzero()
        if len(outside):
            row = int(outside[0])
            raise LabelsError(
                f"class labels must be in [0, {width}), as the model has {width} outputs, but item "
                f"'{ids[row]}' has {int(targets[row])}"
            )
        if bool((targets == targets[0]).all()):
            self.trainable(dict(zip(ids, targets.tolist(), strict=True)))
        return targets.to(torch.int64)

    def check_split(self, shape: tuple[int, ...], dtype: np.dtype[Any], labels: Any, ids: Any) -> None:
        """Refuse labels that are not int64 class indices in [0, C).

        Raises:
            DataError: So it is.
        """
        if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype != np.int64:
            raise DataError(f"labels must be (N,) class indices of type int64, got {_described(labels)}")
        foreign = np.flatnonzero((labels < 0) | (labels >= len(self.classes)))
        if len(foreign):
            row = int(foreign[0])
            raise DataError(
                f"labels must lie in [0, {len(self.classes)}), but item '{ids[row]}' has {labels[row]}"
            )

    def item_loss(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Return (N,) cross-entropies in nats of the mean probabilities over draws.

        Args:
            outputs: (N, K, C) log-probabilities.
            targets: (N,) class indices.
        """
        from torch.nn.functional import nll_loss

        from nextlabel.maths.entropy import mean_log_probs

        return nll_loss(mean_log_probs(outputs), _tensor(targets), reduction="none")

    def meter(self) -> Meter:
        """Return what counts ``accuracy``, ``loss`` in nats and ``class_accuracy``."""
        return _ClassificationMeter()

    def reduce(self, fields: Iterable[str], now: Tensor, before: Tensor | None = None) -> dict[str, Tensor]:
        """Refuse: class probabilities are kept whole."""
        raise NotImplementedError("outputs of classification are kept whole")

    def corrupt(self, label: Label, rng: np.random.Generator) -> int:
        """Return one of the other classes, drawn uniformly (symmetric noise).

        Raises:
            ConfigurationError: The classes are not known.
        """
        if not self.classes:
            raise ConfigurationError(
                "label noise needs the classes of the task, got none; give Classification its classes"
            )
        return int((label + 1 + rng.integers(len(self.classes) - 1)) % len(self.classes))  # type: ignore[operator]


class _ClassificationMeter:
    def __init__(self) -> None:
        self.items, self.loss = 0, 0.0
        self.counts: Tensor | None = None
        self.hits: Tensor | None = None

    def update(self, outputs: Tensor, targets: Targets) -> None:
        """Count (B, K, C) log-probabilities against (B,) class indices."""
        import torch
        from torch.nn.functional import nll_loss

        from nextlabel.maths.entropy import mean_log_probs

        truth = _tensor(targets)
        log_probs = mean_log_probs(outputs)
        right = log_probs.argmax(1) == truth
        classes = log_probs.shape[1]
        counts, hits = (torch.bincount(of, minlength=classes) for of in (truth, truth[right]))
        self.counts = counts if self.counts is None else self.counts + counts
        self.hits = hits if self.hits is None else self.hits + hits
        self.items += len(truth)
        self.loss += float(nll_loss(log_probs.double(), truth, reduction="sum"))

    def compute(self) -> dict[str, Any]:  # Any: JSON
        """Return accuracy, loss and the accuracy of each class, None for one without items."""
        assert self.counts is not None, "there is at least one batch"
        assert self.hits is not None, "they are counted together"
        pairs = zip(self.hits.tolist(), self.counts.tolist(), strict=True)
        return {
            "accuracy": int(self.hits.sum()) / self.items,
            "loss": self.loss / self.items,
            "class_accuracy": [hit / count if count else None for hit, count in pairs],
        }


def class_names(names: Any) -> tuple[str, ...]:  # Any: whatever a user gives
    """Return class names if they can be that, and nothing for none.

    Raises:
        ConfigurationError: There is one only, one is no text, or occurs twice.
    """
    given = (names,) if isinstance(names, str) else tuple(names)
    if len(given) == 1 or not all(isinstance(name, str) for name in given):
        raise ConfigurationError(f"classes must be the names of at least 2 classes, got {names!r}")
    if len(set(given)) != len(given):
        twice = [name for name in dict.fromkeys(given) if given.count(name) > 1]
        raise ConfigurationError(f"class names must be distinct, got more than once {listed(twice)}")
    return given


def _tensor(targets: Targets) -> Tensor:
    import torch

    return targets if isinstance(targets, torch.Tensor) else torch.as_tensor(targets)


def _described(labels: Any) -> str:
    if isinstance(labels, np.ndarray):
        return f"shape {labels.shape} of {labels.dtype}"
    return type(labels).__name__
