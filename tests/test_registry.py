from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

import numpy as np
import pytest

from nextlabel.errors import ConfigurationError, ContractError, UnknownNameError
from nextlabel.registry import Card, Registry


def registry(*cards):
    return Registry("part", "nextlabel.test_parts", cards)


def test_a_part_is_imported_only_when_it_is_created():
    parts = registry(Card("broken", "no_such_module:thing"), Card("fraction", "fractions:Fraction"))
    assert [card.name for card in parts] == ["broken", "fraction"]
    assert parts.create("fraction", numerator=3) == 3
    with pytest.raises(ContractError, match="the part 'broken' cannot be loaded from 'no_such_module:thing'"):
        parts.create("broken")


def test_a_name_can_be_taken_only_once():
    with pytest.raises(ConfigurationError, match="got 'a', which is already registered"):
        registry(Card("a", "collections:Counter"), Card("a", "collections:deque"))


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'counter'"):
        registry(Card("counter", "collections:Counter")).card("conter")


def test_an_unknown_option_offers_the_nearest():
    parts = registry(Card("fraction", "fractions:Fraction"))
    with pytest.raises(
        ConfigurationError,
        match="option of the part 'fraction' not found: 'numerater'; did you mean 'numerator'",
    ):
        parts.create("fraction", numerater=1)


def test_an_option_without_a_default_is_asked_for_by_its_setting():
    folders = Registry("data set", "nextlabel.test_parts", (Card("bare", "textwrap:fill"),))
    with pytest.raises(ConfigurationError, match=r"'bare' must be given 'text'.* write bare\(text=...\)"):
        folders.create("bare")


class Outer:
    def __init__(self, inner, other=None, /, *, size=1):
        self.inner = inner


def test_a_part_inside_may_have_no_default():
    parts = registry(Card("outer", f"{__name__}:Outer"), Card("fraction", "fractions:Fraction"))
    assert parts.create("outer(fraction)").inner == 0
    with pytest.raises(ConfigurationError, match=r"'outer' must be given 'inner'.* write outer\(PART\)"):
        parts.create("outer")


def made_by_another(rest):
    """Return what makes the part of this name, as of a package with names of its own."""
    if rest != "pair":
        raise UnknownNameError("foreign part", rest, ["pair"])
    return lambda *, left, right=2: (left, right)


def test_a_name_with_a_prefix_is_resolved_by_the_function_of_the_prefix():
    parts = Registry("part", "nextlabel.test_parts", prefixes={"other": f"{__name__}:made_by_another"})
    assert parts.create("other:pair", left=1) == (1, 2)
    assert "other:pair" in parts
    assert parts.card("other:pair").name == "other:pair"
    assert list(parts) == []
    with pytest.raises(UnknownNameError, match="'pear'; did you mean 'pair'"):
        parts.factory("other:pear")
    with pytest.raises(ConfigurationError, match="'other:pair' not found: 'rite'; did you mean 'right'"):
        parts.create("other:pair", left=1, rite=3)


def test_an_unknown_prefix_is_an_unknown_name_and_the_known_ones_are_offered():
    parts = Registry("part", "nextlabel.test_parts", prefixes={"other": "no_such_module:thing"})
    assert "another:pair" not in parts
    with pytest.raises(UnknownNameError, match=r"'another:pair'.*'other:NAME'"):
        parts.card("another:pair")
    with pytest.raises(ContractError, match="'other:pair' cannot be loaded from 'no_such_module:thing'"):
        parts.create("other:pair")


@dataclass(frozen=True)
class Tuned:
    """A part with options of every simple kind."""

    width: int = 8
    rate: float = 0.1
    form: str | None = None
    warm: bool = False
    anything: object = None


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("width", "abc", r"the option 'width' .* must be a whole number, got 'abc'"),
        ("width", 0.5, "must be a whole number, got 0.5"),
        ("width", True, "must be a whole number, got True"),
        ("rate", "abc", r"the option 'rate' .* must be a number, got 'abc'"),
        ("rate", [0.1], r"must be a number, got \[0.1\]"),
        ("form", 3, r"the option 'form' .* must be text, got 3"),
        ("warm", "no", r"the option 'warm' .* must be true or false, got 'no'"),
    ],
)
def test_a_value_of_another_kind_than_the_options_is_refused(option, value, sentence):
    parts = registry(Card("tuned", f"{__name__}:Tuned"))
    with pytest.raises(ConfigurationError, match=sentence):
        parts.create("tuned", **{option: value})


def test_numbers_of_every_library_and_whole_ones_for_broken_ones_are_taken():
    made = registry(Card("tuned", f"{__name__}:Tuned")).create(
        "tuned", width=np.int64(3), rate=1, form=None, warm=True, anything={"a": 1}
    )
    assert (made.width, made.rate, made.form, made.anything) == (3, 1, None, {"a": 1})


def test_other_packages_join_through_an_entry_point(monkeypatch):
    point = importlib.metadata.EntryPoint("theirs", "fractions:Fraction", "nextlabel.test_parts")
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: [point] if group.endswith("parts") else []
    )
    parts = registry(Card("ours", "collections:Counter"))
    assert "theirs" in parts
    assert parts.create("theirs", numerator=2) == 2


def test_an_entry_point_with_a_name_that_is_taken_is_refused_at_every_look(monkeypatch):
    points = [
        importlib.metadata.EntryPoint(name, "fractions:Fraction", "nextlabel.test_parts")
        for name in ("theirs", "ours")
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    parts = registry(Card("ours", "collections:Counter"))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="got 'ours', which is already registered"):
            list(parts)
