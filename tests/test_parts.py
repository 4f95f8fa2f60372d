import math
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.errors import ConfigurationError
from nextlabel.parts import Part, check_ranges, part_labels, parts_of

NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=8).filter(
    lambda name: name not in ("true", "false", "inf", "nan", "name", "of", "_")
)
LITERALS = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
OPTIONS = st.dictionaries(NAMES.filter(str.isidentifier), LITERALS, max_size=3)
PARTS = st.recursive(
    st.builds(Part, NAMES, OPTIONS),
    lambda inner: st.builds(Part, NAMES, OPTIONS, st.lists(inner, max_size=2).map(tuple)),
    max_leaves=4,
)


@given(st.lists(PARTS, min_size=1, max_size=3))
def test_parts_read_back_from_their_text_and_their_tables(parts):
    assert parts_of(",".join(map(str, parts))) == parts
    assert parts_of([part.as_table() for part in parts]) == parts


def test_a_bare_name_is_a_part_by_position_and_a_string_as_an_option():
    assert Part.parse("balanced(margin, strength=0.5, mode=hard)") == Part(
        "balanced", {"strength": 0.5, "mode": "hard"}, (Part("margin"),)
    )
    assert Part.parse({"name": "balanced", "of": ["margin"], "strength": 0.5}).of == (Part("margin"),)


def test_tuples_are_lists_and_names_of_toml_are_their_values():
    assert Part.parse("a(b=(1, 2), c=true, d=-1e-3, e=-inf)").options == {
        "b": [1, 2], "c": True, "d": -1e-3, "e": float("-inf"),
    }  # fmt: skip


def test_equal_parts_have_the_same_text_and_hash():
    one, other = Part.parse("cod(form=l2, gap=epoch)"), Part.parse("cod(gap=epoch, form=l2)")
    assert one == other
    assert hash(one) == hash(other)
    assert Part("a", {"x": 1}) != Part("a", {"x": 1.0})


def test_names_may_have_colons_and_dots():
    assert Part.parse("timm:resnet18.a1_in1k(pretrained=True)").name == "timm:resnet18.a1_in1k"


def test_parts_are_called_by_name_unless_several_have_it():
    one, other, alone = Part("cod"), Part("cod", {"gap": "10 steps"}), Part("margin", {"x": 1})
    assert part_labels([one, other, alone]) == {one: "cod", other: "cod(gap='10 steps')", alone: "margin"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a part must have a name"),
        ("cod,,random", "a part must have a name"),
        ("cod(", "the bracket at position 3 of 'cod\\(' must be closed"),
        ("cod(3)", "must begin with a letter, got '3'"),
        ("cod(gap=None)", "'gap' .* must be a literal, got 'None'"),
        ("cod(name=x)", "'name' cannot be an option"),
        ("cod(gap={1: 2})", "must be a literal"),
        ("cod)", r"'\)' at position 3 of 'cod\)' closes nothing"),
        ("cod(gap='x)", "must end with '"),
        ("cod(gap=f(2))", "'gap' .* must be a literal, got 'f\\(2\\)'; put quotes"),
        ("cod(gap=__import__('os'))", "must be a literal"),
        ("cod(gap=1, gap=2)", "each option once, got 'gap' twice"),
        ("cod(gap=1, margin)", "parts must precede options .* got 'margin'"),
        ("cod(gap=1) x", "the call of 'cod' .* must end with"),
        ("co d", "without brackets, quotes and spaces"),
    ],
)
def test_what_is_no_part_is_one_sentence(text, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        parts_of(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"gap": 1}, "table must have a name"),
        ({"name": "cod", "of": "margin"}, "'of' of the part 'cod' must be a list"),
        (3, "must be a name or a table with a name, got 3"),
        ("cod,random", "must be a single one, got 2"),
    ],
)
def test_other_values_are_one_sentence_too(given, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        Part.parse(given)


def test_options_outside_their_range_are_refused_whatever_their_type():
    check_ranges("part 'a'", low=(0, "[0, 1]"), high=(np.float32(1), "[0, 1]"), large=(10**400, "(0, inf)"))
    for value in (-0.1, 1, math.nan, math.inf, "0", None):
        with pytest.raises(ConfigurationError, match=r"option 'low' of part 'a' must be in \[0, 1\), got"):
            check_ranges("part 'a'", low=(value, "[0, 1)"))
    with pytest.raises(ConfigurationError, match=r"in \(0, 1\], got 0"):
        check_ranges("part 'a'", low=(0, "(0, 1]"))
