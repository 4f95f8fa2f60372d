"""What a check of the theorem found, as plain numbers and strings. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Check", "Measurement", "Verdict"]

Verdict: TypeAlias = Literal["holds exactly", "holds to first order", "does not hold", "void"]
"""What becomes of a claim. ``void``: the published evidence measures something else."""


@dataclass(frozen=True)
class Measurement:
    """One row of what was measured.

    Attributes:
        setting: Under what, e.g. ``{"eta": 0.01, "steps": 20}``.
        values: What was found, by name.
    """

    setting: Mapping[str, float | str]
    values: Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """A claim put next to numbers.

    Attributes:
        number: 1 to 10 are about the theorem and its evidence; from 11 on a premise is broken on purpose, and
            from 15 on the loss is another one.
        title: What is looked at, in a few words.
        claim: What is claimed.
        finding: What was found, with its numbers, in one sentence.
        expected: The range that makes ``as_expected``, in words.
        source: Where the expectation comes from.
        verdict: What becomes of the claim.
        as_expected: Whether every number lies in its range.
        measured: The rows behind the finding.
        samples: Single samples for a figure, by name; equally long where they belong together.
    """

    number: int
    title: str
    claim: str
    finding: str
    expected: str
    source: str
    verdict: Verdict
    as_expected: bool
    measured: tuple[Measurement, ...]
    samples: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
