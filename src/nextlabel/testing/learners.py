"""The conformance suite of learners: what every learner must guarantee, whatever its model.

For your own learner, under pytest::

    @pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
    def test_conforms(check, tmp_path):
        check(lambda: MyLearner(epochs=2), tmp_path)

A check takes a function that makes a fresh learner, an empty folder and, if the learner cannot use the points
of :func:`example_data`, data that it can use; it raises ``AssertionError`` with one sentence. A check fits at
most twice, so a learner with few epochs keeps the suite quick. The suite does not judge whether the learner
learns well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    """Data to learn from.

    Attributes:
        x: The labelled pool.
        y: (L,) its labels.
        unlabelled: The other items, at least four.
        needs: The fields that the learner must predict.
        tolerance: How far outputs may differ if only the batches of a forward pass do.
    """

    x: Pool
    y: Tensor
    unlabelled: Pool
    needs: frozenset[str] = frozenset({"log_probs"})
    tolerance: float = 1e-4


class LearnerCheck(Protocol):
    """One check; raises ``AssertionError`` with one sentence."""

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


@dataclass(frozen=True)
class _Trial:
    """What a check works with."""

    make: MakeLearner
    folder: Path
    data: LearnerData

    def fit(self, learner: Learner, name: str = "fit") -> Mapping[str, float]:
        workdir = self.folder / name
        workdir.mkdir(parents=True, exist_ok=True)
        return learner.fit(self.data.x, self.data.y, self.data.unlabelled, seed=1, workdir=workdir)

    def fitted(self, name: str = "fit") -> Learner:
        learner = as_learner(self.make())
        self.fit(learner, name)
        return learner

    def outputs(self, learner: Learner, pool: Pool | None = None) -> Outputs:
        needs = self.data.needs
        outputs = learner.predict(pool or self.data.unlabelled, needs=needs, seed=2)
        assert isinstance(outputs, Outputs), f"predict must return Outputs, got {type(outputs).__name__}"
        fields = outputs.fields()
        missing = sorted(needs - fields.keys())
        assert not missing, f"predict must return every field in needs, got none of {missing}"
        return Outputs.from_fields({name: fields[name] for name in sorted(needs)})


_CHECKS: list[LearnerCheck] = []


def _check(body: Callable[[_Trial], None]) -> LearnerCheck:
    def check(make: MakeLearner, folder: Path, data: LearnerData | None = None) -> None:
        body(_Trial(make, folder, data or example_data()))

    check.__name__, check.__qualname__, check.__doc__ = body.__name__, body.__qualname__, body.__doc__
    _CHECKS.append(check)
    return check


@_check
def check_fit_returns_finite_metrics(trial: _Trial) -> None:
    """``fit`` returns finite numbers by name."""
    metrics = trial.fit(trial.make())
    assert isinstance(metrics, Mapping), f"fit must return a mapping of metrics, got {metrics!r}"
    for name, value in metrics.items():
        assert isinstance(value, (int, float)), f"metric '{name}' must be a number, got {value!r}"
        assert math.isfinite(value), f"metric '{name}' must be finite, got {value}"


@_check
def check_predicts_every_needed_field(trial: _Trial) -> None:
    """``predict`` gives every field in ``needs``, one finite floating-point row per item, on the CPU."""
    size = len(trial.data.unlabelled)
    for name, tensor in trial.outputs(trial.fitted()).fields().items():
        assert len(tensor) == size, f"{name} must have one row per item, got {len(tensor)} for {size}"
        axes = {"log_probs": 3, "values": 3, "embeddings": 2}.get(name, tensor.ndim)
        assert tensor.ndim == axes, f"{name} must have {axes} axes, got shape {tuple(tensor.shape)}"
        assert tensor.device.type == "cpu", f"{name} must be on the CPU, got {tensor.device}"
        wrong = tensor[~torch.isfinite(tensor)]
        assert not len(wrong), f"{name} must be finite, got {wrong[0].item()}"


@_check
def check_progress_reaches_its_total(trial: _Trial) -> None:
    """If ``fit`` reports its progress, the work done never shrinks and ends at the total."""
    reports: list[tuple[str, int, int]] = []
    learner = as_learner(trial.make())
    learner.progress = lambda phase, done, total: reports.append((phase, done, total))
    trial.fit(learner)
    done = [report[1] for report in reports]
    assert done == sorted(done), f"progress must not go back, got {done}"
    if reports:
        assert done[-1] == reports[-1][2], f"progress must end at the total, got {reports[-1]}"


@_check
def check_log_probs_are_normalised(trial: _Trial) -> None:
    """The probabilities behind ``log_probs`` sum to 1."""
    if "log_probs" in trial.data.needs:
        log_probs = trial.outputs(trial.fitted()).fields()["log_probs"]
        worst = torch.logsumexp(log_probs.double(), -1).abs().max().item()
        assert worst <= 1e-3, f"log_probs must sum to 1 in exp, got exp({worst:.3g}); use log_softmax"


@_check
def check_same_seed_gives_same_model(trial: _Trial) -> None:
    """Two fresh learners with the same arguments become the same model, to the last bit."""
    first, second = trial.outputs(trial.fitted("first")), trial.outputs(trial.fitted("second"))
    _assert_same(first, second, "fit with the same arguments must give the same model")


@_check
def check_fitting_again_in_the_folder_changes_nothing(trial: _Trial) -> None:
    """A learner that finds its own work in the folder ends as the same model."""
    first, second = trial.outputs(trial.fitted()), trial.outputs(trial.fitted())
    _assert_same(first, second, "fit in a folder with the same training run must give the same model")


@_check
def check_predicting_changes_nothing(trial: _Trial) -> None:
    """The same items get the same outputs twice."""
    learner = trial.fitted()
    _assert_same(trial.outputs(learner), trial.outputs(learner), "predict must give the same outputs twice")


@_check
def check_rows_follow_the_pool(trial: _Trial) -> None:
    """Row i of the outputs is item i of the pool, whatever the order of the pool."""
    learner, pool = trial.fitted(), trial.data.unlabelled
    order = [*range(3, len(pool)), 0, 1, 2][::-1]
    expected = trial.outputs(learner).rows(torch.tensor(order))
    moved = trial.outputs(learner, pool.subset([pool.ids[row] for row in order]))
    _assert_same(moved, expected, "row i of the outputs must be item i of the pool", trial.data.tolerance)


@_check
def check_chunks_equal_the_whole(trial: _Trial) -> None:
    """A pool predicted in parts gives the same outputs as at once."""
    learner, pool = trial.fitted(), trial.data.unlabelled
    whole = trial.outputs(learner)
    cuts = [0, 1, len(pool) // 2, len(pool)]
    parts = [trial.outputs(learner, pool.slice(*cut)).fields() for cut in pairwise(cuts)]
    joined = Outputs.from_fields({name: torch.cat([part[name] for part in parts]) for name in parts[0]})
    _assert_same(joined, whole, "a pool in parts must give the outputs of the whole", trial.data.tolerance)


@_check
def check_leaves_global_random_state(trial: _Trial) -> None:
    """Making, fitting and predicting draw from no global generator."""
    with global_random_state_untouched("the learner"):
        trial.outputs(trial.fitted())


@_check
def check_load_restores_the_model(trial: _Trial) -> None:
    """If the learner can load, a fresh one becomes what ``fit`` left in the folder."""
    learner, fresh = trial.fitted(), trial.make()
    if isinstance(fresh, Restorable):
        fresh.load(trial.folder / "fit")
        promise = "load must restore the model that fit left in the folder"
        _assert_same(trial.outputs(fresh), trial.outputs(learner), promise)


@_check
def check_reset_forgets_every_fit(trial: _Trial) -> None:
    """If the learner can reset, the next ``fit`` starts from scratch."""
    learner = trial.fitted("first")
    first = trial.outputs(learner)
    if isinstance(learner, Restorable):
        learner.reset()
        trial.fit(learner, "second")
        _assert_same(trial.outputs(learner), first, "a fit after reset must start from scratch")


LEARNER_CHECKS: tuple[LearnerCheck, ...] = tuple(_CHECKS)
"""Every check, for ``pytest.mark.parametrize``."""


def check_learner(make: MakeLearner, folder: Path, data: LearnerData | None = None) -> None:
    """Run every check, each in its own folder below ``folder``.

    Raises:
        AssertionError: The first promise that is broken, in one sentence.
    """
    for check in LEARNER_CHECKS:
        check(make, folder / check.__name__, data)


def _assert_same(first: Outputs, second: Outputs, promise: str, tolerance: float = 0.0) -> None:
    for name, tensor in first.fields().items():
        other = second.fields()[name]
        shapes = tuple(tensor.shape), tuple(other.shape)
        assert shapes[0] == shapes[1], f"{promise}, got {name} of the shapes {shapes[0]} and {shapes[1]}"
        apart = (tensor.double() - other.double()).abs().max().item()
        assert apart <= tolerance, f"{promise}, got {name} that differs by {apart:.3g}"
