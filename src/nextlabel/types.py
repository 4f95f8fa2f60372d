"""The vocabulary of the house: what the rooms hand to each other.

Axes, in names and shapes: N items, L labelled, S snapshots, K draws (dropout passes, ensemble members),
C classes, D features, B batch. Strategies see *rows* of a view; everything outside sees *ids*.
Knows no algorithm, no training and no storage.
"""

from __future__ import annotations

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
"""Answers a query with labels; it may answer a part of it."""

NEEDS: Mapping[str, str] = {
    "output": "what answers the campaign's task for the candidates: `log_probs` or `values`",
    "log_probs": "class log-probabilities of the candidates",
    "values": "regression outputs of the candidates",
    "embeddings": "embeddings of the candidates",
    "labelled_log_probs": "class log-probabilities of the labelled items",
    "labelled_embeddings": "embeddings of the labelled items",
    "labels": "the labels of the labelled items",
    "snapshot:previous": "outputs at the end of the previous cycle",
    "snapshot:initial": "outputs under the weights that this cycle's fit started from",
    "snapshot:untrained": "outputs under the weights of a fresh, unrelated network",
    "snapshot:ema": "outputs under the exponential moving average of this fit's weights",
    "snapshot:epoch": "outputs one epoch before the end of training, or `snapshot:<n> epochs`",
    "snapshot:step": "outputs one step before the end of training, or `snapshot:<n> steps`",
    "draws:dropout": "at least 2 draws of the log-probabilities, by dropout at prediction",
    "draws:ensemble": "at least 2 draws of the log-probabilities, by the members of an ensemble",
}
"""What a strategy may declare in ``needs``, with its meaning.

Besides, ``extra:NAME`` asks for an extra field, and ``snapshot:<n> steps`` and ``snapshot:<n> epochs`` for
outputs so long before the end of training. A strategy with ``snapshot:previous`` sees the other snapshots
that it asks for in the first cycle only, where no cycle was before; one without sees them in every cycle.
"""


def need_meaning(need: str) -> str | None:
    """Return what a word in ``needs`` means, or None for an unknown one.

    >>> need_meaning("snapshot:10 steps")
    'outputs 10 steps before the end of training'
    """
    if need.startswith("extra:") and need != "extra:":
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
    """What a model says of some items: row i of every field is item i.

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
        return present | {f"extra:{name}": tensor for name, tensor in self.extra.items()}

    @staticmethod
    def from_fields(fields: Mapping[str, Tensor]) -> Outputs:
        """Build outputs from what :meth:`fields` returned."""
        own = {name: tensor for name, tensor in fields.items() if not name.startswith("extra:")}
        extra = {name.removeprefix("extra:"): t for name, t in fields.items() if name.startswith("extra:")}
        return Outputs(**own, extra=extra)

    def rows(self, rows: Int[Tensor, " rows"]) -> Outputs:
        """Return the outputs of these rows, in this order."""
        return Outputs.from_fields({name: tensor[rows] for name, tensor in self.fields().items()})

    def __len__(self) -> int:
        sizes = {len(tensor) for tensor in self.fields().values()}
        if len(sizes) > 1:
            shapes = {name: tuple(t.shape) for name, t in self.fields().items()}
            raise ValueError(f"every field of Outputs must have as many rows, but the shapes are {shapes}")
        return sizes.pop() if sizes else 0


@dataclass(frozen=True, eq=False)
class PoolView:
    """All that a strategy may see of a campaign, in rows.

    Attributes:
        size: N, the number of unlabelled candidates.
        pool: The present model's outputs on the candidates.
        snapshots: Outputs of earlier states of the model on the same rows, newest first.
        labelled: The present model's outputs on the labelled items.
        labels: (L,) labels of the labelled items.
        snapshot_names: What each of the snapshots is: ``"previous"`` for the end of the previous cycle, or a
            word of :class:`~nextlabel.snapshots.Moment`; empty where nobody said, as with one's own arrays.
        output: The field that answers the campaign's task, which the need ``output`` means; None where nobody
            said.
    """

    size: int
    pool: Outputs
    snapshots: Sequence[Outputs] = ()
    labelled: Outputs = field(default_factory=Outputs)
    labels: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    snapshot_names: Sequence[str] = ()
    output: str | None = None

    def answer(self, outputs: Outputs) -> Tensor:
        """Return (N, K, ...) what answers the task in these outputs, of the pool or of a snapshot."""
        return outputs.fields()[self.output or "log_probs"]


@runtime_checkable
class Scorer(Protocol):
    """Scores every candidate; the batch is the highest scores, and ties are drawn by the seed.

    ``name`` and ``needs`` may be class attributes, fields or properties. The other parameters of the class
    are its options. A campaign records them, so each must be JSON, kept in an attribute of its name.
    """

    @property
    def name(self) -> str:
        """The name in the registry, snake_case of the paper's name."""

    @property
    def needs(self) -> frozenset[str]:
        """What the view must hold: words of :data:`NEEDS`, or ``extra:NAME``."""

    def score(self, view: PoolView, *, rng: torch.Generator) -> Float[Tensor, " items"]:
        """Return (N,) finite scores; higher = query first."""


@runtime_checkable
class Strategy(Protocol):
    """Chooses a batch as a whole; pure: it never trains, loads, prints or falls back.

    Its name, needs and options are as those of a :class:`Scorer`.
    """

    @property
    def name(self) -> str:
        """The name in the registry, snake_case of the paper's name."""

    @property
    def needs(self) -> frozenset[str]:
        """What the view must hold: words of :data:`NEEDS`, or ``extra:NAME``."""

    def select(self, view: PoolView, batch_size: int, *, rng: torch.Generator) -> Int[Tensor, " batch"]:
        """Return ``batch_size`` distinct rows, best first."""


