import dataclasses

import pytest

from nextlabel.report.sections import summarise
from nextlabel.report.statistics import Interval, LabelsSaved
from nextlabel.report.tables import (
    UNKNOWN,
    Table,
    difference_text,
    interval_text,
    markdown,
    saved_text,
    summary_table,
    time_table,
)


def test_an_interval_is_written_as_mean_and_half_width():
    assert interval_text(Interval(96.84, 0.41, 3)) == "96.8 ± 0.4"
    assert interval_text(Interval(0.9684, None, 1).scaled(100)) == "96.8"


def test_a_difference_is_written_with_sign_and_both_ends():
    assert difference_text(Interval(0.021, 0.009, 3).scaled(100)) == "+2.1 [+1.2, +3.0]"
    assert difference_text(Interval(-0.021, None, 1).scaled(100)) == "-2.1"


def test_labels_saved_are_a_ratio_or_not_reached():
    assert saved_text(LabelsSaved(1.37, False, 575, 420, 0.95)) == "1.4x"
    assert saved_text(LabelsSaved(1.0, True, 575, 575, 0.95)) == "not reached"


def test_the_summary_has_a_row_a_strategy_and_no_comparison_of_random_with_itself(rows_of):
    table = summary_table(summarise(rows_of())[0])
    assert [row[0] for row in table.rows] == ["cod", "margin", "random"]
    assert table.headers[-2:] == ("Labels saved", "Seeds")
    assert table.rows[2][4:] == (UNKNOWN, UNKNOWN, UNKNOWN, "3")
    assert all(len(row) == len(table.headers) for row in table.rows)


def test_without_random_the_summary_has_no_columns_against_it(rows_of):
    table = summary_table(summarise(rows_of(strategies=["cod"]))[0])
    assert table.headers == ("Strategy", "Labels", "Final accuracy, %", "Area under curve, %", "Seeds")


def test_one_seed_has_no_p_value_in_the_summary(rows_of):
    assert summary_table(summarise(rows_of(seeds=1))[0]).rows[0][5] == UNKNOWN


def test_one_cycle_has_no_area_in_the_summary(rows_of):
    assert summary_table(summarise(rows_of(cycles=1))[0]).rows[0][3] == UNKNOWN


def test_times_add_up_to_the_whole(rows_of):
    _, fit, scan, select, whole, forwarded = time_table(summarise(rows_of(cycles=2))[0]).rows[0]
    assert float(whole) == pytest.approx(float(fit) + float(scan) + float(select))
    assert forwarded == "1,260"


def test_markdown_escapes_what_would_break_the_table():
    text = markdown(Table("t", ("a", "b"), (("x|y", "1\n2"),)))
    assert text == "| a | b |\n| :-- | --: |\n| x\\|y | 1 2 |"


def test_a_training_on_all_labels_is_the_last_row_and_compared_with_nothing(rows_of):
    rows = rows_of(strategies=["cod", "random"])
    full = dataclasses.replace(rows[0], strategy="full_training", cycle=1, n_labelled=1400, accuracy=0.99)
    table = summary_table(summarise([full, *rows])[0])
    assert table.rows[2] == ("full_training", "1,400", "99.0", *[UNKNOWN] * 4, "1")
