import numpy as np
import pytest

from nextlabel.errors import DataError
from nextlabel.report.counts import count_classes
from nextlabel.report.runs import CellRecord, QueryRecord


def cell(queries, *, names=("a", "b"), seed=0):
    made = tuple(
        QueryRecord(cycle, tuple(map(str, range(sum(classes)))), tuple(classes), tuple(pool))
        for cycle, classes, pool in queries
    )
    return CellRecord(f"cell-{seed}", "digits", "cod", "supervised", seed, tuple(names), made, {}, None)


def test_counts_are_means_over_seeds_with_the_sum_over_cycles_last():
    found = count_classes(
        [
            cell([(1, [2, 4], [50, 50]), (2, [3, 3], [50, 50])]),
            cell([(1, [4, 2], [50, 50]), (2, [1, 5], [50, 50])], seed=1),
        ]
    )
    assert found.cycles == (1, 2)
    assert found.n_seeds == 2
    assert found.mean.tolist() == [[3, 2, 5], [3, 4, 7]]


def test_fractions_are_compared_with_the_candidates_of_the_same_cycle():
    # class a: 8 of 10 where 50 % were candidates (1.6), then 5 of 10 where 10 % were (5.0)
    found = count_classes([cell([(1, [8, 2], [50, 50]), (2, [5, 5], [10, 90])])])
    assert found.level[0].tolist() == [5, 6, 6]  # all: 13 of an expected 6
    assert found.level[1].tolist() == [0, 1, 0]  # 2 of 5, 5 of 9, 7 of 14


def test_a_query_in_proportion_to_the_pool_is_alike_everywhere():
    found = count_classes([cell([(1, [6, 4], [60, 40])])])
    assert np.unique(found.level).tolist() == [3]


def test_a_class_without_candidates_is_neither_sought_nor_avoided():
    assert count_classes([cell([(1, [10, 0], [50, 0])])]).level[1].tolist() == [3, 3]


def test_many_classes_are_cut_to_those_furthest_from_the_pools_proportion():
    classes = [10] * 29 + [40]
    found = count_classes([cell([(1, classes, [100] * 30)], names=[f"c{i}" for i in range(30)])])
    assert found.cut
    assert len(found.class_names) == 24
    assert found.class_names[-1] == "c29"


def test_cells_that_asked_nothing_have_no_counts():
    assert count_classes([cell([])]) is None


def test_cells_with_unlike_classes_are_refused():
    with pytest.raises(DataError, match="the same in every cell of 'cod'"):
        count_classes([cell([(1, [1, 1], [5, 5])]), cell([(1, [1, 1], [5, 5])], names=("a", "c"), seed=1)])


def test_the_description_names_the_extremes():
    found = count_classes([cell([(1, [9, 3], [50, 50])])])
    assert (
        found.description
        == "Most above its fraction of the candidates: a, at 1.5 times; most below: b, at 0.5 times."
    )
