"""Promises of the map of a pool: what is on it, and that it is the same for the same seed."""

import json
from collections import Counter

import pytest
import torch

from nextlabel.bench.diagnostics_record import read_diagnostics
from nextlabel.bench.grid import make_grid
from nextlabel.bench.outcome import begin, rows_of
from nextlabel.bench.run_cell import run_cell
from nextlabel.config.experiment import ExperimentConfig
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.ledger.ledger import Ledger
from nextlabel.papers.studies.embedding import embed_cycle, project, read_cell

PARTS = ("labelled", "queried", "unlabelled")


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    config = ExperimentConfig.model_validate(
        {
            "strategy": "cod",
            "cycles": 2,
            "device": "cpu",
            "learner": {"epochs": 1, "model": "mlp(width=8)"},
            "diagnostics": "gini",
            "score_last": True,
        }
    )
    [cell, *_] = make_grid(config).cells
    folder = tmp_path_factory.mktemp("cell")
    begin(folder, cell)
    run_cell(cell, folder, lambda *work: None)
    return cell, folder


def test_a_cell_is_read_as_it_was_written(cell):
    settings, folder = cell
    there, wanted = read_cell(folder).resolved(), settings.resolved()
    for key in ("dataset", "strategy", "seed", "cycles", "initial_size", "batch_size"):
        assert there[key] == wanted[key]
    assert there["diagnostics"] == ["gini"]


def test_a_cell_with_diagnostics_leaves_them_next_to_its_rows(cell):
    row, last = read_diagnostics(cell[1])
    assert (row.cycle, row.label, row.n_labelled, row.n_candidates) == (1, "gini", 144, 1293)
    assert row.spearman is not None
    assert len(row.top_found) == 20
    assert (last.cycle, last.label, last.n_labelled, last.n_candidates) == (2, "gini", 216, 1221)


def test_a_scored_last_cycle_is_in_the_rows_but_queried_nothing(cell):
    settings, folder = cell
    first, last = rows_of(folder)
    assert (first.n_chosen, last.n_chosen, last.rows_forwarded) == (72, 0, 1221)
    assert last.loss_correlation is not None
    assert [query["cycle"] for query in json.loads((folder / "queries.json").read_text())] == [1]
    assert [path.parent.name for path in sorted(folder.rglob("queried.png"))] == ["0001"]
    assert read_cell(folder).score_last
    assert settings.resolved()["score_last"] is True


def test_a_reference_has_no_last_score_and_cells_without_one_do_not_mention_it():
    config = {"strategy": "cod", "cycles": 2, "full_training": "once"}
    plain, scored = (
        make_grid(ExperimentConfig.model_validate({**config, "score_last": on})).cells for on in (False, True)
    )
    assert not any("score_last" in one.differences() for one in (plain[0], plain[-1], scored[-1]))
    assert scored[-1] == plain[-1]
    assert scored[0].name != plain[0].name


def test_the_map_shows_what_was_labelled_before_and_queried_after(cell):
    _, folder = cell
    first = embed_cycle(folder, 1, items=100, seed=3)
    assert (first.dataset, first.strategy, first.cycle) == ("digits", "cod", 1)
    assert len(first.ids) == len(first.points) == len(first.classes) == len(first.parts) == 100
    counts = Counter(first.parts)
    assert set(counts) == {"labelled", "queried", "unlabelled"}
    assert counts["unlabelled"] > counts["labelled"] > counts["queried"]  # 85, 10 and 5 % of the pool
    assert first == embed_cycle(folder, 1, items=100, seed=3)


def test_the_map_of_a_scored_last_cycle_shows_what_would_be_queried(cell):
    _, folder = cell
    last = embed_cycle(folder, 2, items=100, seed=3)
    with Ledger(folder / "campaign.db", read_only=True) as ledger:
        chosen = set(ledger.state.scoring(2)["chosen"])
        known = set(ledger.state.labels)
    of_part = {part: {i for i, p in zip(last.ids, last.parts, strict=True) if p == part} for part in PARTS}
    assert of_part["queried"] == chosen & set(last.ids) != set()
    assert of_part["labelled"] == known & set(last.ids)
    assert len(chosen) == 72


def test_items_that_the_model_takes_for_different_classes_lie_apart():
    probs = torch.full((60, 3), 0.01)
    probs[torch.arange(60), torch.arange(60) % 3] = 0.98
    probs = (probs + 0.005 * torch.rand(60, 3, generator=torch.Generator().manual_seed(0))).softmax(1)
    places = project(probs, seed=0)
    assert places.shape == (60, 2)
    distances = torch.cdist(places, places) + 1e9 * torch.eye(60)
    assert (distances.argmin(1) % 3 == torch.arange(60) % 3).all()


def test_a_missing_cell_or_cycle_and_too_few_items_are_named(cell, tmp_path):
    with pytest.raises(DataError, match=r"must have a cell\.toml, got .*; run the cell first"):
        embed_cycle(tmp_path, 1)
    with pytest.raises(DataError, match="got 7; it has 1 to 2"):
        embed_cycle(cell[1], 7)
    with pytest.raises(ConfigurationError, match="at least 4 items, got 3"):
        project(torch.rand(3, 2), seed=0)
