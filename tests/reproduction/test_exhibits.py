"""Every exhibit, made from campaigns that were made up."""

import json
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nextlabel.bench.audit_record import BANDS, SHARES, AuditRow
from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.published.exhibits import EXHIBITS
from nextlabel.published.reading import published
from nextlabel.reproduction import presenting
from nextlabel.reproduction.arms import Arm, Finished
from nextlabel.reproduction.catalogue import REPRODUCED, exhibit
from nextlabel.reproduction.embedding import class_colors
from nextlabel.reproduction.exhibit import Request
from nextlabel.reproduction.learning_curves import curves
from nextlabel.reproduction.loss_estimates import audited_arm
from nextlabel.reproduction.model_selection import numbers
from nextlabel.reproduction.page import Circumstances, write_page
from nextlabel.reproduction.settings import base_settings
from nextlabel.results import FULL_TRAINING, METRIC, Row
from nextlabel.studies import embedding, model_selection
from nextlabel.studies.embedding import Embedding

CLASSES = tuple("abcdefghij")
SELECTION = {
    "dataset": "digits", "models": 10, "n_labelled": 1437, "seed": 0, "device": "cpu",
    "single": {"min": 0.9, "mean": 0.95, "max": 0.97}, "ensemble": 0.98,
    "model_level": {
        name: {"top": {"1(3)": {"share": 0.5, "chance": 0.34}, "3(10)": {"share": 0.7, "chance": 0.3}}}
        for name in ("train_loss", "tod", "entropy")
    },
    "sample_level": {"tod": 0.97, "entropy": 0.96},
    "notes": ["A note of the study."],
    "gaps": {"epoch": {"sample_level": 0.97}, "5 steps": {"sample_level": 0.96}},
}  # fmt: skip


def made_up_rows(arm, dataset, seed):
    rng = np.random.default_rng([seed, len(arm.label)])
    full = arm.strategy in FULL_TRAINING.values()
    counts = [1000] if full else range(100, 401, 50)
    return tuple(
        Row(
            dataset, arm.strategy, arm.objective, seed, cycle, n, 0.7 + n / 2000 + rng.normal(0, 0.01), 0.3,
            1.0, 0.2, 0.1, 0 if n == 400 else 1000 - n, n_chosen=0 if full or n == 400 else 50, device="cpu",
            metric=METRIC,
        )
        for cycle, n in enumerate(counts, 1)
    )  # fmt: skip


def write_cell(folder, rows, labels, moved):
    folder.mkdir()
    (folder / "classes.json").write_text(json.dumps([] if rows[0].dataset == "nuclei" else CLASSES))
    by_class = {name: None if name == "j" else rows[0].accuracy for name in CLASSES}
    found = (
        {"class_iou": by_class}
        if rows[0].dataset == "nuclei"
        else {"class_accuracy": list(by_class.values())}
    )
    evaluations = [{"cycle": row.cycle, **found} for row in rows]
    (folder / "evaluations.json").write_text(json.dumps(evaluations))
    audits = [
        AuditRow(row.cycle, row.n_labelled, 900, label, "cod", {}, 0.5, 0.5, moved, 0.3,
                 tuple(1.0 for _ in BANDS), tuple(2 * share for share in SHARES))
        for row in rows[:-1] for label in labels
    ]  # fmt: skip
    tree = {"bands": BANDS, "shares": SHARES, "rows": [vars(row) for row in audits]}
    (folder / "audit.json").write_text(json.dumps(tree))


def labels_of(arm):
    for table in arm.settings.get("audit", ()):
        words = ", ".join(f"{key}={value}" for key, value in sorted(table.items()) if key != "strategy")
        yield f"{table['strategy']} ({words})" if words else table["strategy"]


@pytest.fixture
def undrawn(monkeypatch):
    """Draw nothing: that is tested with the drawing."""
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)


@pytest.fixture
def studies(monkeypatch):
    def embed_cycle(_, cycle):
        points = tuple((float(i), float(-i)) for i in range(6))
        parts = ("labelled", "queried", "unlabelled") * 2
        return Embedding(
            "digits", "cod", 0, cycle, tuple("abcdef"), points, parts, (0, 1, 2, 7, 8, 9), CLASSES
        )

    monkeypatch.setattr(embedding, "embed_cycle", embed_cycle)
    monkeypatch.setattr(model_selection, "run_model_selection", lambda *_, **__: SELECTION)


