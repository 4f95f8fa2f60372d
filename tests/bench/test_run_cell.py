import json
import math

import pytest

from nextlabel.bench.diagnostics_record import read_diagnostics
from nextlabel.bench.grid import make_grid
from nextlabel.bench.outcome import rows_of
from nextlabel.bench.run_cell import run_cell
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.config.experiment import load_config
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.ledger.ledger import Ledger
from nextlabel.tasks.classification import Classification

TINY = {"seeds": 1, "cycles": 2, "initial_size": 30, "batch_size": 10, "learner": {"epochs": 1}}


def run(folder, **options):
    cells = make_grid(load_config(options={**TINY, **options})).cells
    for cell in cells:
        (folder / cell.strategy.name).mkdir(parents=True)
        run_cell(cell, folder / cell.strategy.name, lambda *work: None)
    return cells


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    run(
        folder,
        strategy=["margin"],
        label_noise=0.5,
        candidate_size=40,
        full_training="once",
        diagnostics="gini",
    )
    return folder


def test_labels_are_corrupted_at_the_noise_rate_but_judged_by_the_truth(noisy):
    data = DATASETS.create("digits")
    truth = dict(zip(data.pool.ids, data.pool.y.tolist(), strict=True))
    told = SimulatedOracle(truth, noise=0.5, task=Classification(data.classes), seed=0)(data.pool.ids)
    ledger = Ledger(noisy / "full_training" / "campaign.db", read_only=True)
    labels = dict(ledger.state.labels)
    ledger.close()
    assert labels == told
    assert 0.45 < sum(told[item] != truth[item] for item in truth) / len(truth) < 0.55
    (query,) = json.loads((noisy / "margin" / "queries.json").read_text())
    counts = [0] * 10
    for item in query["ids"]:
        counts[truth[item]] += 1
    assert query["classes"] == counts


def test_the_strategy_and_the_diagnostics_see_the_sub_pool(noisy):
    (row, _) = rows_of(noisy / "margin")
    assert (row.rows_forwarded, row.top_random) == (40, 10 / 40)
    (judged,) = read_diagnostics(noisy / "margin")
    assert (judged.strategy, judged.n_candidates) == ("gini", 40)


def test_the_evaluations_tell_the_accuracy_of_every_class(noisy):
    data = DATASETS.create("digits")
    found = json.loads((noisy / "margin" / "evaluations.json").read_text())
    assert [one["n_labelled"] for one in found] == [30, 40]
    for one, row in zip(found, rows_of(noisy / "margin"), strict=True):
        fractions = [sum(data.test.y == c) / len(data.test.y) for c in range(10)]
        mean = sum(fraction * right for fraction, right in zip(fractions, one["class_accuracy"], strict=True))
        assert math.isclose(mean, one["accuracy"])
        assert one["accuracy"] == row.accuracy


def test_a_reference_is_one_training_on_all_labels(noisy):
    (row,) = rows_of(noisy / "full_training")
    assert (row.strategy, row.cycle, row.n_labelled, row.n_chosen) == ("full_training", 1, 1437, 0)
    assert row.metric == "accuracy"
