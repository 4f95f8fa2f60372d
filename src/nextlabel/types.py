"""The vocabulary of nextlabel: the types that its parts exchange.

Axes, in names and shapes: N items, L labelled, S snapshots, K draws (dropout passes, ensemble members),
C classes, D features, B batch. Strategies see *rows* of a view; everything outside sees *ids*.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from nextlabel.errors import ConfigurationError
from nextlabel.ledger.events import ItemId, Label
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.snapshots import SNAPSHOT, Snapshot

__all__ = [
    "NEEDS",
    "AugmentedScoring",
    "Forward",
    "Learner",
    "Losses",
    "Network",
    "Objective",
    "Oracle",
    "Outputs",
    "PoolView",
    "Restorable",
    "Scorer",
    "Strategy",
    "Streaming",
    "Wrapper",
    "need_meaning",
]

Oracle: TypeAlias = Callable[[Sequence[ItemId]], Mapping[ItemId, Label]]
"""Answers a query with labels, for all of its items or some."""

EXTRA = "extra:"
"""The prefix of the names of extra fields."""

NEEDS: Mapping[str, str] = {
    "output": "what answers the campaign's task for the candidates: `log_probs` or `values`",
    "log_probs": "class log-probabilities of the candidates",
    "values": "regression outputs of the candidates",
    "embeddings": "embeddings of the candidates",
    "labelled_log_probs": "class log-probabilities of the labelled items",
    "labelled_embeddings": "embeddings of the labelled items",
    "labels": "the labels of the labelled items",
    "snapshot:previous": "outputs at the end of the previous cycle",
    **{SNAPSHOT + kind: f"outputs {Snapshot(kind).meaning}" for kind in ("initial", "untrained", "ema")},
    "snapshot:epoch": "outputs one epoch before the end of training, or `snapshot:<n> epochs`",
    "snapshot:step": "outputs one step before the end of training, or `snapshot:<n> steps`",
    "draws:dropout": "at least 2 draws of the log-probabilities, by dropout at prediction",
    "draws:ensemble": "at least 2 draws of the log-probabilities, by the members of an ensemble",
}
"""What a strategy may declare in ``needs``, with its meaning.

