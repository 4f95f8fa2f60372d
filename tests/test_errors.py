import pytest

from nextlabel.errors import (
    MissingExtraError,
    NextlabelError,
    UnknownNameError,
    listed,
    nearest,
)


def test_an_unknown_name_offers_the_nearest_and_lists_the_known_ones():
    error = UnknownNameError("strategy", "margn", ["margin", "cod"])
    assert isinstance(error, NextlabelError)
    assert str(error) == "strategy not found: 'margn'; did you mean 'margin'? Known: 'cod', 'margin'."


@pytest.mark.parametrize("name", ["CIFAR10", "Cifar10", "CIFAR-10", "cifar_10"])
def test_case_hyphens_and_underscores_do_not_hide_the_nearest_name(name):
    assert nearest(name, ["caltech101", "cifar10", "cifar100", "cifar10_jpeg"]) == "cifar10"


def test_a_name_like_no_other_gets_no_guess():
    assert nearest("xyzzy", ["margin", "cod"]) is None
    assert "did you mean" not in str(UnknownNameError("strategy", "xyzzy", ["margin"]))


def test_a_missing_extra_names_the_command_that_brings_it():
    assert "pip install 'nextlabel[parquet]'" in str(
        MissingExtraError("pyarrow", "parquet", "writing Parquet")
    )


def test_long_lists_end_in_a_count():
    assert listed("abcdef", limit=2) == "'a', 'b' and 4 more"


def test_an_unknown_name_without_a_near_one_still_reads_as_a_sentence():
    assert str(UnknownNameError("layer", "zzz", [])) == "layer not found: 'zzz'. Known: none."
