"""The whole of the published numbers by their sums, so that no value of theirs changes unseen.

The sums were taken once every number had been compared with the curves and tables of the papers. Next to the
plain sum stands one that weights the n-th number by n: two numbers that change places show in it.
"""

import pytest

from nextlabel.papers.published.values import published

SUMS = {
    # exhibit, data set: numbers, sum of y, sum of n * y, sum of x
    ("fig1", "cifar10"): (7, 14.114, 57.634, 28),
    ("fig1", "cifar100"): (7, 7.678, 35.199, 28),
    ("fig3", "cifar10"): (14, 5.365, 28.112, 56),
    ("fig3", "cifar100"): (14, 20.01, 164.553, 56),
    ("fig3", "svhn"): (14, 3.361, 14.943, 56),
    ("fig3", "caltech101"): (14, 7.372, 47.304, 56),
    ("fig5", "cifar10"): (35, 21.196, 220.862, 140),
    ("fig5", "svhn"): (35, 11.986, 96.034, 140),
    ("fig6", "cifar10"): (20, 376.37, 3665.85, 109.5),
    ("fig6", "svhn"): (20, 828.32, 8194.48, 109.8),
    ("fig7", "cifar10"): (78, 6909.262, 272407.915, 2025),
    ("fig7", "cifar100"): (64, 3544.66, 114764.123, 1675),
    ("fig7", "svhn"): (43, 4067.297, 89405.921, 1150),
    ("fig7", "caltech101"): (57, 4640.724, 134022.46, 1500),
    ("fig7", "fashion_mnist"): (50, 4619.06, 117747.73, 1325),
    ("fig7", "stl10"): (29, 1777.29, 27172.34, 800),
    ("fig8", "cityscapes"): (57, 3019.747, 87373.209, 1500),
    ("fig9", "cifar10"): (28, 2494.011, 36261.899, 700),
    ("fig9", "cifar100"): (28, 1519.243, 22116.424, 700),
    ("fig10", "cifar10"): (28, 2452.078, 35741.357, 700),
    ("fig10", "cifar100"): (28, 1505.742, 22171.64, 700),
    ("fig11", "cifar10"): (70, 6349.802, 227869.837, 280),
    ("table1", "cifar10"): (8, 743.1, 3353.6, 320),
    ("table1", "cifar100"): (8, 526.0, 2383.6, 320),
    ("table2", "cityscapes"): (59, 2373.7, 89507.9, 570),
    ("table3", "cifar10"): (4, 119.3, 169.3, 10000),
    ("table3", "svhn"): (4, 206.8, 275.9, 14400),
    ("table3", "caltech101"): (4, 147.3, 339.8, 1600),
    ("suppfig1", "cifar100"): (60, 3255.245, 104758.173, 32.2576),
    ("suppfig2", "cifar10"): (70, 6212.566, 220783.254, 1750),
    ("suppfig2", "cifar100"): (70, 3843.499, 138277.787, 1750),
    ("suppfig2", "svhn"): (70, 6616.88, 234887.52, 1750),
    ("suppfig3", "cifar10"): (70, 442.4, 12069.53, 191.59),
    ("suppfig3", "svhn"): (70, 2368.5, 81519.99, 192.08),
    ("noise", "cifar10"): (22, 1602.91, 18417.1, 625),
    ("noise", "cifar100"): (22, 848.73, 9864.12, 625),
    ("model_selection", "cifar10"): (43, 2859.91, 71067.33, 0),
    ("model_selection", "cifar100"): (43, 2496.69, 60720.06, 0),
    ("model_selection", "svhn"): (43, 2922.65, 73406.83, 0),
}

SPREADS = {
    # lambda and alpha, supplement, Fig. 1: numbers with a band, sum of half widths, sum of n * half width
    ("suppfig1", "cifar100"): (60, 48.73, 1268.57),
}

UNITS = {
    "fig1": {"1e-13", "1e-12"},  # of CIFAR-10 and CIFAR-100
    "fig3": {"", "nats"},  # of COD, whose scale is unknown, and of the loss
    "fig5": {"nats"},
    "table3": {"s"},
}
"""Of the exhibits that are not in per cent."""

PRINTED = {"table1", "table2", "table3", "model_selection"}
"""The exhibits whose numbers are printed; those of the others are measured from drawings."""


def weighted(values):
    return sum(place * value for place, value in enumerate(values, 1))


@pytest.mark.parametrize(("exhibit", "dataset"), SUMS)
def test_the_numbers_of_every_exhibit_and_data_set_have_the_sums_of_those_in_the_papers(exhibit, dataset):
    rows = published(exhibit, dataset)
    ys = [row.y for row in rows]
    sums = (len(rows), sum(ys), weighted(ys), sum(row.x or 0 for row in rows))
    # the papers' numbers have three decimals at most
    assert sums == pytest.approx(SUMS[exhibit, dataset], rel=0, abs=0.0004)


@pytest.mark.parametrize("exhibit", dict.fromkeys(exhibit for exhibit, _ in SUMS))
def test_every_exhibit_has_numbers_of_these_data_sets_alone_in_its_unit_and_way(exhibit):
    rows = published(exhibit)
    assert {(row.exhibit, row.dataset) for row in rows} == {key for key in SUMS if key[0] == exhibit}
    assert {row.unit for row in rows} == UNITS.get(exhibit, {"%"})
    assert {row.how for row in rows} == {"table" if exhibit in PRINTED else "vector"}


@pytest.mark.parametrize(("exhibit", "dataset"), SUMS)
def test_only_the_study_of_hyper_parameters_has_bands_and_theirs_have_the_papers_sums(exhibit, dataset):
    spreads = [row.spread for row in published(exhibit, dataset) if row.spread is not None]
    sums = (len(spreads), sum(spreads), weighted(spreads))
    assert sums == pytest.approx(SPREADS.get((exhibit, dataset), (0, 0, 0)), rel=0, abs=0.0004)