def made_of(name, tmp_path, *, cycles=None, moved=0.2):
    one = exhibit(name)
    request = Request(base_settings(one.dataset, "fast"), tmp_path)
    done = []
    for number, arm in enumerate(one.arms(request)):
        cells = [made_up_rows(arm, one.dataset, seed)[:cycles] for seed in range(2)]
        folders = tuple(tmp_path / f"{number}-{seed}" for seed in range(2))
        for folder, rows in zip(folders, cells, strict=True):
            write_cell(folder, rows, list(labels_of(arm)), moved)
        done.append(Finished(arm, one.dataset, 1000, folders, tuple(cells)))
    return one, done, one.make(done, request)


@pytest.mark.usefixtures("undrawn", "studies")
@pytest.mark.parametrize("name", REPRODUCED)
def test_every_exhibit_is_made_with_the_papers_series_and_their_numbers(name, tmp_path):
    one, done, made = made_of(name, tmp_path)
    assert len(made.pictures) == 1
    assert made.notes
    own = [pair.measured for pair in made.pairs if pair.measured]
    theirs = [pair.published for pair in made.pairs if pair.published]
    assert all(row.exhibit == name for row in theirs)
    if name not in ("fig1", "fig2", "fig4", "tsne"):
        assert {row.dataset for row in own} == {one.dataset}
        known = {(row.panel, row.series) for row in published(name)}
        assert {(row.panel, row.series) for row in own if not row.control} <= known
        assert all("not in the papers" in row.series or row.series == "chance" for row in own if row.control)
    under = Circumstances(name, one.dataset, "fast", 7, (), "nextlabel reproduce", {"cell": "it broke"})
    page = write_page(made, done, under, tmp_path / "page").read_text(encoding="utf-8")
    assert EXHIBITS[name].where in page
    assert "it broke" in page
    for note in EXHIBITS[name].notes:
        assert note in page


def test_full_training_is_on_all_labels_where_more_than_the_pool_is_counted():
    full, random = Arm("Full training", "full_training"), Arm("Random", "random")
    rows = {arm: (made_up_rows(arm, "caltech101", 0),) for arm in (full, random)}
    done = [Finished(arm, "caltech101", 1250, (), of_arm) for arm, of_arm in rows.items()]
    found = curves(done)
    assert [one.x for one in found if one.series == "Full training"] == [100.0]
    assert [one.x for one in found if one.series == "Random"][-1] == 32.0


@pytest.mark.usefixtures("undrawn")
def test_times_are_of_queries_after_the_first_and_seconds_a_query(tmp_path):
    _, _, made = made_of("table3", tmp_path)
    assert {round(pair.measured.y, 6) for pair in made.pairs if pair.measured} == {0.3}


@pytest.mark.usefixtures("undrawn")
def test_shares_found_are_in_percent_with_chance_as_a_guide(tmp_path):
    _, _, made = made_of("fig6", tmp_path)
    cod = {p.measured.x: p.measured.y for p in made.pairs if p.measured and p.measured.series == "COD"}
    assert cod[5.0] == pytest.approx(10.0)
    assert "Measured after the training of cycle 3." in made.notes


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("name", "cycles", "told"),
    [("fig5", 7, True), ("fig6", 7, False), ("fig6", 2, True), ("suppfig3", 2, True)],
)
def test_pages_say_what_stands_for_cod_where_the_first_cycle_is_shown(name, cycles, told, tmp_path):
    _, _, made = made_of(name, tmp_path, cycles=cycles)
    assert any("In the first cycle" in note for note in made.notes) == told


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("name", "cycles", "title"),
    [
        ("table1", 7, "Accuracy after the last cycle, at 40 % labels"),
        ("table1", 3, "Accuracy after the last cycle: measured at 20 % labels, published at 40 %"),
        ("table2", 3, "IoU by class after the last cycle: measured at 20 % labels, published at 40 %"),
    ],
)
def test_tables_of_the_last_cycle_say_how_many_labels_were_measured(name, cycles, title, tmp_path):
    _, _, made = made_of(name, tmp_path, cycles=cycles)
    assert made.pictures[0].title.endswith(title)
    assert title in made.pictures[0].caption


