import dataclasses

import numpy as np
import pytest

from nextlabel.errors import DataError
from nextlabel.report.sections import Comparison, summarise
from nextlabel.report.statistics import Interval, PairedDifference, area_under_curve, holm, paired_difference


def test_rows_fall_into_one_section_a_data_set_and_objective_in_order(rows_of):
    rows = [
        *rows_of(dataset="b", seeds=1),
        *rows_of(dataset="a", seeds=1),
        *rows_of(dataset="b", objective="tod", seeds=1),
    ]
    sections = summarise(rows)
    assert [(s.dataset, s.objective) for s in sections] == [
        ("b", "supervised"),
        ("a", "supervised"),
        ("b", "tod"),
    ]
    assert [s.title for s in sections] == [
        "b, objective supervised",
        "a, objective supervised",
        "b, objective tod",
    ]
    assert sections[2].slug == "b-tod"


def test_a_single_objective_is_not_named_in_the_title(rows_of):
    assert summarise(rows_of())[0].title == "digits"


def test_no_rows_give_no_sections():
    assert summarise([]) == ()


def test_curves_hold_every_seed_in_order_of_labels(rows_of):
    rows = rows_of(strategies=["cod", "random"], seeds=2, cycles=3)
    section = summarise(reversed(rows))[0]
    curve = next(curve for curve in section.curves if curve.strategy == "cod")
    assert curve.seeds == (0, 1)
    assert curve.n_labelled.tolist() == [140, 210, 280]
    assert curve.accuracy_sp.tolist() == [[r.accuracy for r in rows[:3]], [r.accuracy for r in rows[3:6]]]


def test_comparisons_with_random_are_paired_by_seed_and_corrected_over_the_run(rows_of):
    rows = [
        *rows_of(dataset="a", strategies=["cod", "random"]),
        *rows_of(dataset="b", strategies=["entropy", "random"]),
    ]
    first, second = summarise(rows)
    raw = []
    for section, name in ((first, "cod"), (second, "entropy")):
        areas = {
            s: [
                area_under_curve(
                    *zip(
                        *(
                            (r.n_labelled, r.accuracy)
                            for r in rows
                            if (r.dataset, r.strategy, r.seed) == (section.dataset, s, seed)
                        ),
                        strict=True,
                    )
                )
                for seed in range(3)
            ]
            for s in (name, "random")
        }
        raw.append(paired_difference(areas[name], areas["random"]).p)
    assert (first.against_random["cod"].p, second.against_random["entropy"].p) == pytest.approx(holm(raw))


def test_seeds_that_only_one_strategy_has_are_in_no_comparison(rows_of):
    rows = [row for row in rows_of(strategies=["cod", "random"]) if (row.strategy, row.seed) != ("random", 1)]
    assert summarise(rows)[0].against_random["cod"].difference.interval.n == 2


def test_a_cell_that_ended_early_is_left_out_of_the_means_and_named(rows_of):
    rows = [row for row in rows_of(cycles=4) if (row.strategy, row.seed) != ("cod", 1) or row.cycle < 3]
    section = summarise(rows)[0]
    assert section.curves[0].seeds == (0, 2)
    assert section.left_out == ("cod, seed 1 (210 of 350 labels)",)


def test_one_cycle_has_a_final_accuracy_but_no_area_and_no_comparison(rows_of):
    section = summarise(rows_of(cycles=1))[0]
    assert section.curves[0].areas.size == 0
    assert section.against_random == {}
    assert section.between == ()
    assert section.curves[0].final.n == 3


def test_without_random_nothing_is_saved_or_compared_with_it(rows_of):
    section = summarise(rows_of(strategies=["cod", "margin"]))[0]
    assert section.baseline is None
    assert section.saved == {}
    assert section.against_random == {}
    assert [(pair.first, pair.second) for pair in section.between] == [("cod", "margin")]


def test_totals_sum_over_cycles_and_average_over_seeds(rows_of):
    curve = summarise(rows_of(strategies=["cod"], seeds=2, cycles=3))[0].curves[0]
    assert curve.total("fit_seconds") == pytest.approx(0.55 + 0.60 + 0.65)
    assert curve.total("rows_forwarded") == (1400 - 140) + (1400 - 210)


def test_cycles_without_a_score_have_no_correlation(rows_of):
    section = summarise(rows_of(strategies=["cod", "random"], cycles=3))[0]
    assert list(section.curves[0].by_cycle("loss_correlation")) == [1, 2]
    assert section.curves[1].by_cycle("loss_correlation") == {}


def test_a_measurement_that_is_not_finite_names_cell_and_column(rows_of):
    rows = rows_of(strategies=["cod"], seeds=1)
    rows[1] = dataclasses.replace(rows[1], loss=float("nan"))
    with pytest.raises(
        DataError, match="loss must be finite in cycle 2 of the cell digits, cod, supervised, seed 0, got nan"
    ):
        summarise(rows)


def test_a_missing_cycle_is_an_error(rows_of):
    rows = [row for row in rows_of(strategies=["cod"], seeds=1) if row.cycle != 2]
    with pytest.raises(DataError, match=r"got \[1, 3, 4\]"):
        summarise(rows)


def test_seeds_with_unlike_label_counts_are_an_error(rows_of):
    rows = rows_of(strategies=["cod"], seeds=2)
    rows[1] = dataclasses.replace(rows[1], n_labelled=211)
    with pytest.raises(DataError, match="must be the same in every seed of 'cod'"):
        summarise(rows)


@pytest.mark.parametrize(
    ("mean", "p", "sign"), [(1.0, 0.01, 1), (-1.0, 0.01, -1), (1.0, 0.05, 0), (1.0, None, 0)]
)
def test_ahead_and_behind_need_a_p_below_five_percent(mean, p, sign):
    difference = PairedDifference(Interval(mean, 0.5, 3), p)
    assert Comparison("a", "b", difference, p).sign == sign


def test_labels_saved_come_from_the_mean_curves(rows_of):
    section = summarise(rows_of(strategies=["cod", "random"], cycles=6))[0]
    cod, random = section.curves
    saved = section.saved["cod"]
    assert saved.target == pytest.approx(np.max(random.accuracy_sp.mean(0)), abs=1e-3)
    assert 1 < saved.ratio < random.n_labelled[-1] / cod.n_labelled[0]


def reference(row, strategy, accuracy):
    return dataclasses.replace(
        row, strategy=strategy, cycle=1, n_labelled=1400, accuracy=accuracy, n_chosen=0
    )


def test_trainings_on_all_labels_are_references_and_in_no_comparison(rows_of):
    rows = rows_of(strategies=["cod", "random"], seeds=2, cycles=3)
    full = [
        dataclasses.replace(reference(rows[0], "full_training", accuracy), seed=seed)
        for seed, accuracy in ((0, 0.97), (1, 0.99))
    ]
    with_them, without = summarise([*full, *rows])[0], summarise(rows)[0]
    assert dataclasses.replace(with_them, references=()).left_out == without.left_out == ()
    assert [c.strategy for c in with_them.curves] == ["cod", "random"]
    assert with_them.against_random.keys() == {"cod"}
    assert with_them.between == ()
    (found,) = with_them.references
    assert (found.strategy, found.seeds, found.final.mean) == ("full_training", (0, 1), pytest.approx(0.98))
    assert with_them.saved == without.saved


def test_references_alone_are_shown_as_what_they_are(rows_of):
    section = summarise([reference(rows_of()[0], "full_training", 0.9)])[0]
    assert [curve.strategy for curve in section.curves] == ["full_training"]
    assert section.references == ()
