import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nextlabel.errors import DataError
from nextlabel.report.statistics import (
    area_under_curve,
    holm,
    isotonic,
    labels_saved,
    mean_interval,
    paired_difference,
)

fractions = st.floats(0.0, 1.0, allow_nan=False)
curves = st.lists(fractions, min_size=2, max_size=8)


def test_the_interval_of_three_values_is_t_4_303_standard_errors_wide() -> None:
    interval = mean_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.half_width == pytest.approx(4.302652729911275 / math.sqrt(3))  # t(0.975, 2), s = 1
    assert (interval.low, interval.high) == pytest.approx((2 - 2.484138, 2 + 2.484138), abs=1e-6)


def test_one_seed_has_a_mean_but_no_interval() -> None:
    interval = mean_interval([0.9])
    assert (interval.mean, interval.half_width, interval.low, interval.high, interval.n) == (
        0.9,
        None,
        None,
        None,
        1,
    )


def test_a_higher_level_gives_a_wider_interval() -> None:
    assert mean_interval([1, 2, 4], level=0.99).half_width > mean_interval([1, 2, 4], level=0.9).half_width


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=9).filter(lambda v: np.std(v) > 1e-3))
@settings(max_examples=25, deadline=None)
def test_the_interval_agrees_with_scipy(values: list[float]) -> None:
    ours = mean_interval(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx((low, high))


def test_a_value_that_is_not_finite_is_named() -> None:
    with pytest.raises(DataError, match="number 2 of 3 is nan"):
        mean_interval([0.5, float("nan"), 0.7])


def test_no_values_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="values must be a non-empty list"):
        mean_interval([])


def test_the_area_under_a_straight_line_is_its_mid_height() -> None:
    assert area_under_curve([100, 200], [0.5, 0.9]) == pytest.approx(0.7)


def test_the_area_weights_each_piece_by_its_width() -> None:
    # 10 labels at mean height 0.25, 30 labels at mean height 0.75
    assert area_under_curve([0, 10, 40], [0.0, 0.5, 1.0]) == pytest.approx((10 * 0.25 + 30 * 0.75) / 40)


@given(curves)
@settings(max_examples=25, deadline=None)
def test_the_area_lies_between_the_lowest_and_the_highest_point(accuracy: list[float]) -> None:
    area = area_under_curve(np.arange(len(accuracy)) * 7 + 3, accuracy)
    assert min(accuracy) - 1e-12 <= area <= max(accuracy) + 1e-12


def test_an_area_of_one_point_is_refused() -> None:
    with pytest.raises(DataError, match="at least two points"):
        area_under_curve([100], [0.5])


def test_label_counts_that_do_not_increase_are_refused() -> None:
    with pytest.raises(DataError, match="must increase"):
        area_under_curve([100, 100], [0.5, 0.6])


def test_a_curve_needs_one_accuracy_a_label_count() -> None:
    with pytest.raises(DataError, match="got 1 for 2"):
        area_under_curve([100, 200], [0.5])


def test_isotonic_pools_a_fall_to_its_mean() -> None:
    assert isotonic([0.1, 0.4, 0.2, 0.9]).tolist() == pytest.approx([0.1, 0.3, 0.3, 0.9])


@given(curves)
@settings(max_examples=25, deadline=None)
def test_isotonic_never_falls_and_keeps_the_mean(accuracy: list[float]) -> None:
    fitted = isotonic(accuracy)
    assert (np.diff(fitted) >= 0).all()
    assert fitted.mean() == pytest.approx(np.mean(accuracy))


def test_a_strategy_that_arrives_half_way_saves_by_linear_interpolation() -> None:
    # random has 0.8 at 400; the strategy has 0.7 at 200 and 0.9 at 300, so 0.8 at 250
    saved = labels_saved(
        [100, 200, 300, 400], [0.5, 0.7, 0.9, 0.95], [100, 200, 300, 400], [0.5, 0.6, 0.7, 0.8]
    )
    assert saved.strategy_labels == pytest.approx(250)
    assert (saved.random_labels, saved.target, saved.censored) == (400, 0.8, False)
    assert saved.ratio == pytest.approx(400 / 250)


