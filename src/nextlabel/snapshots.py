"""The snapshots of a training run that can be kept and looked at again, and the words for them.

Parsed here once, so that strategies, learners and configurations mean the same by one word. Knows no training
and no tensors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from nextlabel.errors import ConfigurationError, nearest

__all__ = ["SNAPSHOT", "Snapshot", "kept_snapshots", "snapshots_in_view"]

SNAPSHOT = "snapshot:"
"""What a need for the outputs at a snapshot begins with."""

Kind: TypeAlias = Literal["end", "initial", "untrained", "ema", "step", "epoch"]

_MEANINGS: dict[Kind, str] = {
    "end": "at the end of training",
    "initial": "under the weights that this cycle's training began with",
    "untrained": "under the weights of a fresh, unrelated network",
    "ema": "under the exponential moving average of the weights of this training",
}

_ORDER: tuple[Kind, ...] = ("end", "ema", "step", "epoch", "initial", "untrained")

_GAP = re.compile(r"([1-9][0-9]*) (step|epoch)s")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of one training.

    Attributes:
        kind: ``end``; ``initial``, the weights that this fit began with; ``untrained``, a fresh network under
            an unrelated seed; ``ema``, the moving average of the weights, at the end; ``step`` and ``epoch``,
            so long before the end.
        count: How many steps or epochs before the end, at least 1; 0 for the other kinds.

    >>> Moment.parse("10 steps")
    Moment(kind='step', count=10)
    >>> Moment.parse("1 epochs").name
    'epoch'
    """

    kind: Kind
    count: int = 0

    @staticmethod
    def parse(word: str) -> Snapshot:
        """Return the snapshot that a word means.

        Args:
            word: ``"end"``, ``"initial"``, ``"untrained"``, ``"ema"``, ``"step"``, ``"epoch"``, ``"<n>
                steps"`` or ``"<n> epochs"``.

        Raises:
            ConfigurationError: The word means none.
        """
        for kind in _ORDER:
            if word == kind:
                return Snapshot(kind, 1 if kind in ("step", "epoch") else 0)
        gap = _GAP.fullmatch(word) if isinstance(word, str) else None
        if gap is not None:
            return Snapshot("step" if gap[2] == "step" else "epoch", int(gap[1]))
        hint = nearest(str(word), [*_ORDER, "10 steps", "10 epochs"])
        guess = f"; did you mean '{hint}'?" if hint else ""
        raise ConfigurationError(
            "a snapshot of a training run must be 'end', 'initial', 'untrained', 'ema', 'step', 'epoch', "
            f"'<n> steps' or '<n> epochs', but is {word!r}{guess}"
        )

    @property
    def name(self) -> str:
        """The one word for it: ``"10 steps"``, ``"epoch"``, ``"initial"``."""
        return f"{self.count} {self.kind}s" if self.count > 1 else self.kind

    @property
    def stem(self) -> str:
        """The word as part of a file's name: ``"10-steps"``."""
        return self.name.replace(" ", "-")

    @property
    def meaning(self) -> str:
        """What outputs at this moment are, to end the phrase *outputs ...*."""
        if self.kind in ("step", "epoch"):
            gap = f"{self.count} {self.kind}s" if self.count > 1 else f"one {self.kind}"
            return f"{gap} before the end of training"
        return _MEANINGS[self.kind]

    @property
    def age(self) -> tuple[int, int]:
        """Sort key, newest first: end, ema, steps, epochs, initial, untrained; of gaps the shorter first.

        Steps come before epochs whatever their numbers, for the steps of an epoch depend on the data.
        """
        return _ORDER.index(self.kind), self.count


def kept_snapshots(needs: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the snapshots that these needs ask a training run to keep, newest first.

    >>> kept_snapshots({"log_probs", "snapshot:initial", "snapshot:previous", "snapshot:10 steps"})
    ('10 steps', 'initial')
    """
    words = {need.removeprefix(SNAPSHOT) for need in needs if need.startswith(SNAPSHOT)} - {"previous"}
    return tuple(
        snapshot.name for snapshot in sorted({*map(Snapshot.parse, words)}, key=lambda snapshot: snapshot.age)
    )


def snapshots_in_view(needs: Iterable[str], *, first_cycle: bool) -> tuple[str, ...]:
    """Return what the snapshots of a strategy's view are, in their order.

    With ``snapshot:previous`` among the needs, the other snapshots stand in for it in the first cycle, and
    from the second cycle on it is alone. Without it, the snapshots of the present training come in every
    cycle.

    Args:
        needs: What the strategy declares.
        first_cycle: Whether no cycle was before this one.

    Returns:
        ``("previous",)``, or the names of snapshots, newest first as :attr:`Moment.age` sorts them.
    """
    needs = frozenset(needs)
    if f"{SNAPSHOT}previous" in needs and not first_cycle:
        return ("previous",)
    return kept_snapshots(needs)
