import dataclasses
import re

import pytest

from nextlabel.report import figures
from nextlabel.report.counts import count_classes
from nextlabel.report.plot import LIGHT, styles
from nextlabel.report.runs import CellRecord, QueryRecord
from nextlabel.report.sections import summarise

LOOKS = styles(["cod", "margin", "random"], "random")


@pytest.fixture(scope="module")
def section(session_rows):
    return summarise(session_rows)[0]


def test_learning_curves_draw_every_seed_and_a_band_a_strategy(section):
    svg = figures.learning_curves(section, LOOKS).svg
    assert svg.count("stroke-opacity: 0.35") == 9  # 3 strategies of 3 seeds
    assert svg.count("fill-opacity: 0.14") == 3
    for name in ("cod", "margin", "random", "Labels", "Test accuracy, %"):
        assert f">{name}</text>" in svg


def test_learning_curves_of_one_seed_have_no_band_and_say_so(rows_of):
    image = figures.learning_curves(summarise(rows_of(seeds=1))[0], LOOKS)
    assert "fill-opacity: 0.14" not in image.svg
    assert image.caption.startswith("One seed")


def test_the_frame_is_set_by_the_curves_and_not_by_the_bands(rows_of):
    rows = [dataclasses.replace(row, accuracy=0.5 + 0.01 * row.seed) for row in rows_of(seeds=2)]
    svg = figures.learning_curves(summarise(rows)[0], LOOKS).svg
    ticks = [float(text) for text in re.findall(r">(\d+\.\d)</text>", svg)]
    assert min(ticks) >= 49.8  # the band of two seeds goes down to 44.1
    assert max(ticks) <= 51.2


def test_differences_to_random_need_random(rows_of, section):
    assert figures.difference_to_random(summarise(rows_of(strategies=["cod"]))[0], LOOKS) is None
    assert "cod +0.0 to +" in figures.difference_to_random(section, LOOKS).description


def test_differences_to_random_are_of_the_same_seeds(rows_of):
    rows = [row for row in rows_of(strategies=["cod", "random"]) if (row.strategy, row.seed) != ("random", 2)]
    svg = figures.difference_to_random(summarise(rows)[0], LOOKS).svg
    assert svg.count("stroke-opacity: 0.35") == 2


def test_correlations_are_drawn_for_those_that_have_a_score(section, rows_of):
    svg = figures.loss_correlation(section, LOOKS).svg
    assert ">cod</text>" in svg
    assert ">random</text>" not in svg
    assert figures.loss_correlation(summarise(rows_of(strategies=["random"]))[0], LOOKS) is None


def test_the_fraction_of_the_hardest_is_drawn_with_a_random_choice(section, rows_of):
    assert ">random choice</text>" in figures.top_fraction(section, LOOKS).svg
    unmeasured = [dataclasses.replace(row, top_fraction=None) for row in rows_of(seeds=1)]
    assert figures.top_fraction(summarise(unmeasured)[0], LOOKS) is None


def test_times_are_stacked_with_their_total(section):
    image = figures.times(section)
    assert "cod 2.5 s fit, 0.08 s scan, 0.004 s select" in image.description
    assert ">2.58 s</text>" in image.svg
    for part in ("fit", "scan", "select"):
        assert image.svg.count(f"fill: {LIGHT[part]}") == 4  # a bar per strategy and the legend


def test_class_counts_show_numbers_and_name_the_seeds(section):
    query = QueryRecord(1, tuple("abcdefghijkl"), (9, 3), (50, 50))
    cell = CellRecord("c", "digits", "core_set", "supervised", 0, ("cat", "dog"), (query,), {}, None)
    image = figures.class_counts(section, count_classes([cell]))
    assert image.name == "digits-supervised-classes-core-set"
    assert image.svg.count(">9</text>") == 2  # the cycle and all cycles
    assert ">dog</text>" in image.svg
    assert "mean of 1 seed)" in image.caption


def test_the_name_of_a_strategy_cannot_leave_the_folder_or_the_mark_up(section):
    query = QueryRecord(1, ("a", "b"), (1, 1), (5, 5))
    cell = CellRecord("c", "digits", '/../"><script>', "supervised", 0, ("cat", "dog"), (query,), {}, None)
    image = figures.class_counts(section, count_classes([cell]))
    assert image.name == "digits-supervised-classes-script"
    assert "<script>" not in image.inline


def test_a_training_on_all_labels_is_a_named_line_across_the_learning_curves(session_rows):
    full = dataclasses.replace(
        session_rows[0], strategy="full_training", cycle=1, n_labelled=1400, accuracy=1.0
    )
    image = figures.learning_curves(summarise([*session_rows, full])[0], LOOKS)
    assert ">full_training</text>" in image.svg
    assert image.description.endswith("full_training at 100.0 %, a broken line.")
    assert image.caption.endswith("full_training is trained once on all labels.")
