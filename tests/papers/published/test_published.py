"""Promises of the published numbers; what is expected here was read off the papers a second time."""

import math
import subprocess
import sys
from collections import Counter

import pytest

from nextlabel.errors import UnknownNameError
from nextlabel.papers.published.exhibits import EXHIBITS
from nextlabel.papers.published.values import TITLES, by_series, published

NUMBERED = (
    "fig1", "fig3", "fig5", "fig6", "fig7", "fig8", "fig9", "fig10", "fig11", "table1", "table2", "table3",
    "suppfig1", "suppfig2", "suppfig3", "noise", "model_selection",
)  # fmt: skip
CURVES = ("fig7", "fig8", "fig9", "fig10", "suppfig2", "noise")
ALL = [row for name in NUMBERED for row in published(name)]


def value(exhibit, dataset, series, x, panel=None):
    (row,) = [row for row in published(exhibit, dataset, panel=panel, series=series) if row.x == x]
    return row.y


def test_every_exhibit_with_numbers_has_as_many_as_the_papers_give():
    assert Counter(row.exhibit for row in ALL) == {
        "fig1": 14, "fig3": 56, "fig5": 70, "fig6": 40, "fig7": 321, "fig8": 57, "fig9": 56, "fig10": 56,
        "fig11": 70, "table1": 16, "table2": 59, "table3": 12, "suppfig1": 60, "suppfig2": 210,
        "suppfig3": 140, "noise": 44, "model_selection": 129,
    }  # fmt: skip


@pytest.mark.parametrize("exhibit", CURVES)
def test_every_learning_curve_has_seven_points_from_10_to_40_percent(exhibit):
    for (_, _, series), rows in by_series(published(exhibit)).items():
        xs = [row.x for row in rows]
        assert xs == ([100] if series == "Full training" else [10, 15, 20, 25, 30, 35, 40])


@pytest.mark.parametrize("exhibit", ["fig1", "fig3", "fig5", "fig11"])
def test_every_series_by_cycle_has_seven_cycles(exhibit):
    assert all(
        [row.x for row in rows] == list(range(1, 8)) for rows in by_series(published(exhibit)).values()
    )


@pytest.mark.parametrize(
    ("exhibit", "dataset", "series", "x", "y"),
    [
        ("fig1", "cifar100", "squared gradient norm", 7, 1.561),
        ("fig3", "svhn", "loss", 3, 0.150),
        ("fig5", "cifar10", "0-5 %", 1, 1.774),
        ("fig6", "svhn", "COD", 9.9, 68.8),
        ("fig7", "cifar10", "Ours-Semi", 40, 94.49),
        ("fig7", "cifar100", "Ours-Task", 25, 60.34),
        ("fig7", "caltech101", "Random", 40, 85.87),
        ("fig7", "stl10", "LL4AL", 15, 58.16),
        ("fig7", "fashion_mnist", "Full training", 100, 94.34),
        ("fig8", "cityscapes", "QBC", 30, 54.11),
        ("fig9", "cifar10", "LL4AL", 40, 94.05),
        ("fig10", "cifar100", "Task+CyclicOD", 10, 29.05),
        ("fig11", "cifar10", "class 4", 1, 62.5),
        ("table1", "cifar100", "SRAAL", 40, 66.2),
        ("table2", "cityscapes", "Task+Unsupervised", 17, 8),
        ("table3", "caltech101", "COD", 400, 26.9),
        ("noise", "cifar10", "Ours", 40, 81.17),
        ("suppfig3", "svhn", "1 step", 4.94, 76.7),
    ],
)
def test_single_values_are_those_of_the_papers(exhibit, dataset, series, x, y):
    assert value(exhibit, dataset, series, x) == pytest.approx(y, abs=0.0051)


def test_panels_keep_apart_what_shares_a_series():
    without = value("suppfig2", "cifar10", "Random", 40, panel="without the loss")
    assert (without, value("suppfig2", "cifar10", "Random", 40, panel="with the loss")) == (91.81, 92.22)
    (chosen,) = published("model_selection", "cifar100", panel="Top-3(10)", series="TOD")
    assert (chosen.y, chosen.x) == (87.4, None)
    (weight,) = [r for r in published("suppfig1", panel="lambda", series="40 % labelled") if r.x == 1]
    assert (weight.y, weight.spread) == pytest.approx((57.49, 0.20), abs=0.0051)


def test_numbers_are_distinct_finite_and_named():
    keys = [(row.exhibit, row.dataset, row.panel, row.series, row.x) for row in ALL]
    assert len(set(keys)) == len(keys)
    assert all(math.isfinite(row.y) and row.y >= 0 and row.dataset in TITLES and row.source for row in ALL)
    assert {row.how for row in published("table1")} == {"table"}


def test_a_table_read_twice_agrees_with_its_figure_where_the_papers_do():
    for dataset in ("cifar10", "cifar100"):
        figure = value("fig7", dataset, "Ours-Semi", 40)
        assert value("table1", dataset, "Base+Semi+Active", 40) == pytest.approx(figure, abs=0.051)


def test_every_exhibit_is_described_and_those_that_disagree_say_so():
    assert set(NUMBERED) <= set(EXHIBITS)
    assert all(EXHIBITS[name].y for name in NUMBERED)
    for name in ("fig1", "fig3", "fig7", "fig8", "table1", "table2", "suppfig1", "suppfig3"):
        assert EXHIBITS[name].notes


def test_an_unknown_exhibit_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match="did you mean 'fig7'"):
        published("figg7")


def test_an_unknown_line_or_part_of_an_exhibit_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match=r"'Ours-Sem'; did you mean 'Ours-S"):
        published("fig7", "cifar10", series="Ours-Sem")
    with pytest.raises(UnknownNameError, match="did you mean 'lambda'"):
        published("suppfig1", panel="lamda")


def test_a_data_set_that_an_exhibit_does_not_show_has_no_numbers_there():
    assert published("fig8", "cifar10") == published("fig7", "digits") == ()
    assert published("fig7", "svhn", series="CoreGCN") == ()  # a line of other data sets


def test_reading_loads_no_torch():
    code = "import sys; from nextlabel.papers.published.values import published; published('fig7'); "
    command = [sys.executable, "-c", code + "print('torch' in sys.modules)"]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.strip() == b"False"
