"""Statistics of learning curves: how much better a strategy is than another, and how certain that is.

Curves are accuracies over label counts. Seeds pair the strategies, because one seed gives each of them the
same initial set, initial weights and data order. Loads no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from nextlabel.errors import DataError

__all__ = [
    "Interval",
    "LabelsSaved",
    "PairedDifference",
    "area_under_curve",
    "holm",
    "isotonic",
    "labels_saved",
    "mean_interval",
    "paired_difference",
]

Floats: TypeAlias = NDArray[np.float64]

FEWEST_PAIRS = 3
"""Fractions of a few hundred test items lie on a lattice, so two equal differences are not rare; a t-test
would take them for certainty."""


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        mean: The arithmetic mean, in the unit of the values.
        half_width: Half the width of the interval, in the same unit; None for one value.
        n: Number of values.
    """

    mean: float
    half_width: float | None
    n: int

    @property
    def low(self) -> float | None:
        """The lower end, or None for one value."""
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        """The upper end, or None for one value."""
        return None if self.half_width is None else self.mean + self.half_width

    def scaled(self, factor: float) -> Interval:
        """Return the interval in another unit."""
        half_width = None if self.half_width is None else factor * self.half_width
        return Interval(factor * self.mean, half_width, self.n)


@dataclass(frozen=True)
class PairedDifference:
    """The mean difference of paired values, and the evidence that it is not zero.

    Attributes:
        interval: The mean of ``first - second`` with its confidence interval.
        p: Two-sided p-value of the paired t-test, in [0, 1]; None with fewer than three pairs.
    """

    interval: Interval
    p: float | None


