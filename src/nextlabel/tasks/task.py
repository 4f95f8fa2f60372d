"""What a label is: the protocol that covers all differences between kinds of labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np

from nextlabel.errors import ContractError, LabelsError
from nextlabel.ledger.events import JSON, ItemId, Label

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Meter", "Metric", "Targets", "Task", "check_counts", "described"]

Targets: TypeAlias = "Tensor | Sequence[Any]"  # Any: one target per item, such as a mask
"""What a model learns, row by row: a tensor whose first axis is the items, or a sequence of targets."""


@dataclass(frozen=True)
class Metric:
    """The number by which models are compared, with its name in tables and figures."""

    name: str
    higher_is_better: bool = True


class Meter(Protocol):
    """Metrics that stream: they take the items batch by batch and keep no outputs."""

    def update(self, outputs: Tensor, targets: Targets) -> None:
        """Add a batch: B outputs, as of :meth:`Task.item_loss`, and their B targets."""

    def compute(self) -> dict[str, Any]:  # Any: JSON
        """Return all metrics by name, the primary one first."""


@runtime_checkable
class Task(Protocol):
    """Everything that differs between kinds of labels; a subclass inherits the defaults.

    A label has three forms: the text that a user types or a CSV file holds, the JSON value that the ledger
    keeps (a number or a string), and the target that a learner trains on.

    Attributes:
        name: The name in the registry.
        output: The field of ``Outputs`` that answers the task; None if outputs are not kept whole.
        fields: The extra fields that :meth:`reduce` computes from outputs that are not kept whole.
        metric: The primary metric of :meth:`meter`.
        default_objective: The name of the training loss that fits the task.
        min_labels: Labels needed to train a model.
    """

    name: ClassVar[str]
    output: ClassVar[str | None]
    fields: ClassVar[frozenset[str]] = frozenset()
    metric: ClassVar[Metric]
    default_objective: ClassVar[str] = "supervised"
    min_labels: ClassVar[int] = 1

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of their indices; empty if there are none."""

    @property
    def width(self) -> int | None:
        """Number of outputs of the model's head; None if it is not known."""

    def recorded(self) -> dict[str, JSON]:
        """Return what a campaign records of the task, and compares when it is opened again."""
        return {"name": self.name, "classes": list(self.classes)}

    def parse(self, text: str) -> Any:  # Any: each task has its own values
        """Return the value of a label that a user typed or a CSV file holds.

        Raises:
            LabelsError: The text is no label of this task.
        """

    def encode(self, value: Any) -> Label:  # Any: whatever a user gives as a label
        """Return the ledger's form of a value, or of a text as by :meth:`parse`.

        Raises:
            LabelsError: The value is no label of this task.
        """

    def decode(self, label: Label) -> Any:  # Any: each task has its own values
        """Return the value of the ledger's form.

        Raises:
            DataError: The label names a file that is missing or damaged.
        """

    def trainable(self, labels: Mapping[ItemId, Label]) -> None:
        """Refuse labels that no model can be trained on.

        Raises:
            LabelsError: No model can be trained on them.
        """
        return  # the protocol's default refuses nothing

    def targets(self, labels: Mapping[ItemId, Label]) -> Targets:
        """Return the targets of labels in the ledger's form, row by row."""

    def checked(self, targets: Tensor, ids: Sequence[ItemId], width: int) -> Tensor:
        """Return one target per item in the form that a model with this many outputs trains on.

        Raises:
            LabelsError: A target cannot be learnt.
        """
        return targets

    def check_split(self, shape: tuple[int, ...], dtype: np.dtype[Any], labels: Any, ids: Any) -> None:
        """Refuse benchmark data whose labels do not fit the task or the inputs.

        Args:
            shape: Of all inputs, N first.
            dtype: Of the inputs.
            labels: N values: an array, or a sequence of paths.
            ids: N ids, for messages.

        Raises:
            DataError: Labels or inputs do not fit.
        """

    def item_loss(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Return (N,) true losses, higher = worse.

        Args:
            outputs: The field :attr:`output`, (N, K, ...); a batch of raw outputs if they are not kept whole.
            targets: N targets.
        """

    def meter(self) -> Meter:
        """Return a fresh meter."""

    def reduce(self, fields: Iterable[str], now: Tensor, before: Tensor | None = None) -> dict[str, Tensor]:
        """Return (B,) numbers by field for a batch of raw outputs.

        Args:
            fields: Of :attr:`fields`.
            now: (B, ...) raw outputs.
            before: Those of an earlier state of the model; only some fields need them.
        """
        raise ContractError(f"the task {self.name} has no fields to reduce, got {sorted(fields)}")

    def corrupt(self, label: Label, rng: np.random.Generator) -> Label:
        """Return a wrong label, drawn from ``rng``.

        Raises:
            ConfigurationError: The task does not know the other labels.
        """


def described(labels: object) -> str:
    """Return the shape and type of an array, or the class of anything else, for a message."""
    return f"{labels.shape} of {labels.dtype}" if isinstance(labels, np.ndarray) else type(labels).__name__


def check_counts(targets: Tensor, ids: Sequence[ItemId]) -> None:
    """Check that there are items, and one target per item.

    Raises:
        LabelsError: There are no items, or the targets are not (N,).
    """
    if not ids:
        raise LabelsError("training needs labelled items, got none; label some first")
    if targets.shape != (len(ids),):
        raise LabelsError(
            f"labels must be one per item, shape ({len(ids)},), got shape {tuple(targets.shape)}"
        )
