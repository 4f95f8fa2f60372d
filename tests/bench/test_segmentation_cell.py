"""A benchmark on masks runs like any other: masks are labels, mean IoU is the accuracy."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from nextlabel.bench.experiment import Experiment
from nextlabel.bench.grid import make_grid
from nextlabel.bench.outcome import begin, is_finished, rows_of
from nextlabel.bench.run_cell import run_cell
from nextlabel.config.experiment import load_config
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.ledger.ledger import Ledger
from nextlabel.parts import Part
from nextlabel.report.build import _sheets
from nextlabel.report.findings import details, lead
from nextlabel.report.runs import read_run
from nextlabel.report.sections import summarise
from nextlabel.report.tables import summary_table
from nextlabel.results import to_csv

TINY = {"model": "small_fcn(width=4)", "epochs": 2, "lr": 0.01}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """14 images of 16 x 16 pixels, a bright square each; every second mask lacks a quarter of them."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for number in range(14):
        image = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
        mask = np.zeros((16, 16), dtype=np.uint8)
        top, left = rng.integers(0, 8, 2)
        image[top : top + 8, left : left + 8] += 150
        mask[top : top + 8, left : left + 8] = 1
        if number % 2:
            mask[:4] = 255
        Image.fromarray(image).save(root / "images" / f"p{number:02d}.png")
        Image.fromarray(mask).save(root / "masks" / f"p{number:02d}.png")
    return root


def config(root, **options):
    tables = {
        "dataset": Part("mask_folder", {"root": str(root), "classes": ["ground", "square"]}),
        "seeds": 1,
        "cycles": 3,
        "initial_size": 3,
        "batch_size": 2,
        "device": "cpu",
        "learner": TINY,
    }
    return load_config(options={**tables, **options})


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    """Two finished cells, and their folder."""
    folder = tmp_path_factory.mktemp("run") / "out"
    experiment = Experiment.open(config(images, strategy=["cod_segmentation", "random"]), folder)
    for cell in experiment.grid.cells:
        begin(folder / "cells" / cell.name, cell)
        run_cell(cell, folder / "cells" / cell.name, lambda *work: None)
    (folder / "results.csv").write_text(to_csv(experiment.rows))
    return experiment


def test_a_bad_mask_is_refused_before_any_training_wherever_it_is(images, tmp_path):
    root, folder = tmp_path / "images", tmp_path / "cell"
    shutil.copytree(images, root)
    (cell,) = make_grid(config(root, strategy=["random"])).cells
    data = DATASETS.create(cell.dataset)
    for split in (data.pool, data.test):
        bad = root / "masks" / f"{split.ids[-1]}.png"
        kept = bad.read_bytes()
        Image.fromarray(np.full((16, 16), 7, dtype=np.uint8)).save(bad)
        with pytest.raises(DataError, match=f"item '{bad.stem}' must .* got 7"):
            run_cell(cell, folder, lambda *work: None)
        assert not folder.exists()
        bad.write_bytes(kept)


def test_rows_hold_the_mean_iou_of_the_whole_test_part(run):
    for cell in run.grid.cells:
        folder = run.folder / "cells" / cell.name
        rows = rows_of(folder)
        evaluations = json.loads((folder / "evaluations.json").read_text())
        assert [row.n_labelled for row in rows] == [3, 5, 7]
        for row, evaluation in zip(rows, evaluations, strict=True):
            assert row.metric == "mean IoU"
            assert list(evaluation["class_iou"]) == ["ground", "square"]
            assert row.accuracy == pytest.approx(sum(evaluation["class_iou"].values()) / 2)
            assert 0 <= evaluation["pixel_accuracy"] <= 1
            assert row.loss > 0
        assert rows[0].top_random == pytest.approx(2 / 8)


def test_the_first_cycle_is_the_same_for_every_strategy_and_scores_are_compared_with_true_losses(run):
    cod, random = (rows_of(run.folder / "cells" / cell.name) for cell in run.grid.cells)
    assert cod[0].accuracy == random[0].accuracy
    assert all(row.loss_correlation is not None for row in cod[:2])
    assert (cod[0].rows_forwarded, cod[1].rows_forwarded) == (8, 6)


def test_the_ledger_holds_the_path_of_each_mask_below_the_folder_of_the_data(run):
    folder = run.folder / "cells" / run.grid.cells[0].name
    with Ledger(folder / "campaign.db", read_only=True) as ledger:
        labels = ledger.state.labels
    assert len(labels) == 7
    assert all(label == f"masks/{item}.png" for item, label in labels.items())


