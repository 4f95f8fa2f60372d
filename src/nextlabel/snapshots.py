"""The names of the snapshots of a training run, the same for strategies, learners and configurations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from nextlabel.errors import ConfigurationError, did_you_mean

__all__ = ["SNAPSHOT", "Snapshot", "kept_snapshots", "snapshots_in_view"]

SNAPSHOT = "snapshot:"
"""The prefix of needs for the outputs at a snapshot."""

SnapshotKind: TypeAlias = Literal["end", "ema", "step", "epoch", "initial", "untrained"]

_MEANINGS: dict[SnapshotKind, str] = {
    "end": "at the end of training",
    "ema": "under the exponential moving average of the weights of this training run",
    "step": "one step before the end of training",
    "epoch": "one epoch before the end of training",
    "initial": "under the weights that this cycle's training began with",
    "untrained": "under the weights of a fresh, unrelated network",
}
"""What outputs at a snapshot are, newest snapshot first."""

_GAP = re.compile(r"([1-9][0-9]*) (step|epoch)s")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of one training run.

    Attributes:
        kind: ``end``; ``initial``, the weights that this fit began with; ``untrained``, a fresh network under
            an unrelated seed; ``ema``, the moving average of the weights, at the end; ``step`` and ``epoch``,
            ``count`` of them before the end.
        count: The number of steps or epochs, at least 1; 0 for the other kinds.

    >>> Snapshot.parse("10 steps"), Snapshot.parse("1 epochs").name
    (Snapshot(kind='step', count=10), 'epoch')
    """

    kind: SnapshotKind
    count: int = 0

    @staticmethod
    def parse(name: str) -> Snapshot:
        """Return the snapshot of this name: a kind, ``"<n> steps"`` or ``"<n> epochs"``.

        Raises:
            ConfigurationError: There is no such snapshot.
        """
        for kind in _MEANINGS:
            if name == kind:
                return Snapshot(kind, 1 if kind in ("step", "epoch") else 0)
        if gap := _GAP.fullmatch(name) if isinstance(name, str) else None:
            return Snapshot("step" if gap[2] == "step" else "epoch", int(gap[1]))
        guess = did_you_mean(name, [*_MEANINGS, "10 steps", "10 epochs"])
        raise ConfigurationError(
            "a snapshot of a training run must be 'end', 'initial', 'untrained', 'ema', 'step', 'epoch', "
            f"'<n> steps' or '<n> epochs', got {name!r}{guess}"
        )

    @property
    def name(self) -> str:
        """Its one name: ``"10 steps"``, ``"epoch"``, ``"initial"``."""
        return f"{self.count} {self.kind}s" if self.count > 1 else self.kind

    @property
    def stem(self) -> str:
        """The name as part of a file's name: ``"10-steps"``."""
        return self.name.replace(" ", "-")

    @property
    def meaning(self) -> str:
        """What outputs at this snapshot are, to end the phrase *outputs ...*."""
        return f"{self.name} before the end of training" if self.count > 1 else _MEANINGS[self.kind]


def kept_snapshots(needs: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the snapshots that these needs ask a training run to keep, newest first.

    The order is ema, steps, epochs, initial, untrained, shorter gaps first. Steps precede epochs whatever
    their numbers, because the steps of an epoch depend on the data.

    >>> kept_snapshots({"log_probs", "snapshot:initial", "snapshot:previous", "snapshot:10 steps"})
    ('10 steps', 'initial')
    """
    names = {need.removeprefix(SNAPSHOT) for need in needs if need.startswith(SNAPSHOT)} - {"previous"}
    order = list(_MEANINGS)
    newest_first = sorted({*map(Snapshot.parse, names)}, key=lambda one: (order.index(one.kind), one.count))
    return tuple(snapshot.name for snapshot in newest_first)


def snapshots_in_view(needs: Iterable[str], *, first_cycle: bool) -> tuple[str, ...]:
    """Return the names of the snapshots in a strategy's view, newest first.

    With ``snapshot:previous`` among the needs, the view has the previous cycle's alone; in the first cycle
    the other snapshots replace it. Without it, the view has the snapshots of the current training run in
    every cycle.
    """
    needs = frozenset(needs)
    return ("previous",) if SNAPSHOT + "previous" in needs and not first_cycle else kept_snapshots(needs)