def test_a_strategy_that_never_arrives_is_censored_with_an_upper_bound() -> None:
    saved = labels_saved([100, 200, 300], [0.5, 0.6, 0.65], [100, 200, 300], [0.5, 0.6, 0.7])
    assert saved.censored
    assert (saved.ratio, saved.strategy_labels) == (1.0, 300)


def test_a_dip_at_the_end_of_randoms_curve_is_pooled_before_it_is_the_target() -> None:
    # isotonic random: 0.5, 0.7, 0.7, first had at 200
    saved = labels_saved([100, 200, 300], [0.5, 0.6, 0.8], [100, 200, 300], [0.5, 0.74, 0.66])
    assert saved.target == pytest.approx(0.7)
    assert saved.random_labels == 200
    assert saved.ratio == pytest.approx(200 / 250)


def test_a_target_that_is_there_from_the_start_counts_the_start_set() -> None:
    saved = labels_saved([100, 200], [0.9, 0.95], [100, 200], [0.5, 0.8])
    assert (saved.strategy_labels, saved.ratio, saved.censored) == (100, 2.0, False)


@given(curves)
@settings(max_examples=25, deadline=None)
def test_random_saves_nothing_against_itself(accuracy: list[float]) -> None:
    counts = np.arange(len(accuracy)) * 50 + 100
    saved = labels_saved(counts, accuracy, counts, accuracy)
    assert (saved.ratio, saved.censored) == (1.0, False)


def test_paired_differences_agree_with_the_t_test_by_hand() -> None:
    # differences 1, 2, 3: mean 2, standard error 1/sqrt(3), t = 3.4641 with 2 degrees of freedom
    found = paired_difference([2, 4, 6], [1, 2, 3])
    assert found.interval.mean == 2.0
    assert found.p == pytest.approx(0.0741799, abs=1e-6)


@given(
    st.lists(st.tuples(fractions, fractions), min_size=3, max_size=8).filter(
        lambda v: np.std(np.subtract(*zip(*v, strict=True))) > 1e-3
    )
)
@settings(max_examples=25, deadline=None)
def test_paired_differences_agree_with_scipy_and_change_sign_with_the_order(
    pairs: list[tuple[float, float]],
) -> None:
    a, b = zip(*pairs, strict=True)
    found, back = paired_difference(a, b), paired_difference(b, a)
    assert found.p == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert back.interval.mean == pytest.approx(-found.interval.mean)
    assert back.p == pytest.approx(found.p)


def test_one_pair_has_a_difference_but_no_p_value() -> None:
    found = paired_difference([0.9], [0.8])
    assert found.interval.mean == pytest.approx(0.1)
    assert found.p is None


def test_differences_that_are_all_alike_have_the_limit_as_p_value() -> None:
    assert paired_difference([3, 4, 5], [1, 2, 3]).p == 0.0
    assert paired_difference([1, 2, 3], [1, 2, 3]).p == 1.0


def test_two_pairs_have_no_p_value_however_alike_they_are() -> None:
    assert paired_difference([0.95, 0.96], [0.94, 0.95]).p is None


def test_pairs_of_unequal_number_are_refused() -> None:
    with pytest.raises(DataError, match="2 and 1"):
        paired_difference([1, 2], [1])


def test_holm_multiplies_by_the_number_of_hypotheses_left_and_never_decreases() -> None:
    # sorted 0.01, 0.02, 0.025: 3 * 0.01 = 0.03, 2 * 0.02 = 0.04, 1 * 0.025 -> 0.04
    assert holm([0.025, 0.01, 0.02]) == pytest.approx((0.04, 0.03, 0.04))


def test_holm_keeps_a_single_p_value_and_caps_at_one() -> None:
    assert holm([0.3]) == (0.3,)
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


@given(st.lists(fractions, max_size=6))
@settings(max_examples=25, deadline=None)
def test_holm_is_never_below_the_raw_p_and_never_above_bonferroni(p_values: list[float]) -> None:
    for raw, adjusted in zip(p_values, holm(p_values), strict=True):
        assert raw <= adjusted <= min(1.0, len(p_values) * raw) + 1e-12


def test_holm_refuses_what_is_not_a_probability() -> None:
    with pytest.raises(DataError, match=r"number 2 of 2 is 1\.5"):
        holm([0.1, 1.5])