@pytest.mark.usefixtures("undrawn")
def test_each_panel_of_the_sweeps_names_its_own_axis(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(presenting, "draw_lines", lambda _, panels, **__: drawn.extend(panels))
    _, _, made = made_of("suppfig1", tmp_path)
    assert [panel.x_label for panel in drawn] == ["Weight lambda", "EMA decay alpha"] * 2
    assert [table.caption.split("columns: ")[1] for table in made.tables] == [p.x_label for p in drawn]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("moved", "told"), [(1e-11, False), (2e-13, True)])
def test_the_gap_study_says_which_gaps_are_round_off(moved, told, tmp_path):
    _, _, made = made_of("suppfig3", tmp_path, moved=moved)
    assert any("6e-07 over 1 step" in note for note in made.notes) == told


@pytest.mark.usefixtures("undrawn")
def test_every_published_line_of_segmentation_that_is_not_measured_is_named_on_the_page(tmp_path):
    _, _, made = made_of("fig8", tmp_path, cycles=2)
    own = {pair.measured.series for pair in made.pairs if pair.measured}
    left_out = {pair.published.series for pair in made.pairs if pair.published} - own - {"Full training"}
    assert left_out
    assert all(series in " ".join(made.notes) for series in left_out)


def test_no_two_of_ten_classes_are_drawn_alike():
    colors = [np.array(to_rgb(color)) for color in class_colors()]
    assert len(colors) == 10
    assert min(np.linalg.norm(a - b) for a, b in combinations(colors, 2)) > 0.2


@pytest.mark.usefixtures("undrawn", "studies")
def test_a_choice_among_models_is_not_called_a_mean_over_seeds(tmp_path):
    _, _, made = made_of("model_selection", tmp_path)
    caption = made.pictures[0].caption
    assert caption.startswith("Measured: 10 models of one seed each, judged together.")
    assert "mean of" not in caption


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("name", "panel", "places"), [("fig11", "", 9 * 7), ("table2", "classes", 2 * 9)])
def test_a_class_without_a_value_is_left_out(name, panel, places, tmp_path):
    _, _, made = made_of(name, tmp_path)
    own = [pair.measured for pair in made.pairs if pair.measured and pair.measured.panel == panel]
    assert len(own) == places
    assert any("class 9 is 'i', class 10 is 'j'" in note for note in made.notes)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["fig3", "fig5", "fig6", "suppfig3"])
def test_where_no_campaign_finished_the_published_numbers_stand_alone(name, tmp_path):
    made = exhibit(name).make([], Request(base_settings("digits", "fast"), tmp_path))
    assert made.pairs
    assert all(pair.measured is None for pair in made.pairs)


def test_estimates_of_the_loss_are_refused_one_cycle_which_has_no_query(tmp_path):
    with pytest.raises(ConfigurationError, match="at least 2 cycles, but got 1"):
        audited_arm(Request(base_settings("digits", "fast", cycles=1), tmp_path))


def test_gaps_as_long_as_a_training_are_left_out(tmp_path):
    short = Request(base_settings("digits", "fast", settings=["learner.epochs=10"]), tmp_path)
    long = Request(base_settings("digits", "fast", settings=["learner.epochs=200"]), tmp_path)
    gaps = [
        [table["gap"] for table in audited_arm(r).settings["audit"] if "gap" in table] for r in (short, long)
    ]
    assert gaps == [["step", "10 steps", "epoch"], ["step", "10 steps", "epoch", "10 epochs", "50 epochs"]]


def test_model_selection_becomes_the_rows_of_the_articles_tables():
    rows = {(row.panel, row.series): row for row in numbers(SELECTION)}
    assert rows["Top-1(3)", "TOD"].y == 50
    assert rows["Top-3(10)", "chance"].y == 30
    assert rows["sample level", "single model, mean"].y == 95
    assert rows["gap", "1 epoch"].y == 97
    assert [key for key, row in rows.items() if row.control] == [
        ("Top-1(3)", "chance"), ("Top-3(10)", "chance"),
        ("sample level", "mean of all models (not in the papers)"),
    ]  # fmt: skip


def test_an_unknown_exhibit_is_told_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'table1'"):
        exhibit("tabel1")
