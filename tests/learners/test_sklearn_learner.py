"""SklearnLearner: conformance, placing of classes, seeds, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from learner_cases import POOL, UNLABELLED, X, Y
from nextlabel.errors import ContractError, DataError, LabelsError
from nextlabel.learners.sklearn import TINY, SklearnLearner
from nextlabel.pool import Pool
from nextlabel.testing.learners import LEARNER_CHECKS, example_data
from nextlabel.types import Learner

LOG_PROBS = frozenset({"log_probs"})


def fitted(estimator, folder, *, y=Y, classes=3, seed=1):
    made = SklearnLearner(estimator, classes)
    made.fit(X, y, UNLABELLED, seed=seed, workdir=folder)
    return made


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
def test_keeps_every_promise_of_a_learner(check, tmp_path):
    data = example_data(frozenset({"log_probs", "embeddings"}))
    check(lambda: SklearnLearner(KNeighborsClassifier(3), classes=3), tmp_path, data)


def test_is_a_learner():
    assert isinstance(SklearnLearner(LogisticRegression(), 3), Learner)


def test_log_probs_equal_the_estimators_own(tmp_path):
    made = fitted(LogisticRegression(), tmp_path)
    own = LogisticRegression().fit(X.tensor().numpy(), Y.numpy())
    expected = torch.from_numpy(own.predict_log_proba(POOL.tensor().numpy())).float()
    torch.testing.assert_close(made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs[:, 0], expected)


def test_classes_that_were_never_seen_get_the_least_probability_in_their_own_column(tmp_path):
    made = fitted(LogisticRegression(), tmp_path, y=torch.where(Y == 2, 4, Y), classes=6)
    log_probs = made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs
    assert log_probs.shape == (50, 1, 6)
    assert torch.equal(log_probs[:, 0, [2, 3, 5]], torch.full((50, 3), math.log(TINY)))
    torch.testing.assert_close(log_probs.logsumexp(2), torch.zeros(50, 1))
    assert (log_probs[:, 0, 4] > math.log(TINY) / 2).all()


def test_a_certain_estimator_has_finite_logarithms(tmp_path):
    made = fitted(DummyClassifier(strategy="most_frequent"), tmp_path)
    log_probs = made.predict(POOL, needs=LOG_PROBS, seed=0).log_probs
    assert log_probs.isfinite().all()
    assert log_probs.max() == 0


def test_embeddings_are_the_flattened_inputs_and_bytes_are_scaled(tmp_path):
    points = torch.randint(256, (21, 2, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    pool = Pool(points, X.ids)
    made = SklearnLearner(LogisticRegression(), 3)
    made.fit(pool, Y, UNLABELLED, seed=0, workdir=tmp_path)
    outputs = made.predict(pool, needs=frozenset({"embeddings"}), seed=0)
    assert torch.equal(outputs.embeddings, points.float().view(21, 6) / 255)
    assert outputs.log_probs is None


def test_the_seed_reaches_random_states_inside_a_pipeline(tmp_path):
    estimator = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=3))
    one, again, other = (
        fitted(estimator, tmp_path, seed=seed).predict(POOL, needs=LOG_PROBS, seed=0).log_probs
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_estimator_given_is_never_fitted(tmp_path):
    estimator = LogisticRegression()
    fitted(estimator, tmp_path)
    assert not hasattr(estimator, "classes_")


def test_metrics_tell_the_accuracy_on_the_labelled_items(tmp_path):
    made = SklearnLearner(KNeighborsClassifier(1), 3)
    assert made.fit(X, Y, UNLABELLED, seed=0, workdir=tmp_path) == {"train_accuracy": 1.0}


def test_an_estimator_without_probabilities_is_refused():
    with pytest.raises(ContractError, match=r"with predict_proba, got LinearSVC.*CalibratedClassifierCV"):
        SklearnLearner(LinearSVC(), 3)


def test_labels_of_one_class_are_refused(tmp_path):
    with pytest.raises(LabelsError, match="at least two classes"):
        fitted(LogisticRegression(), tmp_path, y=torch.zeros_like(Y))


def test_asking_before_training_or_for_what_cannot_be_given_is_refused(tmp_path):
    with pytest.raises(ContractError, match="call fit first"):
        SklearnLearner(LogisticRegression(), 3).predict(POOL, needs=LOG_PROBS, seed=0)
    made = fitted(LogisticRegression(), tmp_path)
    with pytest.raises(ContractError, match="not 'values'"):
        made.predict(POOL, needs=frozenset({"values"}), seed=0)
    with pytest.raises(DataError, match="the pool is empty"):
        made.predict(POOL.slice(0, 0), needs=LOG_PROBS, seed=0)
