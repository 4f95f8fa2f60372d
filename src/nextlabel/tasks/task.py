"""What a label is: the one protocol behind which classification, regression and segmentation differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from nextlabel.errors import LabelsError
from nextlabel.ledger.events import JSON, ItemId, Label

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["Meter", "Metric", "Targets", "Task", "check_counts"]

Targets: TypeAlias = "Tensor | Sequence[Any]"  # Any: one target per item, such as a mask
"""What is learnt, row by row: a tensor whose first axis is the items, or what gives one target at a time."""


@dataclass(frozen=True)
class Metric:
    """The number by which models are compared.

    Attributes:
        name: How tables and figures call it.
        higher_is_better: Its direction.
    """

    name: str
    higher_is_better: bool = True


class Meter(Protocol):
    """Metrics that stream: they are given the items batch by batch and keep no outputs."""

    def update(self, outputs: Tensor, targets: Targets) -> None:
        """Count a batch: B outputs, as of :meth:`Task.item_loss`, and their B targets."""

    def compute(self) -> dict[str, Any]:  # Any: JSON
        """Return all metrics by name, the primary one first."""


@runtime_checkable
class Task(Protocol):
    """Everything that differs between kinds of labels.

    A label has three forms: the text that a user types or a CSV holds, the JSON that the ledger keeps (a
    number or a string), and the target that a learner is given.
    """

    @property
    def name(self) -> str:
        """The name in the registry."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of their index; empty where there are none, or unnamed."""

    @property
    def width(self) -> int | None:
        """Outputs of the model's head; None where they are not known."""

    @property
    def output(self) -> str | None:
        """The field of ``Outputs`` that answers the task; None where outputs are not kept whole."""

    @property
    def fields(self) -> frozenset[str]:
        """The extra fields that :meth:`reduce` makes of outputs that are not kept whole."""

    @property
    def metric(self) -> Metric:
        """The primary metric of :meth:`meter`."""

    @property
    def default_objective(self) -> str:
        """The name of the training loss that fits the task."""

    @property
    def min_labels(self) -> int:
        """Labels without which no model can be trained."""

    def recorded(self) -> dict[str, JSON]:
        """Return what a campaign records of the task, and compares when it is opened again."""

    def parse(self, text: str) -> Any:  # Any: each task has its own values
        """Return the value of a label that a user typed or a CSV holds.

        Raises:
            LabelsError: The text is no label of this task.
        """

    def encode(self, value: Any) -> Label:  # Any: whatever a user gives as a label
        """Return the ledger's form of a value.

        Raises:
            LabelsError: The value is no label of this task.
        """

    def decode(self, label: Label) -> Any:  # Any: each task has its own values
        """Return the value of the ledger's form.

        Raises:
            DataError: What the label names is missing or damaged.
        """

    def trainable(self, labels: Mapping[ItemId, Label]) -> None:
        """Refuse labels on which no model can be trained.

        Raises:
            LabelsError: So it is.
        """

    def targets(self, labels: Mapping[ItemId, Label]) -> Targets:
        """Return what is learnt, row by row, of labels in the ledger's form."""

    def checked(self, targets: Tensor, ids: Sequence[ItemId], width: int) -> Tensor:
        """Return one target per item as a model with this many outputs trains on them.

        Raises:
            LabelsError: A target cannot be learnt.
        """

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
            outputs: The field :attr:`output`, (N, K, ...); of a task whose outputs are not kept whole, a
                batch of raw outputs.
            targets: N targets.
        """

    def meter(self) -> Meter:
        """Return a fresh meter."""

    def reduce(self, fields: Iterable[str], now: Tensor, before: Tensor | None = None) -> dict[str, Tensor]:
        """Return (B,) numbers by field of a batch of raw outputs.

        Args:
            fields: Of :attr:`fields`.
            now: (B, ...) raw outputs.
            before: Those of an earlier state of the model; only some fields need them.
        """

    def corrupt(self, label: Label, rng: np.random.Generator) -> Label:
        """Return a wrong label, drawn from ``rng``."""


def check_counts(targets: Tensor, ids: Sequence[ItemId]) -> None:
    """Refuse targets where there are no items, or not one target per item.

    Raises:
        LabelsError: So it is.
    """
    if not ids:
        raise LabelsError("training needs labelled items, but there are none; label some first")
    if targets.shape != (len(ids),):
        raise LabelsError(
            f"expected one label per item, shape ({len(ids)},), but got shape {tuple(targets.shape)}"
        )
