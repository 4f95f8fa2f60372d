import dataclasses
from pathlib import Path

import pytest

from nextlabel.config.experiment import load_config
from nextlabel.report.findings import details, lead, ratio_text
from nextlabel.report.sections import summarise
from nextlabel.results import read_csv

MEASURED = Path(__file__).parents[2] / "benchmarks/results/digits.csv"


def section_with(rows_of, gains, *, seeds=4, spread=0.001):
    """Four points a curve; past the start each strategy is its gain above random, give or take."""
    rows = []
    for name, gain in gains.items():
        for row in rows_of(strategies=["random"], seeds=seeds, cycles=4):
            above = (gain + spread * (row.seed - 1.5)) * (row.cycle > 1) if name != "random" else 0.0
            base = [0.80, 0.85, 0.88, 0.90][row.cycle - 1]
            rows.append(dataclasses.replace(row, strategy=name, accuracy=base + above))
    return summarise(rows)[0]


def test_the_lead_says_how_many_more_labels_random_needs(rows_of):
    # with 0.05 above, the strategy has random's final 0.90 at its second point: 350 / 210 = 1.67
    section = section_with(rows_of, {"cod": 0.05, "random": 0.0})
    assert (
        lead(section)
        == "On digits, random needs 1.7 times as many labels as cod to reach random's final accuracy."
    )
    assert details(section) == ("Over the whole curve, cod is ahead of random.",)


def test_strategies_with_the_same_ratio_share_a_phrase_and_the_best_comes_first(rows_of):
    section = section_with(rows_of, {"badge": 0.02, "cod": 0.05, "margin": 0.0501, "random": 0.0})
    assert "1.7 times as many labels as margin and cod and 1.2 times as many labels as badge" in lead(section)


def test_a_difference_within_the_noise_is_not_called_one(rows_of):
    section = section_with(rows_of, {"cod": 0.001, "random": 0.0}, spread=0.01)
    assert lead(section).startswith(
        "On digits, cod cannot be distinguished from random with 4 seeds; on average, random needs"
    )
    assert details(section) == ()


def test_what_the_lead_says_of_the_end_is_not_said_twice(rows_of):
    section = section_with(rows_of, {"cod": -0.002, "random": 0.0}, spread=0.01)
    assert lead(section).endswith("with 4 seeds; on average, cod does not reach random's final accuracy.")
    assert details(section) == ()


def test_a_strategy_behind_random_is_said_to_be_behind(rows_of):
    section = section_with(rows_of, {"cod": -0.05, "random": 0.0})
    assert lead(section) == "On digits, cod is behind random, and no strategy is ahead of it."
    assert details(section) == ("On average, cod does not reach random's final accuracy.",)


def test_winners_and_losers_share_the_lead(rows_of):
    section = section_with(rows_of, {"cod": 0.05, "core_set": -0.05, "random": 0.0})
    assert lead(section).endswith("random's final accuracy, while core_set is behind random.")
    assert "Among the strategies, cod is ahead of core_set." in details(section)


def test_strategies_that_are_too_close_cannot_be_distinguished(rows_of):
    section = section_with(rows_of, {"cod": 0.05, "random": 0.0})
    close = [
        dataclasses.replace(
            r, strategy="margin", accuracy=r.accuracy + 0.001 * (-1) ** r.seed * (r.cycle > 1)
        )
        for c in section.curves[:1]
        for rows in c.rows_sp
        for r in rows
    ]
    both = summarise([r for c in section.curves for rows in c.rows_sp for r in rows] + close)[0]
    assert "With 4 seeds, cod and margin cannot be distinguished from each other." in details(both)


def test_undecided_strategies_are_named_next_to_decided_ones(rows_of):
    section = section_with(rows_of, {"cod": 0.05, "random": 0.0})
    wide = section_with(rows_of, {"entropy": 0.001, "random": 0.0}, spread=0.01)
    rows = [r for c in (*section.curves, wide.curves[0]) for cell in c.rows_sp for r in cell]
    assert "With 4 seeds, entropy cannot be distinguished from random." in details(summarise(rows)[0])


def test_one_seed_cannot_be_distinguished_from_random(rows_of):
    section = section_with(rows_of, {"cod": 0.05, "random": 0.0}, seeds=1)
    assert lead(section).endswith("but with 1 seed this may be random variation.")
    assert details(section) == ()


def test_without_random_nothing_is_said_of_labels_saved(rows_of):
    section = section_with(rows_of, {"cod": 0.05, "margin": 0.01})
    assert lead(section) == (
        "On digits, cod ends highest with 95.0 % accuracy, but without random, the labels saved are unknown."
    )


def test_random_alone_only_has_its_final_accuracy(rows_of):
    assert lead(section_with(rows_of, {"random": 0.0})) == (
        "On digits, random ends with 90.0 % accuracy; no other strategy was run."
    )


def test_one_cycle_is_no_learning_curve(rows_of):
    assert "no learning curve to compare" in lead(summarise(rows_of(cycles=1))[0])


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.37, "1.4 times as many labels as"),
        (1.04, "as many labels as"),
        (0.8, "0.8 times as many labels as"),
    ],
)
def test_ratios_are_said_with_one_digit(ratio, text):
    assert ratio_text(ratio) == text


def test_the_seeds_of_the_main_job_settle_cod_against_random_and_three_do_not():
    job = load_config()
    compared = {part.name for part in job.strategy}
    rows = [r for r in read_csv(MEASURED) if r.objective == "supervised" and r.strategy in compared]

    def of_first(seeds):
        section = summarise([row for row in rows if row.seed < seeds])[0]
        interval = section.against_random["cod"].difference.interval
        ends = (interval.mean, interval.mean - interval.half_width, interval.mean + interval.half_width)
        return section, [round(100 * end, 1) for end in ends]

    section, difference = of_first(job.seeds)
    assert difference == [2.7, 2.0, 3.3]  # as docs/results.md says
    assert lead(section).startswith("On digits, random needs 2.3 times as many labels as margin and 2.2")
    section, difference = of_first(3)
    assert difference == [2.0, -0.4, 4.4]
    assert "cannot be distinguished from random with 3 seeds" in lead(section)
