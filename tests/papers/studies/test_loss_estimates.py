"""Promises of the series that are read off audits: means over seeds, randomness, and what is missing."""

import pytest

from nextlabel.bench.diagnostics_record import FRACTIONS, DiagnosticsRow
from nextlabel.errors import DataError, UnknownNameError
from nextlabel.papers.studies.loss_estimates import (
    DiagnosedCell,
    band_series,
    labels_of,
    loss_series,
    score_series,
    top_series,
)


def row(cycle, label, value, second_band=None):
    return DiagnosticsRow(
        cycle, 10 * cycle, 100, label, label, {}, None, None, value, 2 * value,
        (value, second_band, None, 0.2, 0.1), tuple(fraction * value for fraction in FRACTIONS),
    )  # fmt: skip


@pytest.fixture
def cells():
    return [
        DiagnosedCell(
            *("digits", "cod", "supervised", seed),
            (*(row(c, "cod", value * c, None if seed else 0.4) for c in (1, 2)), row(1, "margin", value)),
        )
        for seed, value in enumerate((1.0, 3.0))
    ]


def test_series_are_means_over_seeds_with_their_spread(cells):
    assert [(cell.seed, len(cell.rows)) for cell in cells] == [(0, 3), (1, 3)]
    assert labels_of(cells) == ["cod", "margin"]
    scores = score_series(cells, "cod")
    assert (scores.label, scores.x, scores.mean, scores.seeds) == ("cod", (1, 2), (2.0, 4.0), (2, 2))
    assert scores.spread == (pytest.approx(2**0.5), pytest.approx(8**0.5))
    assert loss_series(cells, "cod").mean == (4.0, 8.0)


def test_a_value_that_one_seed_lacks_is_the_mean_of_the_others(cells):
    band = band_series(cells, "cod")[1]
    assert (band.mean, band.spread, band.seeds) == ((0.4, 0.4), (None, None), (1, 1))


def test_bands_come_with_the_largest_scores_first(cells):
    bands = band_series(cells, "cod")
    assert [band.label for band in bands] == ["0-5 %", "5-10 %", "10-20 %", "20-50 %", "50-100 %"]
    assert bands[0].mean == (2.0, 4.0)
    assert bands[2].mean == (None, None)


def test_the_fraction_of_top_losses_is_read_by_cycle(cells):
    found = top_series(cells, "margin", 1)
    assert found.x == FRACTIONS
    assert found.mean == pytest.approx([2 * fraction for fraction in FRACTIONS])
    with pytest.raises(DataError, match="1 to 2, got 7"):
        top_series(cells, "cod", 7)
    with pytest.raises(UnknownNameError, match="did you mean 'margin'"):
        top_series(cells, "margn", 1)