@dataclass(frozen=True)
class LabelsSaved:
    """How many labels random needs compared with a strategy.

    Attributes:
        ratio: Labels that random needs / labels that the strategy needs; above 1 the strategy saves labels.
            Where ``censored``, the true ratio is below this number.
        censored: Whether the strategy never reached random's final accuracy.
        random_labels: Labels at which random's isotonic mean curve first reaches its final accuracy.
        strategy_labels: Labels at which the strategy's reaches it; where ``censored``, its last label count.
        target: Random's final accuracy on its isotonic mean curve.
    """

    ratio: float
    censored: bool
    random_labels: float
    strategy_labels: float
    target: float


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Return the mean and its Student t-interval: mean ± t((1 + level) / 2, n - 1) · s / √n.

    s is the standard deviation with n - 1 in the denominator. The interval of coverage ``level`` assumes
    independent, roughly normal values, as (n,) accuracies over seeds are.

    Raises:
        DataError: There is no value, or one is not finite.
    """
    numbers = _finite(values, "values")
    n = len(numbers)
    if n == 1:
        return Interval(float(numbers[0]), None, 1)
    t = float(stdtrit(n - 1, (1 + level) / 2))
    return Interval(float(numbers.mean()), t * float(numbers.std(ddof=1)) / n**0.5, n)


def area_under_curve(n_labelled: ArrayLike, accuracy: ArrayLike) -> float:
    """Return the area under the learning curve over its range of labels (AUBC): its mean height.

    AUBC = Σ_i (n_{i+1} - n_i) (a_i + a_{i+1}) / 2 / (n_P - n_1): the trapezoid rule on the curve's (P,) label
    counts, strictly increasing, and (P,) accuracies. The unit is that of the accuracies.

    Raises:
        DataError: There are fewer than two points, the counts do not increase, or a number is not finite.
    """
    counts, heights = _curve(n_labelled, accuracy, "the curve")
    if len(counts) < 2:
        raise DataError("an area needs a curve of at least two points, got one; run at least two cycles")
    widths = np.diff(counts)
    return float((widths * (heights[1:] + heights[:-1]) / 2).sum() / widths.sum())


def isotonic(accuracy: ArrayLike) -> Floats:
    """Return the (P,) isotonic regression of (P,) accuracies: the nearest non-decreasing curve in squares.

    Raises:
        DataError: There is no point, or one is not finite.
    """
    from sklearn.isotonic import isotonic_regression  # scipy has it from 1.12 only

    return np.asarray(isotonic_regression(_finite(accuracy, "accuracies")), dtype=np.float64)


def labels_saved(
    strategy_labels: ArrayLike,
    strategy_accuracy: ArrayLike,
    random_labels: ArrayLike,
    random_accuracy: ArrayLike,
) -> LabelsSaved:
    """Return how many times as many labels random needs as the strategy to reach random's final accuracy.

    Both mean curves are made non-decreasing (:func:`isotonic`); the target is the last point of random's. The
    labels needed are the fewest at which a curve, linear between points, reaches the target, including the
    initial set. If the strategy reaches it at its first point, the ratio is a lower bound. If it ends below
    the target, it is censored: random's labels / its own last count is then an upper bound of the ratio.

    A curve has (P,) label counts, strictly increasing, and (P,) mean accuracies over seeds.

    Raises:
        DataError: A curve is empty, its counts do not increase, or a number is not finite.
    """
    counts, heights = _curve(strategy_labels, strategy_accuracy, "the strategy's curve")
    random_counts, random_heights = _curve(random_labels, random_accuracy, "random's curve")
    rising = isotonic(random_heights)
    target = float(rising[-1])
    needed_by_random = _first_reached(random_counts, rising, target)
    needed = _first_reached(counts, isotonic(heights), target)
    assert needed_by_random is not None, "a curve reaches its own last point"
    spent = float(counts[-1]) if needed is None else needed
    return LabelsSaved(needed_by_random / spent, needed is None, needed_by_random, spent, target)


def paired_difference(first: ArrayLike, second: ArrayLike) -> PairedDifference:
    """Return the mean of ``first - second`` with its 95 % t-interval and the p-value of the paired t-test.

    t = d̄ / (s_d / √n) on the n differences d, two-sided against Student's t with n - 1 degrees of freedom.
    Equal differences have s_d = 0: p is then its limit, 0, or 1 where all are zero. Both arguments are (S,)
    values of the same seeds in the same order.

    Raises:
        DataError: The lengths differ, there is no pair, or a number is not finite.
    """
    a, b = _finite(first, "first values"), _finite(second, "second values")
    if len(a) != len(b):
        raise DataError(f"paired values must be equally many, got {len(a)} and {len(b)}; pair them by seed")
    interval = mean_interval(a - b)
    if interval.half_width is None or interval.n < FEWEST_PAIRS:
        return PairedDifference(interval, None)
    if interval.half_width == 0:
        return PairedDifference(interval, 1.0 if interval.mean == 0 else 0.0)
    error = float((a - b).std(ddof=1)) / interval.n**0.5
    return PairedDifference(interval, float(2 * stdtr(interval.n - 1, -abs(interval.mean) / error)))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values adjusted for their number, in the given order.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
    1979. With p_(1) <= ... <= p_(m), adjusted p_(i) = max over j <= i of min(1, (m - j + 1) p_(j)): rejecting
    those below α keeps the probability of any false rejection among the m below α.

    Raises:
        DataError: A p-value is not in [0, 1].

    >>> holm([0.04, 0.01])
    (0.04, 0.02)
    """
    m = len(p_values)
    for number, p in enumerate(p_values, 1):
        if not 0 <= p <= 1:
            raise DataError(f"p-values must lie in [0, 1], number {number} of {m} is {p}; give probabilities")
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    values[order] = np.maximum.accumulate(np.minimum(1.0, (m - np.arange(m)) * values[order]))
    return tuple(values.tolist())


def _first_reached(counts: Floats, rising: Floats, target: float) -> float | None:
    """Return the lowest count at which the non-decreasing curve reaches the target, or None."""
    reached = np.flatnonzero(rising >= target - 1e-12)  # means of equal accuracies may differ in the last bit
    if len(reached) == 0:
        return None
    i = int(reached[0])
    if i == 0:
        return float(counts[0])
    fraction = min(1.0, (target - rising[i - 1]) / (rising[i] - rising[i - 1]))
    return float(counts[i - 1] + fraction * (counts[i] - counts[i - 1]))


def _curve(n_labelled: ArrayLike, accuracy: ArrayLike, name: str) -> tuple[Floats, Floats]:
    counts = _finite(n_labelled, f"label counts of {name}")
    heights = _finite(accuracy, f"accuracies of {name}")
    if len(counts) != len(heights):
        raise DataError(f"{name} must have an accuracy per label count, got {len(heights)} for {len(counts)}")
    if (np.diff(counts) <= 0).any():
        raise DataError(f"the label counts of {name} must increase, got {counts.tolist()}; sort them")
    return counts, heights


def _finite(values: ArrayLike, name: str) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) == 0:
        raise DataError(f"{name} must be a non-empty list, got shape {numbers.shape}")
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        first = wrong[0]
        raise DataError(f"{name} must be finite, number {first + 1} of {len(numbers)} is {numbers[first]}")
    return numbers
