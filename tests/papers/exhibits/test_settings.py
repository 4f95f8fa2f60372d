"""Promises of what a reproduction is asked to run, and of what differs from the preset."""

from pathlib import Path

import pytest

from nextlabel.errors import ConfigurationError
from nextlabel.papers.exhibits.catalogue import exhibit
from nextlabel.papers.exhibits.comparison import comparison_table
from nextlabel.papers.exhibits.exhibit import Request
from nextlabel.papers.exhibits.numbers import Pair, measured
from nextlabel.papers.exhibits.settings import base_settings, changed_settings, check_free, exhibit_folder
from nextlabel.papers.published.values import published
from nextlabel.report.tables import UNKNOWN


def test_where_data_lie_what_models_run_on_and_seeds_do_not_change_what_is_measured():
    base = base_settings("cifar10", "code", trials=5, device="cpu", root=Path("elsewhere"))
    assert changed_settings(base, "code") == ()


@pytest.mark.parametrize(
    ("setting", "stated"),
    [
        ("learner.epochs=3", "learner.epochs is 3, not 200"),
        ("dataset.cifar10.pool=400", "pool is 400, not the default"),
        ("candidate_size=100", "candidate_size is 100, not 25000"),
    ],
)
def test_what_changes_a_measurement_is_stated_with_the_presets_value(setting, stated):
    base = base_settings("cifar10", "code", settings=[setting])
    assert any(stated in change for change in changed_settings(base, "code"))


def test_each_set_of_settings_has_a_folder_of_its_own_and_the_presets_the_plain_one():
    usual, more, short = (
        base_settings("digits", "fast", **one) for one in ({}, {"trials": 5}, {"cycles": 2})
    )
    names = [exhibit_folder("fig7", base, "fast") for base in (usual, more, short)]
    names.append(exhibit_folder("fig7", usual, "fast", ["Random"]))
    assert names[0] == "fig7-digits-fast"
    assert len(set(names)) == 4
    assert exhibit_folder("fig7", more, "fast") == names[1]


def test_no_difference_is_reported_of_other_settings():
    theirs = published("fig9", "cifar10", series="Random")[0]
    own = measured([50.0], dataset="cifar10", series="Random", x=theirs.x, unit="%")
    for alike, stated in ((True, f"{50 - theirs.y:+.2f}"), (False, UNKNOWN)):
        table = comparison_table(
            [Pair(own, theirs)], [theirs], dataset="cifar10", metric="accuracy", alike=alike
        )
        assert table.rows[0][-1] == stated


def test_a_setting_that_an_exhibit_decides_is_refused(tmp_path):
    arms = exhibit("fig3").arms(Request(base_settings("digits", "fast"), tmp_path))
    check_free("fig3", arms, ["learner.epochs=2"])
    with pytest.raises(ConfigurationError, match="fig3 fixes the setting 'score_last' itself; leave"):
        check_free("fig3", arms, ["score_last=false"])