``extra:NAME`` asks for an extra field. A strategy that needs ``snapshot:previous`` sees its other snapshots
in the first cycle only; without that need it sees them in every cycle.
"""


def need_meaning(need: str) -> str | None:
    """Return what a need means, or None if there is no such need.

    >>> need_meaning("snapshot:10 steps")
    'outputs 10 steps before the end of training'
    """
    if need.startswith(EXTRA) and need != EXTRA:
        return "an extra field of the candidates"
    if need in NEEDS or not need.startswith(SNAPSHOT):
        return NEEDS.get(need)
    try:
        snapshot = Snapshot.parse(need.removeprefix(SNAPSHOT))
    except ConfigurationError:
        return None
    return None if snapshot.kind == "end" else f"outputs {snapshot.meaning}"


@dataclass(frozen=True, eq=False)
class Outputs:
    """A model's outputs on some items: row i of every field is item i.

    Attributes:
        log_probs: (N, K, C) log-probabilities in nats; each row's probabilities sum to 1 over C.
        values: (N, K, O) regression outputs, in the unit of the target.
        embeddings: (N, D) features of the layer before the head.
        extra: Further per-item tensors by name, each (N, ...).
    """

    log_probs: Float[Tensor, "items draws classes"] | None = None
    values: Float[Tensor, "items draws outputs"] | None = None
    embeddings: Float[Tensor, "items features"] | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)

    def fields(self) -> dict[str, Tensor]:
        """Return the fields that are present, by name; extra fields as ``extra:NAME``."""
        own = {"log_probs": self.log_probs, "values": self.values, "embeddings": self.embeddings}
        present = {name: tensor for name, tensor in own.items() if tensor is not None}
        return present | {EXTRA + name: tensor for name, tensor in self.extra.items()}

    @staticmethod
    def from_fields(fields: Mapping[str, Tensor]) -> Outputs:
        """Build outputs from what :meth:`fields` returned."""
        own = {name: tensor for name, tensor in fields.items() if not name.startswith(EXTRA)}
        extra = {name.removeprefix(EXTRA): t for name, t in fields.items() if name.startswith(EXTRA)}
        return Outputs(**own, extra=extra)

    def rows(self, rows: Int[Tensor, " rows"]) -> Outputs:
        """Return the outputs of these rows, in this order."""
        return Outputs.from_fields({name: tensor[rows] for name, tensor in self.fields().items()})

    def __len__(self) -> int:
        shapes = {name: tuple(tensor.shape) for name, tensor in self.fields().items()}
        sizes = {shape[0] for shape in shapes.values()}
        if len(sizes) > 1:
            raise ValueError(f"every field of Outputs must have the same number of rows, got shapes {shapes}")
        return sizes.pop() if sizes else 0


@dataclass(frozen=True, eq=False)
class PoolView:
    """Everything that a strategy sees of a campaign, in rows.

    Attributes:
        size: N, the number of unlabelled candidates.
        pool: The current model's outputs on the candidates.
        snapshots: Outputs of earlier states of the model on the same rows, newest first.
        labelled: The current model's outputs on the labelled items.
        labels: (L,) labels of the labelled items.
        snapshot_names: ``"previous"`` or the name of a :class:`~nextlabel.snapshots.Snapshot` for each
            snapshot; empty if unknown, as with arrays of your own.
        output: The field that the need ``output`` means; None if unknown.
    """

    size: int
    pool: Outputs
    snapshots: Sequence[Outputs] = ()
    labelled: Outputs = field(default_factory=Outputs)
    labels: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    snapshot_names: Sequence[str] = ()
    output: str | None = None

    def answer(self, outputs: Outputs) -> Tensor:
        """Return (N, K, ...), the field that answers the task, of the pool's or a snapshot's outputs."""
        return outputs.fields()[self.output or "log_probs"]


class _Needing(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> frozenset[str]: ...


@runtime_checkable
class Scorer(_Needing, Protocol):
    """Scores every candidate; the batch is the highest scores, with ties drawn by the seed.

    ``name`` (snake_case of the paper's name) and ``needs`` (keys of :data:`NEEDS`, or ``extra:NAME``) may be
    class attributes, fields or properties. The other parameters of the class are its options. A campaign
    records them, so each must be JSON, kept in an attribute of its name.
    """

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) finite scores; higher = query first."""


@runtime_checkable
class Strategy(_Needing, Protocol):
    """Chooses a batch as a whole, without side effects; name, needs and options as of a :class:`Scorer`."""

    def select(self, view: PoolView, batch_size: int, *, rng: torch.Generator) -> Int[Tensor, " batch"]:
        """Return ``batch_size`` distinct rows, best first."""


@runtime_checkable
class Learner(Protocol):
    """A model that can be trained and can predict; your own model needs these two methods only.

    The attributes have defaults, which subclasses inherit; a campaign adds them to any other object.

    Attributes:
        progress: Set by a campaign before ``fit``, which may call it with ``"fit"``, the steps done and all.
        warm_start: Whether a fit continues from the weights of the last one; a campaign loads or resets a
            learner that is :class:`Restorable` accordingly.
        task: The :class:`~nextlabel.tasks.task.Task` that it is made for, or None for any.
        snapshots: The names of the snapshots that ``fit`` keeps, or None if that is not known beforehand.
    """

    progress: Progress | None = None
    warm_start: bool = True
    task: Any = None  # Any: tasks are in a higher layer
    snapshots: frozenset[str] | None = None

    def fit(
        self,
        x: Pool,
        y: Any,  # Any: L targets, as the campaign's task gives them
        unlabelled: Pool,
        *,
        seed: int,
        workdir: Path,
    ) -> Mapping[str, float]:
        """Train on the labelled pool ``x`` with targets ``y`` and return metrics by name.

        Targets are (L,) class indices or numbers, or a sequence of masks, read one by one. The same arguments
        must give the same model. ``workdir`` is this cycle's own, existing folder; a learner that finds its
        own unfinished work there continues it.
        """

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return the outputs in the pool's order, with every field in ``needs``.

        Fields are named as in :meth:`Outputs.fields`: ``log_probs``, ``values``, ``extra:NAME``.
        """


@runtime_checkable
class Restorable(Protocol):
    """A learner that can load what ``fit`` saved, for resuming, warm starts and earlier snapshots."""

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Become the model that ``fit`` saved in ``workdir``, at this :class:`~nextlabel.snapshots.Snapshot`.

        Raises:
            MissingStateError: The folder holds no such state; a campaign then trains again.
            DataError: The state is damaged or cannot be read.
            ConfigurationError: The state is of another model.
        """

    def reset(self) -> None:
        """Forget all training: the next ``fit`` starts as if it were the first."""


@runtime_checkable
class Wrapper(Protocol):
    """A learner around another one, whose accuracy is reported."""

    @property
    def main(self) -> Learner:
        """The learner inside."""


@runtime_checkable
class AugmentedScoring(Protocol):
    """A learner that can score candidates augmented, as training does."""

    @property
    def score_augmented(self) -> bool:
        """Whether to score candidates augmented."""

    def predict_augmented(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Predict as :meth:`Learner.predict`, on items augmented by draws from seed and items alone."""


@runtime_checkable
class Streaming(Protocol):
    """A learner whose outputs are too large to keep, such as the maps of segmentation."""

    def stream(self, x: Pool, *, seed: int) -> Iterator[Tensor]:
        """Yield (B, ...) raw outputs batch by batch, in the pool's order."""


@dataclass(frozen=True, eq=False)
class Forward:
    """One forward pass of a network over B items.

    Attributes:
        outputs: (B, C) raw outputs.
        embeddings: (B, D) features of the layer before the head, if requested and available.
        stages: Features after each stage, if requested, each (B, channels, height, width) or (B, D).
    """

    outputs: Tensor
    embeddings: Tensor | None = None
    stages: tuple[Tensor, ...] | None = None


Network: TypeAlias = nn.Module
"""A module whose call returns a :class:`Forward`; learners wrap the user's module into one."""


@dataclass(frozen=True, eq=False)
class Losses:
    """The parts of a training loss by name, each a scalar tensor, weights already applied."""

    parts: Mapping[str, Tensor]

    @property
    def total(self) -> Tensor:
        """The scalar to differentiate: the sum of the parts."""
        return torch.stack([part.float() for part in self.parts.values()]).sum()


class Objective(nn.Module):
    """The training loss and base of every objective; all members but :meth:`forward` have defaults.

    One instance serves one fit. Its parameters (a second head) train with the model's. Its buffers and frozen
    sub-modules (an EMA teacher) are saved in the checkpoint and carried over by a warm start.

    Attributes:
        task: The name of the only task that it supports, or None for every task.
        uses_unlabelled: Whether every step has an unlabelled batch.
        uses_embeddings: Whether it needs embeddings from the network.
        uses_stages: Whether it needs the features after each stage.
        uses_fresh_network: Whether :meth:`take_fresh` is called with an unrelated, untrained network.
        extra_fields: The names of the fields of :class:`Outputs.extra` that :meth:`extra` returns.
    """

    task: str | None = None
    uses_unlabelled: bool = False
    uses_embeddings: bool = True
    uses_stages: bool = False
    uses_fresh_network: bool = False
    extra_fields: frozenset[str] = frozenset()

    def __init__(self) -> None:  # without the *args of nn.Module: options that do not exist are refused
        super().__init__()

    @abstractmethod
    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Run the forward passes of one step and return its losses."""

    def inputs(self, x: Tensor) -> Tensor:
        """Return the network's inputs from a batch that holds more than inputs."""
        return x

    def take_fresh(self, network: Network) -> None:
        """Take the unrelated network; called before :meth:`bind`, in the first fit only."""

    def bind(self, model: Network, example: Forward) -> None:
        """Build what depends on the model; called once, before the first step."""

    def begin(self, total_steps: int) -> None:
        """Take the number of steps of this fit; called before its first step and when it is resumed."""

    def after_step(self, model: Network) -> None:
        """Follow the model after an optimiser step (an EMA teacher does)."""

    def unscheduled(self) -> tuple[nn.Parameter, ...]:
        """Return its parameters whose learning rate does not follow the schedule."""
        return ()

    def extra(self, model: Network, x: Tensor) -> Mapping[str, Tensor]:
        """Return each extra field, (B, ...), for a batch; called in evaluation mode, without gradients."""
        return {}
