import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.seeds import derive


def test_a_derived_seed_never_changes_between_versions():
    assert derive(0, "start") == 4801040339590912508
    assert derive(7, "fit", 3) == derive(7, "fit", 3)


def test_numbers_and_names_from_numpy_give_the_seeds_of_plain_ones():
    assert derive(0, "fit", np.int64(3)) == derive(0, "fit", 3)
    assert derive(0, "noise", np.str_("a.png")) == derive(0, "noise", "a.png")


@given(st.integers(), st.integers())
def test_different_run_seeds_give_different_streams(first, second):
    assert (derive(first, "fit", 1) == derive(second, "fit", 1)) == (first == second)


@given(st.integers(min_value=-(2**70), max_value=2**70), st.lists(st.text() | st.integers()))
def test_a_seed_fits_a_63_bit_generator(seed, purpose):
    assert 0 <= derive(seed, *purpose) < 2**63


def test_a_purpose_is_not_the_concatenation_of_its_parts():
    assert derive(0, "a", "b") != derive(0, "ab")
    assert derive(0, 1) != derive(0, "1")
