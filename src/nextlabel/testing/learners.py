"""The conformance suite of learners: what every learner has to keep, whatever its model.

For one's own learner, under pytest::

    @pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
    def test_conforms(check, tmp_path):
        check(lambda: MyLearner(epochs=2), tmp_path)

A check takes a function that makes a fresh learner, an empty folder and, where the learner cannot use the
points of :func:`example_data`, data that it can; it raises ``AssertionError`` with one sentence. A check fits
at most twice, so a learner with few epochs keeps the suite quick. Knows no particular learner, and not
whether it learns well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from nextlabel.adapters import as_learner
from nextlabel.pool import Pool
from nextlabel.testing.random_state import global_random_state_untouched
from nextlabel.types import Learner, Outputs, Restorable

__all__ = ["LEARNER_CHECKS", "LearnerCheck", "LearnerData", "MakeLearner", "check_learner", "example_data"]

MakeLearner: TypeAlias = Callable[[], Learner]


@dataclass(frozen=True)
class LearnerData:
    """Something to learn from.

    Attributes:
        x: The labelled pool.
        y: (L,) its labels.
        unlabelled: The other items, at least four.
        needs: The fields that the learner is asked for.
        tolerance: How far outputs may differ where only the batching of a forward pass does.
    """

    x: Pool
    y: Tensor
    unlabelled: Pool
    needs: frozenset[str] = field(default_factory=lambda: frozenset({"log_probs"}))
    tolerance: float = 1e-4


class LearnerCheck(Protocol):
    """One check; raises ``AssertionError`` in one sentence."""

    __name__: str

    def __call__(self, make: MakeLearner, folder: Path, data: LearnerData | None = None) -> None:
        """Check the learner that ``make`` makes, in this empty folder."""


def example_data(needs: frozenset[str] = frozenset({"log_probs"})) -> LearnerData:
    """Return 24 labelled and 13 unlabelled points of three clusters in eight dimensions, always the same."""
    rng = torch.Generator().manual_seed(20220613)
    y = torch.arange(37) % 3
    points = torch.randn(37, 8, generator=rng) + 3 * torch.nn.functional.one_hot(y, 8)
    pool = Pool(points, ids=[f"point-{row:02d}" for row in range(37)])
    return LearnerData(x=pool.slice(0, 24), y=y[:24], unlabelled=pool.slice(24, 37), needs=needs)


def check_fit_returns_finite_metrics(
    make: MakeLearner, folder: Path, data: LearnerData | None = None
) -> None:
    """``fit`` returns finite numbers by name."""
    data = data or example_data()
    metrics = make().fit(data.x, data.y, data.unlabelled, seed=1, workdir=_made(folder / "fit"))
    assert isinstance(metrics, Mapping), f"fit must return a mapping of metrics, but returned {metrics!r}"
    for name, value in metrics.items():
        assert isinstance(value, (int, float)), f"metric '{name}' must be a number, but is {value!r}"
        assert math.isfinite(value), f"metric '{name}' must be finite, but is {value}"


def check_gives_every_field_asked_for(
    make: MakeLearner, folder: Path, data: LearnerData | None = None
) -> None:
    """``predict`` gives every field in ``needs``, one finite floating-point row per item, on the CPU."""
    data = data or example_data()
    outputs = _predicted(_fitted(make, folder, data), data.unlabelled, data)
    for name, tensor in outputs.fields().items():
        assert len(tensor) == len(data.unlabelled), (
            f"predict must return one row per item, but {name} has {len(tensor)} for {len(data.unlabelled)}"
        )
        axes = {"log_probs": 3, "values": 3, "embeddings": 2}.get(name, tensor.ndim)
        assert tensor.ndim == axes, f"{name} must have {axes} axes, but has shape {tuple(tensor.shape)}"
        assert tensor.device.type == "cpu", f"{name} must be on the CPU, but is on {tensor.device}"
        assert bool(torch.isfinite(tensor).all()), f"{name} must be finite, but is not everywhere"


def check_progress_reaches_its_whole(
    make: MakeLearner, folder: Path, data: LearnerData | None = None
) -> None:
    """Where ``fit`` reports its progress, the work done only grows and ends at the whole."""
    data = data or example_data()
    reports: list[tuple[str, int, int]] = []
    learner = as_learner(make())
    learner.progress = lambda phase, done, total: reports.append((phase, done, total))
    learner.fit(data.x, data.y, data.unlabelled, seed=1, workdir=_made(folder))
    done = [report[1] for report in reports]
    assert done == sorted(done), f"progress must not go back, but the work done was {done}"
    if reports:
        assert done[-1] == reports[-1][2], f"progress must end at the whole, but the last was {reports[-1]}"


def check_log_probs_are_normalised(make: MakeLearner, folder: Path, data: LearnerData | None = None) -> None:
    """The probabilities behind ``log_probs`` sum to 1."""
    data = data or example_data()
    if "log_probs" not in data.needs:
        return
    log_probs = _predicted(_fitted(make, folder, data), data.unlabelled, data).log_probs
    assert log_probs is not None
    worst = torch.logsumexp(log_probs.double(), -1).abs().max().item()
    assert worst <= 1e-3, (
        f"probabilities must sum to 1, but the logarithm of a sum is {worst:.3g}; use log_softmax"
    )


def check_same_seed_gives_same_model(
    make: MakeLearner, folder: Path, data: LearnerData | None = None
) -> None:
    """Two fresh learners with the same arguments become the same model, to the last bit."""
    data = data or example_data()
    first = _predicted(_fitted(make, folder / "first", data), data.unlabelled, data)
    second = _predicted(_fitted(make, folder / "second", data), data.unlabelled, data)
    _assert_same(first, second, 0.0, "fit with the same arguments must give the same model")


def check_fitting_again_in_the_folder_changes_nothing(
    make: MakeLearner, folder: Path, data: LearnerData | None = None
) -> None:
    """A learner that finds its own work in the folder ends as the same model."""
    data = data or example_data()
    first = _predicted(_fitted(make, folder, data), data.unlabelled, data)
    second = _predicted(_fitted(make, folder, data), data.unlabelled, data)
    _assert_same(
        first, second, 0.0, "fit in a folder that holds the same training must end as the same model"
    )


def check_predicting_changes_nothing(
    make: MakeLearner, folder: Path, data: LearnerData | None = None
) -> None:
    """The same question gets the same answer."""
    data = data or example_data()
    learner = _fitted(make, folder, data)
    first = _predicted(learner, data.unlabelled, data)
    _assert_same(
        first, _predicted(learner, data.unlabelled, data), 0.0, "predict must answer the same question alike"
    )


def check_rows_follow_the_pool(make: MakeLearner, folder: Path, data: LearnerData | None = None) -> None:
    """Row i of the outputs is item i of the pool, in whatever order it comes."""
    data = data or example_data()
    learner = _fitted(make, folder, data)
    ids = data.unlabelled.ids
    order = [*range(3, len(ids)), 0, 1, 2][::-1]
    expected = _predicted(learner, data.unlabelled, data).rows(torch.tensor(order))
    moved = _predicted(learner, data.unlabelled.subset([ids[row] for row in order]), data)
    _assert_same(moved, expected, data.tolerance, "row i of the outputs must be item i of the pool")


def check_chunks_equal_the_whole(make: MakeLearner, folder: Path, data: LearnerData | None = None) -> None:
    """A pool asked in parts gives what it gives at once."""
    data = data or example_data()
    learner = _fitted(make, folder, data)
    whole = _predicted(learner, data.unlabelled, data)
    cuts = [0, 1, len(data.unlabelled) // 2, len(data.unlabelled)]
    parts = [
        _predicted(learner, data.unlabelled.slice(start, stop), data).fields()
        for start, stop in pairwise(cuts)
    ]
    joined = Outputs.from_fields({name: torch.cat([part[name] for part in parts]) for name in parts[0]})
    _assert_same(joined, whole, data.tolerance, "a pool asked in parts must give what it gives at once")


def check_leaves_global_random_state_alone(
    make: MakeLearner, folder: Path, data: LearnerData | None = None
) -> None:
    """Making, fitting and predicting draw from no global generator."""
    data = data or example_data()
    with global_random_state_untouched("the learner"):
        _predicted(_fitted(make, folder, data), data.unlabelled, data)


def check_load_restores_the_model(make: MakeLearner, folder: Path, data: LearnerData | None = None) -> None:
    """Where the learner can load, a fresh one becomes what ``fit`` left in the folder."""
    data = data or example_data()
    learner = _fitted(make, folder, data)
    fresh = make()
    if not isinstance(fresh, Restorable):
        return
    fresh.load(folder)
    _assert_same(
        _predicted(fresh, data.unlabelled, data),
        _predicted(learner, data.unlabelled, data),
        0.0,
        "load must restore the model that fit left in the folder",
    )


def check_reset_forgets_every_training(
    make: MakeLearner, folder: Path, data: LearnerData | None = None
) -> None:
    """Where the learner can reset, its next ``fit`` is as if it were the first."""
    data = data or example_data()
    learner = _fitted(make, folder / "first", data)
    first = _predicted(learner, data.unlabelled, data)
    if not isinstance(learner, Restorable):
        return
    learner.reset()
    learner.fit(data.x, data.y, data.unlabelled, seed=1, workdir=_made(folder / "second"))
    again = _predicted(learner, data.unlabelled, data)
    _assert_same(again, first, 0.0, "a fit after reset must be as if it were the first")


LEARNER_CHECKS: tuple[LearnerCheck, ...] = (
    check_fit_returns_finite_metrics,
    check_gives_every_field_asked_for,
    check_progress_reaches_its_whole,
    check_log_probs_are_normalised,
    check_same_seed_gives_same_model,
    check_fitting_again_in_the_folder_changes_nothing,
    check_predicting_changes_nothing,
    check_rows_follow_the_pool,
    check_chunks_equal_the_whole,
    check_leaves_global_random_state_alone,
    check_load_restores_the_model,
    check_reset_forgets_every_training,
)
"""Every check, for ``pytest.mark.parametrize``."""


def check_learner(make: MakeLearner, folder: Path, data: LearnerData | None = None) -> None:
    """Run every check, each in a folder of its own below ``folder``.

    Raises:
        AssertionError: The first promise that is not kept, in one sentence.
    """
    for check in LEARNER_CHECKS:
        check(make, folder / check.__name__, data)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _fitted(make: MakeLearner, folder: Path, data: LearnerData) -> Learner:
    learner = as_learner(make())
    learner.fit(data.x, data.y, data.unlabelled, seed=1, workdir=_made(folder))
    return learner


def _predicted(learner: Learner, pool: Pool, data: LearnerData) -> Outputs:
    outputs = learner.predict(pool, needs=data.needs, seed=2)
    assert isinstance(outputs, Outputs), f"predict must return Outputs, but returned {type(outputs).__name__}"
    missing = sorted(data.needs - outputs.fields().keys())
    assert not missing, f"predict must give every field asked for, but lacks {missing}"
    return Outputs.from_fields({name: outputs.fields()[name] for name in sorted(data.needs)})


def _assert_same(first: Outputs, second: Outputs, tolerance: float, promise: str) -> None:
    for name, tensor in first.fields().items():
        other = second.fields()[name]
        assert tensor.shape == other.shape, (
            f"{promise}, but {name} is {tuple(tensor.shape)} and {tuple(other.shape)}"
        )
        apart = (tensor.double() - other.double()).abs().max().item()
        assert apart <= tolerance, f"{promise}, but {name} differs by {apart:.3g}"
