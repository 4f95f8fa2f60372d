"""Measured and published numbers, side by side and never one."""

import csv
import io

import pytest

from nextlabel.papers.exhibits.comparison import (
    COUNTERPARTS,
    SUPPFIG2_PANELS,
    compared,
    comparison_table,
    published_curve,
)
from nextlabel.papers.exhibits.numbers import COLUMNS, Measured, measured, pair, to_csv
from nextlabel.papers.published.values import Published, published
from nextlabel.report.tables import UNKNOWN


def own(x, y, *, dataset="cifar10", series="Ours-Semi", panel=""):
    return Measured(dataset, panel, series, x, y, 0.3, 3, "%")


def test_a_measured_number_is_the_mean_with_the_standard_deviation_of_the_seeds():
    one = measured([90.0, 92.0, 94.0], dataset="digits", series="Random", x=10.0, unit="%")
    assert (one.y, one.spread, one.seeds) == (92.0, 2.0, 3)
    assert measured([90.0], dataset="digits", series="Random", x=10.0, unit="%").spread is None
    assert measured([100 * 89 / 90] * 3, dataset="digits", series="Random", x=10.0, unit="%").spread == 0


def test_a_measured_number_stands_next_to_the_nearest_published_one_within_the_tolerance():
    theirs = published("fig7", "cifar10", series="Ours-Semi")
    pairs = pair([own(10.2, 80.0), own(17.0, 85.0)], theirs, counterpart="cifar10", tolerance=0.5)
    assert [(p.measured.y, p.published and p.published.x) for p in pairs[:2]] == [(80.0, 10.0), (85.0, None)]
    assert pairs[0].difference == pytest.approx(80.0 - 79.68)
    assert [p.published.x for p in pairs[2:]] == [15, 20, 25, 30, 35, 40]


def test_another_data_set_series_or_panel_is_no_counterpart():
    theirs = published("suppfig2", "svhn", panel="with the loss", series="Ours")
    for one in (
        own(10.0, 90.0, dataset="svhn", series="Random", panel="with the loss"),
        own(10.0, 90.0, dataset="svhn", series="Ours", panel="without the loss"),
    ):
        assert pair([one], theirs, counterpart="svhn", tolerance=0.5)[0].published is None
    alone = pair([own(10.0, 90.0)], theirs, counterpart=None, tolerance=0.5)
    assert all(one.measured is None or one.published is None for one in alone)


def test_the_csv_keeps_measured_and_published_in_columns_of_their_own():
    theirs = published("fig7", "cifar10", series="Ours-Semi")
    text = to_csv(pair([own(10.0, 80.0)], theirs, counterpart="cifar10", tolerance=0.5))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["measured"], rows[0]["published"], rows[0]["seeds"]) == ("80.0", "79.68", "3")
    assert rows[1]["measured"] == rows[1]["seeds"] == ""
    assert rows[1]["published_source"] == "ICCV 2021, Fig. 7"


def test_neither_type_is_the_other():
    assert not issubclass(Measured, Published)
    assert not issubclass(Published, Measured)


@pytest.mark.parametrize(
    ("strategy", "objective", "dataset", "last", "source"),
    [
        ("cod", "tod", "cifar10", 94.49, "ICCV 2021, Fig. 7"),
        ("cod", "supervised", "cifar100", 67.26, "ICCV 2021, Fig. 9"),
        ("random", "supervised", "cifar10", 91.81, "ICCV 2021, Fig. 9"),
        ("random", "supervised", "svhn", 94.51, "ICCV 2021, Fig. 7"),
        ("random", "tod", "cifar10_jpeg", 92.22, "ICCV 2021, Fig. 10"),
        ("learning_loss", "learning_loss", "caltech101", 88.98, "ICCV 2021, Fig. 7"),
        ("cod_segmentation", "tod", "cityscapes", 58.81, "ICCV 2021, Fig. 8"),
    ],
)
def test_a_run_is_compared_with_the_curve_that_the_papers_print_of_it(
    strategy, objective, dataset, last, source
):
    curve = published_curve(strategy, objective, dataset)
    assert len(curve) == 7
    assert curve[-1].y == pytest.approx(last, abs=0.0051)
    assert curve[-1].source == source


def test_every_counterpart_exists():
    for (_, objective), places in COUNTERPARTS.items():
        for exhibit, series in places:
            panel = SUPPFIG2_PANELS[objective] if exhibit == "suppfig2" else ""
            assert published(exhibit, panel=panel, series=series)


def test_what_is_not_published_has_no_counterpart():
    assert published_curve("cod", "tod", "digits") == ()
    assert published_curve("badge", "supervised", "cifar10") == ()


def table_of(xs, strategy="cod", objective="tod", dataset="cifar10"):
    curve = published_curve(strategy, objective, dataset)
    pairs = compared([own(x, 80.0 + i, dataset=dataset) for i, x in enumerate(xs)], curve)
    return comparison_table(pairs, curve, dataset=dataset, metric="accuracy")


def test_the_table_says_measured_published_and_difference():
    table = table_of([10.0, 15.2])
    assert table.rows == (
        ("10.0", "80.00 ± 0.30", "79.68", "+0.32"),
        ("15.2", "81.00 ± 0.30", "87.85", "-6.85"),
    )
    assert table.caption == "accuracy on CIFAR-10, %, 3 seeds; published: Ours-Semi, ICCV 2021, Fig. 7"


def test_the_percentages_of_the_release_on_caltech_have_the_nearest_published_ones():
    table = table_of([11.2, 16.8, 22.4, 27.9, 33.5, 39.1, 44.7], dataset="caltech101")
    shown = [row[2] for row in table.rows]
    assert shown == [
        "68.87 at 10 %", "78.24 at 15 %", "82.84 at 20 %", "88.14 at 30 %", "89.32 at 35 %", "91.11 at 40 %",
        UNKNOWN,
    ]  # fmt: skip
    assert table.caption.endswith(
        "published: Ours-Semi, ICCV 2021, Fig. 7, which has no point within 2.5 percentage points of 44.7 %"
    )


def test_that_nothing_is_published_is_said_only_where_no_curve_is():
    far, unknown = table_of([2.0, 60.0]), table_of([10.0], dataset="digits")
    assert "no point within 2.5 percentage points of 2.0, 60.0 %" in far.caption
    assert [row[2] for row in far.rows] == [UNKNOWN, UNKNOWN]
    assert "no published counterpart" not in far.caption
    assert unknown.caption.endswith("; no published counterpart")


def test_the_closest_two_are_paired_first_and_each_once():
    theirs = published("fig7", "cifar10", series="Ours-Semi")
    pairs = pair([own(8.0, 1.0), own(10.0, 2.0), own(12.0, 3.0), own(14.0, 4.0)], theirs,
                 counterpart="cifar10", tolerance=2.5)  # fmt: skip
    assert [p.published and p.published.x for p in pairs[:4]] == [None, 10.0, None, 15.0]
