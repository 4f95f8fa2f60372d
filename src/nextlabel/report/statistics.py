"""Statistics of learning curves: what a strategy was worth, and how surely.

Curves are accuracies over counts of labels; seeds pair the strategies, for one seed gives each of them the
same start set, initial weights and data order. Knows nothing of runs, files or figures, and loads no torch.
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


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        mean: The arithmetic mean, in the unit of the values.
        half_width: Half the width of the interval, in the same unit; None where one value tells no spread.
        n: Number of values.
    """

    mean: float
    half_width: float | None
    n: int

    @property
    def low(self) -> float | None:
        """The lower end, or None where it is not known."""
        return None if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        """The upper end, or None where it is not known."""
        return None if self.half_width is None else self.mean + self.half_width


@dataclass(frozen=True)
class PairedDifference:
    """The mean difference of paired values and how surely it is not zero.

    Attributes:
        interval: The mean of ``first - second`` with its confidence interval.
        p: Two-sided p-value of the paired t-test, in [0, 1]; None with fewer than three pairs.
    """

    interval: Interval
    p: float | None


@dataclass(frozen=True)
class LabelsSaved:
    """How many labels random needs against a strategy.

    Attributes:
        ratio: Labels that random needs / labels that the strategy needs; above 1 the strategy saves labels.
            Where ``censored``, the true ratio is below this number.
        censored: Whether the strategy never reached random's final accuracy.
        random_labels: Labels at which random's isotonic mean curve first has its final accuracy.
        strategy_labels: Labels at which the strategy's has it; where ``censored``, the most it was given.
        target: Random's final accuracy on its isotonic mean curve.
    """

    ratio: float
    censored: bool
    random_labels: float
    strategy_labels: float
    target: float


FEWEST_PAIRS = 3
"""Fractions of a few hundred test items lie on a lattice, so two differences that are alike are no rare
event; a t-test would take them for certainty."""


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> Interval:
    """Return the mean and its Student t-interval: mean ± t((1 + level) / 2, n - 1) · s / √n.

    s is the standard deviation with n - 1 in the denominator. The interval presumes independent, about normal
    values, as accuracies over seeds are.

    Args:
        values: (S,) one value per seed.
        level: Coverage of the interval, in (0, 1).

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

    AUBC = Σ_i (n_{i+1} - n_i) (a_i + a_{i+1}) / 2 / (n_P - n_1): the trapezoid rule on the curve's P points.

    Args:
        n_labelled: (P,) counts of labels, strictly increasing.
        accuracy: (P,) accuracy at each count.

    Returns:
        The mean accuracy over the range, in the unit of ``accuracy``.

    Raises:
        DataError: There are fewer than two points, the counts do not increase, or a number is not finite.
    """
    counts, heights = _curve(n_labelled, accuracy, "the curve")
    if len(counts) < 2:
        raise DataError("an area needs a curve of at least two points, but got one; run at least two cycles")
    widths = np.diff(counts)
    return float((widths * (heights[1:] + heights[:-1]) / 2).sum() / widths.sum())


def isotonic(accuracy: ArrayLike) -> Floats:
    """Return the non-decreasing curve nearest to this one in squares (isotonic regression, equal weights).

    Args:
        accuracy: (P,) accuracies in order of labels.

    Returns:
        (P,) the fitted curve.

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
    """Return how many times the labels of the strategy random needs to reach random's final accuracy.

    Both mean curves are made non-decreasing (:func:`isotonic`); the target is the last point of random's. For
    each curve, the labels needed are the least n at which the curve, linear between points, has the target.
    A strategy that has it at its first point counts with that point, and the ratio is then a lower bound. One
    that ends below the target is censored: random's labels / its own last count is then an upper bound of the
    ratio. The start set counts as labels.

    Args:
        strategy_labels: (P,) counts of labels of the strategy, strictly increasing.
        strategy_accuracy: (P,) its mean accuracy over seeds.
        random_labels: (Q,) counts of labels of random, strictly increasing.
        random_accuracy: (Q,) its mean accuracy over seeds.

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


def paired_difference(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> PairedDifference:
    """Return the mean of ``first - second`` with its t-interval and the p-value of the paired t-test.

    t = d̄ / (s_d / √n) on the n differences d, two-sided against Student's t with n - 1 degrees of freedom.
    Differences that are all alike have s_d = 0: p is then its limit, 0, or 1 where all are zero.

    Args:
        first: (S,) one value per seed.
        second: (S,) values of the same seeds in the same order.
        level: Coverage of the interval, in (0, 1).

    Raises:
        DataError: The lengths differ, there is no pair, or a number is not finite.
    """
    a, b = _finite(first, "first values"), _finite(second, "second values")
    if len(a) != len(b):
        raise DataError(f"paired values need one of each a seed, but got {len(a)} and {len(b)}")
    interval = mean_interval(a - b, level=level)
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
    those below α keeps the randomness of any false rejection among the m below α.

    Raises:
        DataError: A p-value is not in [0, 1].

    >>> holm([0.04, 0.01])
    (0.04, 0.02)
    """
    for position, p in enumerate(p_values):
        if not 0 <= p <= 1:
            raise DataError(
                f"p-values must lie in [0, 1], but number {position + 1} of {len(p_values)} is {p}"
            )
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return tuple(adjusted)


def _first_reached(counts: Floats, rising: Floats, target: float) -> float | None:
    """Return the least count at which the non-decreasing curve has the target; None where it never has."""
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
        raise DataError(
            f"{name} needs one accuracy a label count, but has {len(heights)} for {len(counts)} counts"
        )
    if (np.diff(counts) <= 0).any():
        raise DataError(f"the label counts of {name} must increase, but are {counts.tolist()}")
    return counts, heights


def _finite(values: ArrayLike, name: str) -> Floats:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or len(numbers) == 0:
        raise DataError(f"expected a non-empty list of {name}, but got shape {numbers.shape}")
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        where = f"number {wrong[0] + 1} of {len(numbers)}"
        raise DataError(f"expected finite {name}, but {where} is {numbers[wrong[0]]}")
    return numbers
