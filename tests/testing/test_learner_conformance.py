"""The conformance suite of learners catches what breaks the contract, by the right check."""

import inspect
import itertools
import random

import numpy as np
import pytest
import torch

from nextlabel.errors import DataError
from nextlabel.seeds import derive
from nextlabel.testing import learners as suite
from nextlabel.testing.learners import LEARNER_CHECKS, check_learner, example_data
from nextlabel.types import Outputs

NEEDS = frozenset({"log_probs", "embeddings"})


class Centroids:
    """Log-probabilities by the distance to jittered class means: right, unless a subclass breaks it."""

    means: torch.Tensor | None = None

    def fit(self, x, y, unlabelled, *, seed, workdir):
        self.means = self.trained(x.tensor(), y, seed)
        torch.save(self.means, workdir / "means.pt")
        return {"spread": float(self.means.std())}

    def trained(self, points, y, seed):
        means = torch.stack([points[y == label].mean(0) for label in range(3)])
        rng = torch.Generator().manual_seed(derive(seed, "jitter"))
        return means + 0.01 * torch.randn(means.shape, generator=rng)

    def predict(self, x, *, needs, seed):
        points = x.tensor()
        return Outputs(log_probs=self.log_probs(points)[:, None], embeddings=points)

    def log_probs(self, points):
        return torch.log_softmax(-(points[:, None] - self.means).square().sum(-1), -1)

    def load(self, workdir, *, snapshot="end"):
        if snapshot != "end":
            raise DataError(f"only the end of a training run is kept, not '{snapshot}'")
        self.means = torch.load(workdir / "means.pt", weights_only=True)

    def reset(self):
        self.means = None


class InfiniteMetric(Centroids):
    def fit(self, x, y, unlabelled, *, seed, workdir):
        return {**super().fit(x, y, unlabelled, seed=seed, workdir=workdir), "loss": float("inf")}


class StopsHalfway(Centroids):
    def fit(self, x, y, unlabelled, *, seed, workdir):
        self.progress("fit", 1, 2)
        return super().fit(x, y, unlabelled, seed=seed, workdir=workdir)


class GoesBack(Centroids):
    def fit(self, x, y, unlabelled, *, seed, workdir):
        for done in (2, 1, 2):
            self.progress("fit", done, 2)
        return super().fit(x, y, unlabelled, seed=seed, workdir=workdir)


class ForgetsAField(Centroids):
    def predict(self, x, *, needs, seed):
        return Outputs(log_probs=super().predict(x, needs=needs, seed=seed).log_probs)


class DropsTheLastRow(Centroids):
    def predict(self, x, *, needs, seed):
        return super().predict(x, needs=needs, seed=seed).rows(torch.arange(len(x) - 1))


class WithoutDraws(Centroids):
    def predict(self, x, *, needs, seed):
        return Outputs(log_probs=self.log_probs(x.tensor()), embeddings=x.tensor())


class Logits(Centroids):
    def log_probs(self, points):
        return super().log_probs(points) + 1


class Unseeded(Centroids):
    count = itertools.count()

    def trained(self, points, y, seed):
        return super().trained(points, y, next(self.count))


class TrainsOn(Centroids):
    def trained(self, points, y, seed):
        return super().trained(points, y, seed) + self.offset

    def fit(self, x, y, unlabelled, *, seed, workdir):
        self.offset = float((workdir / "means.pt").exists())
        return super().fit(x, y, unlabelled, seed=seed, workdir=workdir)


class Drifts(Centroids):
    def predict(self, x, *, needs, seed):
        self.means = self.means + 0.01
        return super().predict(x, needs=needs, seed=seed)


class Sorts(Centroids):
    def predict(self, x, *, needs, seed):
        outputs = super().predict(x, needs=needs, seed=seed)
        return outputs.rows(outputs.embeddings[:, 0].argsort())


class NormalisesByBatch(Centroids):
    def log_probs(self, points):
        return super().log_probs(points - points.mean(0))


class SeedsTorch(Centroids):
    def trained(self, points, y, seed):
        torch.default_generator.manual_seed(seed)
        return super().trained(points, y, seed)


class DrawsFromNumpy(Centroids):
    def trained(self, points, y, seed):
        np.random.random()
        return super().trained(points, y, seed)


class ShufflesWithPython(Centroids):
    def predict(self, x, *, needs, seed):
        random.random()
        return super().predict(x, needs=needs, seed=seed)


class LoadsNothing(Centroids):
    def load(self, workdir, *, snapshot="end"):
        self.means = torch.zeros(3, 8)


class NeverForgets(Centroids):
    def trained(self, points, y, seed):
        fresh = super().trained(points, y, seed)
        return fresh if self.means is None else (fresh + 2 * self.means) / 2

    def reset(self):
        self.forgotten = True


BROKEN = [
    (InfiniteMetric, "check_fit_returns_finite_metrics"),
    (StopsHalfway, "check_progress_reaches_its_total"),
    (GoesBack, "check_progress_reaches_its_total"),
    (ForgetsAField, "check_predicts_every_needed_field"),
    (DropsTheLastRow, "check_predicts_every_needed_field"),
    (WithoutDraws, "check_predicts_every_needed_field"),
    (Logits, "check_log_probs_are_normalised"),
    (Unseeded, "check_same_seed_gives_same_model"),
    (TrainsOn, "check_fitting_again_in_the_folder_changes_nothing"),
    (Drifts, "check_predicting_changes_nothing"),
    (Sorts, "check_rows_follow_the_pool"),
    (NormalisesByBatch, "check_chunks_equal_the_whole"),
    (SeedsTorch, "check_leaves_global_random_state"),
    (DrawsFromNumpy, "check_leaves_global_random_state"),
    (ShufflesWithPython, "check_leaves_global_random_state"),
    (LoadsNothing, "check_load_restores_the_model"),
    (NeverForgets, "check_reset_forgets_every_fit"),
]


def test_a_right_learner_passes_every_check(tmp_path):
    check_learner(Centroids, tmp_path, example_data(NEEDS))
    check_learner(Centroids, tmp_path / "default")


@pytest.mark.parametrize(("make", "check"), BROKEN, ids=lambda part: getattr(part, "__name__", part))
def test_a_broken_learner_is_caught_by_the_check_that_names_its_fault(make, check, tmp_path):
    with pytest.raises(AssertionError, match=r"must|leave"):
        getattr(suite, check)(make, tmp_path, example_data(NEEDS))


def test_every_check_of_the_module_is_on_the_list_and_each_is_tested_here():
    defined = {name for name in vars(suite) if name.startswith("check_") and name != "check_learner"}
    assert {check.__name__ for check in LEARNER_CHECKS} == defined
    assert {check for _, check in BROKEN} == defined


def test_the_example_data_are_the_same_at_every_call():
    first, second = example_data(), example_data()
    assert torch.equal(first.x.tensor(), second.x.tensor())
    assert first.unlabelled.ids == second.unlabelled.ids
    assert sorted(set(first.y.tolist())) == [0, 1, 2]


@pytest.mark.parametrize("check", LEARNER_CHECKS)
def test_a_check_shows_how_it_is_called(check):
    assert list(inspect.signature(check).parameters) == ["make", "folder", "data"]
    assert getattr(suite, check.__qualname__) is check
    assert check.__doc__