def test_masks_can_be_corrupted_and_scores_diagnosed_as_with_other_labels(images, tmp_path):
    options = {"label_noise": 0.99, "diagnostics": "entropy_segmentation", "cycles": 2}
    (cell,) = make_grid(config(images, strategy=["random"], **options)).cells
    begin(tmp_path, cell)
    run_cell(cell, tmp_path, lambda *work: None)
    with Ledger(tmp_path / "campaign.db", read_only=True) as ledger:
        labels, query = ledger.state.labels, ledger.state.measurements[1, "query"]
    wrong = [label for label in labels.values() if label.startswith("rle:16x16:")]
    assert len(wrong) > len(labels) / 2
    assert [record["strategy"] for record in query["diagnostics"]["scorers"]] == ["entropy_segmentation"]


def test_a_cell_runs_to_the_same_rows_again_and_draws_what_was_queried(run, tmp_path):
    cell = run.grid.cells[0]
    begin(tmp_path, cell)
    run_cell(cell, tmp_path, lambda *work: None)
    assert is_finished(tmp_path)
    there = run.folder / "cells" / cell.name
    assert [row.accuracy for row in rows_of(tmp_path)] == [row.accuracy for row in rows_of(there)]
    assert (there / "cycles" / "0001" / "queried.png").exists()


@pytest.mark.parametrize("phase", ["fit", "scan"])
def test_a_cell_that_was_killed_in_its_second_cycle_ends_in_the_same_rows(run, tmp_path, phase):
    class KilledError(Exception):
        pass

    def kill(cycle, at, done, total):
        if (cycle, at, done) == (2, phase, total):
            raise KilledError

    cell = run.grid.cells[0]
    begin(tmp_path, cell)
    with pytest.raises(KilledError):
        run_cell(cell, tmp_path, kill)
    run_cell(cell, tmp_path, lambda *work: None)
    there = rows_of(run.folder / "cells" / cell.name)
    assert [(row.accuracy, row.loss_correlation) for row in rows_of(tmp_path)] == [
        (row.accuracy, row.loss_correlation) for row in there
    ]


def test_the_report_says_what_the_accuracy_is(run):
    [section] = summarise(run.rows)
    assert section.metric == "mean IoU"
    assert "Final mean IoU, %" in summary_table(section).headers
    assert "mean IoU" in lead(section)
    assert "accuracy" not in " ".join((lead(section), *details(section)))
    there = read_run(run.folder)
    assert there.rows == tuple(run.rows)
    _, _, sheets = _sheets(there, there.cells[:1])
    assert [sheet.description for sheet in sheets] == [
        f"Images queried by cod_segmentation in cycle {cycle}" for cycle in (1, 2)
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"strategy": ["cod"], "learner": TINY}, "'cod' needs 'output', 'snapshot:previous'"),
        (
            {"strategy": ["cod_segmentation"], "learner": {**TINY, "warm_start": False}},
            "use learner.warm_start=true",
        ),
        (
            {"strategy": ["random"], "learner": {**TINY, "score_augmented": True}},
            "'learner.score_augmented' is not for segmentation",
        ),
        ({"strategy": ["random"], "objective": ["squared_error"]}, "is for regression"),
        ({"strategy": ["random", "entropy"], "learner": {}}, "'entropy' needs 'log_probs'"),
        (
            {"strategy": ["random"], "objective": ["supervised", "squared_error"], "learner": {}},
            "is for regression",
        ),
    ],
)
def test_what_segmentation_cannot_do_is_refused_before_any_work(images, options, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        make_grid(config(images, **options))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"strategy": ["cod_segmentation"]},
            "'cod_segmentation' needs .* which only segmentation gives, but 'digits'",
        ),
        (
            {"strategy": ["random"], "diagnostics": "entropy_segmentation"},
            "'entropy_segmentation' needs .* which only segmentation gives",
        ),
        ({"strategy": ["random"], "learner": {"crop": 4}}, "'learner.crop' is for segmentation"),
    ],
)
def test_what_only_segmentation_can_do_is_refused_elsewhere(options, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        make_grid(load_config(options={"dataset": ["digits"], "seeds": 1, **options}))


def test_an_image_that_ends_early_is_refused_before_any_training(images, tmp_path):
    shutil.copytree(images, tmp_path / "all")
    path = tmp_path / "all" / "images" / "p03.png"
    path.write_bytes(path.read_bytes()[:-200])  # its head, which loading reads, is whole
    (cell,) = make_grid(config(tmp_path / "all", strategy=["random"])).cells
    worked = []
    with pytest.raises(DataError, match=r"'p03' .* cannot be decoded"):
        run_cell(cell, tmp_path, lambda *work: worked.append(work))
    assert {phase for _, phase, *_ in worked} == {"check"}
