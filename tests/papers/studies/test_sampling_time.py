"""Promises of the timing of one query: what each strategy passes, and what it is measured in."""

import json

import pytest

from nextlabel.errors import ConfigurationError
from nextlabel.papers.studies.sampling_time import STRATEGIES_TIMED, TimingSetup, sampling_time

SMALL = TimingSetup(
    items=40, labelled=8, batch_size=5, model="small_cnn", width=2, image=(3, 16, 16), vaal_width=2,
    repeats=1, device="cpu",
)  # fmt: skip


def test_a_query_by_cod_passes_the_pool_once_where_the_last_scan_was_kept_else_twice(tmp_path):
    found = sampling_time(SMALL, tmp_path)
    assert json.loads(json.dumps(found)) == found
    rows = {name: took["rows_forwarded"] for name, took in found["strategies"].items()}
    assert rows == {
        "cod": 40, "cod_two_passes": 80, "learning_loss": 40, "vaal": 40, "core_set": 48, "margin": 40,
    }  # fmt: skip
    assert tuple(rows) == STRATEGIES_TIMED
    for took in found["strategies"].values():
        assert took["passes"] == pytest.approx(took["seconds"] / found["plain_pass"])
        assert took["seconds"] == pytest.approx(took["scan_seconds"] + took["select_seconds"])
    assert found["device"] == "cpu"


def test_more_chosen_than_there_are_is_refused():
    with pytest.raises(ConfigurationError, match="got 9 of 5 and 1000"):
        TimingSetup(items=5, batch_size=9)
    with pytest.raises(ConfigurationError, match="repeats must be at least 1, got 0"):
        TimingSetup(repeats=0)
