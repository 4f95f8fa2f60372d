"""Every exhibit, made from campaigns that were made up."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from exhibit_cases import CLASSES, SELECTION, made_of, made_up_rows
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from nextlabel.errors import UnknownNameError
from nextlabel.papers.exhibits import legend, loss_estimates, presentation, round_off, twin_axes
from nextlabel.papers.exhibits.arms import Arm, Finished, config_of
from nextlabel.papers.exhibits.catalogue import REPRODUCED, exhibit
from nextlabel.papers.exhibits.embedding import class_colors
from nextlabel.papers.exhibits.exhibit import Request
from nextlabel.papers.exhibits.learning_curves import curves
from nextlabel.papers.exhibits.loss_estimates import diagnosed_arm, first_cycle_note
from nextlabel.papers.exhibits.model_selection import numbers
from nextlabel.papers.exhibits.numbers import Measured
from nextlabel.papers.exhibits.page import Provenance, write_page
from nextlabel.papers.exhibits.panels import Line, Panel
from nextlabel.papers.exhibits.settings import base_settings
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.papers.published.values import published
from nextlabel.papers.studies import embedding, model_selection
from nextlabel.papers.studies.embedding import Embedding
from nextlabel.papers.studies.loss_estimates import Series
from nextlabel.parts import Part
from nextlabel.report.plot import Image


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
    monkeypatch.setattr(round_off, "WIDTH", 1)  # for speed
    monkeypatch.setattr(model_selection, "run_model_selection", lambda *_, **__: SELECTION)


@pytest.mark.usefixtures("undrawn", "studies")
@pytest.mark.parametrize("name", REPRODUCED)
def test_every_exhibit_is_made_with_the_papers_series_and_their_numbers(name, tmp_path):
    one, done, made = made_of(name, tmp_path)
    assert len(made.images) == 1
    assert made.notes
    assert all(note.endswith(".") for note in made.notes)
    own = [pair.measured for pair in made.pairs if pair.measured]
    theirs = [pair.published for pair in made.pairs if pair.published]
    assert all(row.exhibit == name for row in theirs)
    if name not in ("fig1", "fig2", "fig4", "tsne"):
        assert {row.dataset for row in own} == {one.dataset}
    if name not in ("fig1", "fig2", "fig4", "fig11", "tsne"):
        known = {(row.panel, row.series) for row in published(name)}
        assert {(row.panel, row.series) for row in own if not row.control} <= known
        assert all(
            "not in the papers" in row.series or row.series == "random choice" for row in own if row.control
        )
    failed, lines = {"cell": "it broke"}, ("learner.lr = 1; others: 2. Because.",)
    under = Provenance(name, one.dataset, "fast", 7, (), "nextlabel reproduce", failed, lines)
    page = write_page(made, done, under, tmp_path / "page").read_text(encoding="utf-8")
    assert EXHIBITS[name].where in page
    assert "it broke" in page
    assert ("## The preset fast and the others\n\n- learner.lr = 1; others: 2. Because." in page) == bool(
        done
    )
    for note in EXHIBITS[name].notes:
        assert note in page


def test_labels_are_in_percent_of_the_pool_and_full_training_has_all():
    full, random = Arm("Full training", "full_training"), Arm("Random", "random")
    rows = {arm: (made_up_rows(arm, "caltech101", 0),) for arm in (full, random)}
    done = [Finished(arm, "caltech101", 1000, (), of_arm) for arm, of_arm in rows.items()]
    found = curves(done)
    assert [one.x for one in found if one.series == "Full training"] == [100.0]
    assert [one.x for one in found if one.series == "Random"][-1] == 40.0


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["fig7", "table1"])
def test_the_release_s_way_of_counting_caltech_is_said_where_its_labels_are_used(name, tmp_path):
    for preset, stated in (("code", True), ("paper", False)):
        base = base_settings("caltech101", preset)
        made = exhibit(name).make([], Request(base, tmp_path))
        assert any("868 labels, 11.2 % of its pool of 7,766" in note for note in made.notes) == stated


@pytest.mark.usefixtures("undrawn")
def test_the_sweeps_show_the_cycle_nearest_to_each_published_percentage(tmp_path):
    one = exhibit("suppfig1")
    request = Request(base_settings("caltech101", "code"), tmp_path)
    arm = one.arms(request)[0]
    rows = tuple(replace(row, n_labelled=868 + 434 * (row.cycle - 1)) for row in made_up_rows(arm, "x", 0))
    made = one.make([Finished(arm, "caltech101", 7766, (), (rows,))], request)
    own = {pair.measured.series: pair.measured.y for pair in made.pairs if pair.measured}
    # 11.2, 22.4, 27.9 and 39.1 % of the pool are nearest
    cycles = {"10 % labelled": 1, "20 % labelled": 3, "30 % labelled": 4, "40 % labelled": 6}
    assert own == {name: pytest.approx(100 * rows[cycle - 1].accuracy) for name, cycle in cycles.items()}


@pytest.mark.usefixtures("undrawn")
def test_times_are_of_queries_after_the_first_and_seconds_a_query(tmp_path):
    _, _, made = made_of("table3", tmp_path)
    assert {round(pair.measured.y, 6) for pair in made.pairs if pair.measured} == {0.3}


@pytest.mark.usefixtures("undrawn")
def test_fractions_found_are_in_percent_with_a_random_choice_as_a_guide(tmp_path):
    _, _, made = made_of("fig6", tmp_path)
    cod = {p.measured.x: p.measured.y for p in made.pairs if p.measured and p.measured.series == "COD"}
    assert cod[5.0] == pytest.approx(10.0)
    assert "Measured after the training of cycle 3." in made.notes


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("name", "cycles", "stated"),
    [("fig3", 7, True), ("fig5", 7, True), ("fig6", 7, False), ("fig6", 2, False), ("fig6", 1, True)],
)
def test_pages_that_show_the_first_cycle_say_its_one_rule_in_the_same_note(name, cycles, stated, tmp_path):
    _, _, made = made_of(name, tmp_path, cycles=cycles)
    first = first_cycle_note(Request(base_settings("digits", "fast"), tmp_path))
    assert any(note.endswith(first) for note in made.notes) == stated
    assert "even probabilities, the smallest first" in first


@pytest.mark.parametrize(
    ("preset", "rule", "stated"),
    [
        ("code", "untrained", "to another, untrained network, the smallest first"),
        ("repaired", "untrained", "to another, untrained network, the smallest first"),
        ("paper", "initial", "to the initial model, the largest first"),
        ("fast", "least_confident", "to even probabilities, the smallest first"),
    ],
)
def test_scores_of_the_first_cycle_are_judged_by_the_rule_that_the_preset_queries_by(
    preset, rule, stated, tmp_path
):
    request = Request(base_settings("digits", preset), tmp_path)
    scorers = diagnosed_arm(request).settings["diagnostics"]
    assert scorers[0] == Part("cod", {"first_cycle": rule})
    assert stated in first_cycle_note(request)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["fig3", "fig5"])
def test_figures_by_cycle_have_as_many_measured_cycles_as_the_papers(name, tmp_path):
    _, _, made = made_of(name, tmp_path)
    own = {pair.measured.x for pair in made.pairs if pair.measured}
    theirs = {pair.published.x for pair in made.pairs if pair.published}
    assert own == theirs == set(range(1, 8))


def test_cells_of_figures_by_cycle_and_of_maps_score_the_last_pool(tmp_path):
    request = Request(base_settings("digits", "fast"), tmp_path)
    for name in ("fig3", "fig5", "tsne"):
        arms = exhibit(name).arms(request)
        assert all(config_of([arm], request.base).score_last for arm in arms)
    assert not any(config_of([arm], request.base).score_last for arm in exhibit("fig7").arms(request))


@pytest.mark.usefixtures("undrawn")
def test_bands_that_are_reversed_in_the_first_cycle_are_said_to_be(tmp_path, monkeypatch):
    for losses, stated in (((0.1, 0.2, 0.3, 0.4, 0.5), True), ((0.5, 0.4, 0.3, 0.2, 0.1), False)):
        series = [Series(f"band {i}", (1.0, 2.0), (loss, 1.0), (None, None), (1, 1))
                  for i, loss in enumerate(losses)]  # fmt: skip
        monkeypatch.setattr(loss_estimates, "band_series", lambda *_, found=series: found)
        _, _, made = made_of("fig5", tmp_path / str(stated))
        assert any("in reverse order" in note for note in made.notes) == stated


@pytest.mark.usefixtures("undrawn")
def test_cod_and_loss_have_an_axis_each_in_a_panel_of_what_was_measured_and_one_a_published_data_set(
    tmp_path, monkeypatch
):
    drawn, entries = [], []

    def draw_panels(name, panels, paint, **options):
        for panel in panels:
            axes = Figure().add_subplot()
            paint(axes, panel)
            drawn.append((panel.title, axes.figure.axes))
        entries.extend(entry.label for entry in options["legend"])
        return Image(name, *[""] * 4, b"")

    monkeypatch.setattr(twin_axes, "draw_panels", draw_panels)
    made_of("fig3", tmp_path)
    titles = ["digits, measured", *(f"{name}, published" for name in ("CIFAR-10", "CIFAR-100", "SVHN"))]
    assert [title for title, _ in drawn] == [*titles, "Caltech-101, published"]
    for _, (left, right) in drawn:
        assert (left.get_ylabel(), right.get_ylabel()) == ("Mean COD", "Mean true loss, nats")
        assert [len(axes.lines) for axes in (left, right)] == [1, 1]
        assert list(left.lines[0].get_xdata()) == list(range(1, 8))
    low, high = drawn[1][1][0].get_ylim()
    assert low < 0.125
    assert 1.304 < high < 1.5  # scaled to COD on CIFAR-10 alone
    assert 0.8 < drawn[1][1][1].get_ylim()[1] < 0.9  # and to its loss
    assert entries[:2] == ["Mean COD (left axis)", "Mean true loss, nats (right axis)"]


@pytest.mark.usefixtures("undrawn", "studies")
def test_round_off_is_drawn_over_the_cycles_on_one_scale_with_what_was_measured(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(round_off, "draw_lines", lambda _, panels, **more: drawn.append((panels, more)))
    monkeypatch.setattr(round_off, "_measure", lambda: [
        Measured("random inputs", "", f"{what}, {precision}", None, value, None, 1, "")
        for what, precision, value in (
            ("one of 10 probabilities", "float32", 9.0), ("one of 10 probabilities", "float64", 9.0),
            ("sum of 10 probabilities", "float32", 2e-13), ("sum of 10 probabilities", "float64", 6e-31),
        )
    ])  # fmt: skip
    made = made_of("fig1", tmp_path)[2]
    [([panel], options)] = drawn
    assert (panel.log_y, options["math"]) == (True, True)
    assert panel.y_label == r"$\|\nabla_w f\|^2$"
    lines = {line.label: line for line in panel.lines}
    assert lines["CIFAR-10"].x == tuple(range(1, 8))
    assert lines["CIFAR-10"].y[0] == pytest.approx(1.453e-13)
    assert lines["CIFAR-100"].y[-1] == pytest.approx(1.561e-12)
    assert lines["sum of 10 probabilities, float64"].y == (6e-31,)
    assert "squared gradient norm of 2e-13, in float64 of 6e-31" in made.notes[0]


@pytest.mark.usefixtures("undrawn")
def test_measured_classes_have_their_names_and_published_ones_their_numbers(tmp_path):
    _, _, made = made_of("fig11", tmp_path)
    assert {pair.measured.series for pair in made.pairs if pair.measured} == set(CLASSES) - {"j"}
    measured, theirs = made.tables
    assert [row[0] for row in measured.rows] == list(CLASSES[:-1])
    assert [row[0] for row in theirs.rows] == [f"class {number}" for number in range(1, 11)]


def test_no_two_of_sixty_series_look_alike():
    lines = tuple(Line(f"line {i}", (1.0,), (1.0,), (None,), published=False) for i in range(60))
    looks = legend.looks_of([Panel("", "", "", lines)])
    assert len(set(looks.values())) == 60


@pytest.mark.usefixtures("studies")
def test_a_map_has_its_classes_and_greys_in_its_legend_and_the_last_cycle(tmp_path):
    _, _, made = made_of("tsne", tmp_path, cycles=4)
    svg = made.images[0].svg
    for word in ("queried next", "not labelled", *(f">{name}<" for name in CLASSES)):
        assert word in svg
    cycles = [cycle for cycle in range(1, 8) if f"COD, cycle {cycle}" in svg]
    assert cycles == [1, 2, 3, 4]


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
    assert made.images[0].title.endswith(title)
    assert title in made.images[0].caption


@pytest.mark.usefixtures("undrawn")
def test_each_panel_of_the_sweeps_names_its_own_axis(tmp_path, monkeypatch):
    drawn = []
    draw = presentation.draw_lines
    monkeypatch.setattr(
        presentation,
        "draw_lines",
        lambda _, panels, **more: drawn.extend(panels) or draw("x", panels, **more),
    )
    _, _, made = made_of("suppfig1", tmp_path)
    assert [panel.x_label for panel in drawn] == [r"Weight $\lambda$", r"EMA decay $\alpha$"] * 2
    assert [table.caption.split("columns: ")[1] for table in made.tables] == ["Weight λ", "EMA decay α"] * 2
    assert made.images[0].title == "Weight λ and EMA decay α of the TOD loss"


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("moved", "stated"), [(1e-11, False), (2e-13, True)])
def test_the_gap_study_says_which_gaps_are_round_off(moved, stated, tmp_path):
    _, _, made = made_of("suppfig3", tmp_path, moved=moved)
    assert any("6e-07 over 1 step" in note for note in made.notes) == stated


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
    caption = made.images[0].caption
    assert caption.startswith("Measured: 10 models of one seed each, evaluated together.")
    assert "mean of" not in caption


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("name", "panel", "places"), [("fig11", "", 9 * 7), ("table2", "classes", 2 * 9)])
def test_a_class_without_a_value_is_left_out(name, panel, places, tmp_path):
    _, _, made = made_of(name, tmp_path)
    own = [pair.measured for pair in made.pairs if pair.measured and pair.measured.panel == panel]
    assert len(own) == places
    assert name == "fig11" or any("class 9 is 'i', class 10 is 'j'" in note for note in made.notes)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["fig3", "fig5", "fig6", "suppfig3"])
def test_where_no_campaign_finished_the_published_numbers_stand_alone(name, tmp_path):
    made = exhibit(name).make([], Request(base_settings("digits", "fast"), tmp_path))
    assert made.pairs
    assert all(pair.measured is None for pair in made.pairs)


def test_gaps_as_long_as_a_training_are_left_out(tmp_path):
    short = Request(base_settings("digits", "fast", settings=["learner.epochs=10"]), tmp_path)
    long = Request(base_settings("digits", "fast", settings=["learner.epochs=200"]), tmp_path)
    gaps = [
        [part.options["gap"] for part in diagnosed_arm(r).settings["diagnostics"] if "gap" in part.options]
        for r in (short, long)
    ]
    assert gaps == [["step", "10 steps", "epoch"], ["step", "10 steps", "epoch", "10 epochs", "50 epochs"]]


def test_model_selection_becomes_the_rows_of_the_articles_tables():
    rows = {(row.panel, row.series): row for row in numbers(SELECTION)}
    assert rows["Top-1(3)", "TOD"].y == 50
    assert rows["Top-3(10)", "random choice"].y == 30
    assert rows["sample level", "single model, mean"].y == 95
    assert rows["gap", "1 epoch"].y == 97
    assert [key for key, row in rows.items() if row.control] == [
        ("Top-1(3)", "random choice"), ("Top-3(10)", "random choice"),
        ("sample level", "mean of all models (not in the papers)"),
    ]  # fmt: skip


def test_an_unknown_exhibit_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match="did you mean 'table1'"):
        exhibit("tabel1")
