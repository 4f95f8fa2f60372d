"""Result of a check of the theorem, as plain numbers and strings. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Check", "Measurement", "Verdict"]

Verdict: TypeAlias = Literal["holds exactly", "holds to first order", "does not hold", "void"]
"""Verdict on a claim. ``void``: the published evidence measures something else."""


@dataclass(frozen=True)
class Measurement:
    """Values measured under one setting, such as ``{"eta": 0.01, "steps": 20}``."""

    setting: Mapping[str, float | str]
    values: Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """A claim, the numbers measured for it, and the verdict.

    Attributes:
        number: 1 to 10 test the theorem and its evidence, 11 to 14 break one premise each, 15 to 17 use other
            losses.
        title: Subject of the check, in a few words.
        claim: The statement under test.
        finding: One sentence with the measured numbers.
        expected: The ranges behind ``as_expected``, in words.
        source: Why these ranges are expected.
        verdict: The verdict on the claim.
        as_expected: Whether every number is in its range.
        measured: The rows behind the finding.
        samples: Coordinates of single samples for a figure, by name.
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