@runtime_checkable
class Learner(Protocol):
    """A model that can be trained and asked; these two methods are all that one's own model needs.

    The other members have defaults, which a class inherits that subclasses this one; a campaign gives them to
    any other object with the two methods.

    Attributes:
        progress: Set by a campaign before ``fit``, which may call it with ``"fit"``, the steps done and all.
        warm_start: Whether a fit goes on from what the last one left; a campaign first loads that into a
            learner that is :class:`Restorable`, and resets one that begins with new weights.
    """

    progress: Progress | None = None
    warm_start: bool = True

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

        Targets are (L,) class indices or numbers, or a sequence of masks, read one by one.
        The same arguments must give the same model. ``workdir`` exists and is this cycle's own folder: what
        is kept there survives a kill, and a learner that finds its own unfinished work there continues it.
        """

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return the outputs of the pool's items, in the pool's order, with every field in ``needs``.

        ``needs`` holds names of :class:`Outputs` fields: ``log_probs``, ``values``, ``embeddings``,
        ``extra:NAME``.
        """


@runtime_checkable
class Restorable(Protocol):
    """A learner that can become again what an earlier ``fit`` left in a folder.

    With it, a killed campaign does not train again, warm starts survive a restart, and snapshots of earlier
    snapshots can be scanned.
    """

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Become the model that ``fit`` left in ``workdir``.

        Args:
            workdir: The folder that was given to ``fit``.
            snapshot: A word of :class:`~nextlabel.snapshots.Moment`: the ``"end"`` of that training, the
                ``"initial"`` weights that it began with, an ``"untrained"`` network, the ``"ema"`` of its
                weights, or ``"10 steps"``, one ``"epoch"``, ... before the end.

        Raises:
            MissingStateError: The folder holds no such state; a campaign then makes it again.
            DataError: The state is damaged or cannot be read.
            ConfigurationError: It is whole, but of another model.
        """

    def reset(self) -> None:
        """Forget every training: the next ``fit`` starts as if it were the first."""


@runtime_checkable
class Wrapper(Protocol):
    """A learner around another one, whose accuracy is reported."""

    @property
    def main(self) -> Learner:
        """The learner inside."""


@runtime_checkable
class AugmentedScoring(Protocol):
    """A learner that can score candidates as training draws them, augmented."""

    @property
    def score_augmented(self) -> bool:
        """Whether candidates are to be scored so."""

    def predict_augmented(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return what :meth:`Learner.predict` does, of items augmented by draws from seed and items alone."""


@runtime_checkable
class Streaming(Protocol):
    """A learner whose outputs are not kept whole, such as the maps of segmentation."""

    def stream(self, x: Pool, *, seed: int) -> Iterator[Tensor]:
        """Yield (B, ...) raw outputs batch by batch, in the pool's order."""


@dataclass(frozen=True, eq=False)
class Forward:
    """One forward pass of a network over B items.

    Attributes:
        outputs: (B, C) raw outputs.
        embeddings: (B, D) features of the layer before the head, where they were wanted and can be had.
        stages: The features after each stage, the first stage first, each (B, channels, height, width) or (B,
            D), where they were wanted.
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
    """The training loss: the base of every objective, whose members but :meth:`forward` have defaults.

    One instance serves one fit. Its parameters (a second head) train with the model's, its buffers and frozen
    sub-modules (an EMA teacher) travel in the checkpoint, and a warm start carries them on.

    Attributes:
        task: The name of the only task that it is for, or None for every task.
        uses_unlabelled: Whether it wants an unlabelled batch at every step.
        uses_embeddings: Whether the network's passes shall give embeddings.
        uses_stages: Whether they shall give the features after each stage.
        uses_fresh_network: Whether it is given an unrelated, untrained network by :meth:`take_fresh`.
        extra_fields: The names of the fields of :class:`Outputs.extra` that :meth:`extra` gives.
    """

    task: str | None = None
    uses_unlabelled: bool = False
    uses_embeddings: bool = True
    uses_stages: bool = False
    uses_fresh_network: bool = False
    extra_fields: frozenset[str] = frozenset()

    def forward(
        self, model: Network, x: Tensor, y: Tensor, unlabelled: Tensor | None, *, step: int
    ) -> Losses:
        """Return the losses of one step; forward passes are made here."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def inputs(self, x: Tensor) -> Tensor:
        """Return what the network takes of a batch that holds more than inputs."""
        return x

    def take_fresh(self, network: Network) -> None:
        """Take the unrelated network; called before :meth:`bind`, in the first fit only."""

    def bind(self, model: Network, example: Forward) -> None:
        """Build what depends on the model; called once, before the first step."""

    def begin(self, total_steps: int) -> None:
        """Take the steps of this fit; called before its first step, and again where it is continued."""

    def after_step(self, model: Network) -> None:
        """Follow the model after an optimiser step (an EMA teacher does)."""

    def unscheduled(self) -> tuple[nn.Parameter, ...]:
        """Return those of its parameters whose learning rate does not follow the schedule."""
        return ()

    def extra(self, model: Network, x: Tensor) -> Mapping[str, Tensor]:
        """Return each extra field, (B, ...), for a batch; called in evaluation mode, without gradients."""
        return {}
