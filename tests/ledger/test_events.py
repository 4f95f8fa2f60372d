"""Tests of events, their fold and what may be written in one."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextlabel.errors import ConfigurationError, DataError, LabelsError, LedgerError
from nextlabel.ledger.events import (
    Event,
    State,
    canonical,
    check_ids,
    fold,
    ids_digest,
    label_text,
    pool_difference,
    query,
    storable,
)

OPENED = (1, "opened", -1, None, '{"pool":{"digest":"d","size":3},"settings":{"seed":7}}', "", 0.0)


def asked(seq, cycle, item):
    return (seq, "asked", cycle, item, '{"rank":0,"score":null}', "", 0.0)


def labelled(seq, item, text, kind="labelled", by="ann"):
    return (seq, kind, 0, item, text, by, 0.0)


def test_an_empty_state_has_no_cycle_and_nothing_pending():
    state = State()
    assert (state.opened, state.cycle, state.pending, state.n_events) == (False, -1, (), 0)


def test_fold_gives_what_the_events_say():
    state = State()
    measured = (7, "measured", 0, "fit", '{"loss":0.5}', "", 0.0)
    events = [
        OPENED,
        asked(2, 0, "b"),
        asked(3, 0, "a"),
        labelled(4, "a", "1"),
        asked(5, 2, "c"),
        labelled(6, "x", "2.5"),
    ]
    fold(state, [*events, measured])
    assert state.settings == {"seed": 7}
    assert (state.opened, state.pool_size, state.pool_digest) == (True, 3, "d")
    assert state.asked == {0: ("b", "a"), 2: ("c",)}
    assert state.cycle_of == {"b": 0, "a": 0, "c": 2}
    assert list(state.labels.items()) == [("a", 1), ("x", 2.5)]
    assert state.labelled_by == {"a": "ann", "x": "ann"}
    assert state.pending == ("b", "c")
    assert state.measurements == {(0, "fit"): {"loss": 0.5}}
    assert (state.cycle, state.n_events, state.forked) == (2, 7, None)


def test_a_correction_replaces_the_label_and_keeps_its_place():
    state = State()
    fold(
        state,
        [labelled(1, "a", "1"), labelled(2, "b", "2"), labelled(3, "a", "5", kind="corrected", by="bob")],
    )
    assert list(state.labels.items()) == [("a", 5), ("b", 2)]
    assert state.labelled_by["a"] == "bob"


def test_an_item_labelled_before_it_is_asked_is_not_pending():
    state = State()
    fold(state, [labelled(1, "a", "1"), asked(2, 0, "a"), asked(3, 0, "b")])
    assert state.asked == {0: ("a", "b")}
    assert state.pending == ("b",)


@given(st.data())
def test_folding_in_parts_gives_the_same_state_as_folding_at_once(data):
    ids = [f"i{number}" for number in range(8)]
    kinds = st.tuples(st.sampled_from(["asked", "labelled"]), st.sampled_from(ids), st.integers(-3, 3))
    made = data.draw(st.lists(kinds, max_size=20))
    events = [OPENED]
    for seq, (kind, item, value) in enumerate(made, start=2):
        events.append(asked(seq, abs(value), item) if kind == "asked" else labelled(seq, item, str(value)))
    cut = data.draw(st.integers(0, len(events)))
    whole, parts = State(), State()
    fold(whole, events)
    fold(parts, events[:cut])
    fold(parts, events[cut:])
    assert whole == parts


def test_an_unknown_kind_stops_the_fold_behind_the_events_before_it():
    state = State()
    events = [asked(1, 0, "a"), (2, "dreamt", 0, "a", "1", "", 0.0)]
    with pytest.raises(LedgerError, match=r"event 2 must be of the kinds .*, got 'dreamt'"):
        fold(state, events)
    assert (state.n_events, state.asked) == (1, {0: ("a",)})


@pytest.mark.parametrize("text", ["{", "", "nonsense"])
def test_a_value_that_is_not_json_is_an_error_that_names_the_event(text):
    with pytest.raises(LedgerError, match="event 1 "):
        fold(State(), [labelled(1, "a", text)])
    with pytest.raises(LedgerError, match="event 1 "):
        Event.from_raw(labelled(1, "a", text))


def test_an_event_is_read_from_its_row():
    assert Event.from_raw(labelled(4, "a", "2.0")) == Event(4, "labelled", 0, "a", 2.0, "ann", 0.0)
    with pytest.raises(LedgerError, match="got 'dreamt'"):
        Event.from_raw((2, "dreamt", 0, "a", "1", "", 0.0))


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (3, "3"),
        (-1, "-1"),
        (0.1, "0.1"),
        (3.0, "3.0"),
        (np.int64(5), "5"),
        (np.uint8(255), "255"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.5), "0.5"),
        ("masks/ä.png", '"masks/\\u00e4.png"'),
        ("12", '"12"'),
    ],
)
def test_a_label_is_written_as_a_plain_number_or_a_string(label, text):
    assert label_text("a", label) == text


@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.text().filter(storable)
)
def test_a_label_is_read_back_exactly(label):
    back = json.loads(label_text("a", label))
    assert back == label
    assert type(back) is type(label)


@pytest.mark.parametrize(
    "label",
    [None, True, np.bool_(True), "a\0b", "\ud800", [1], np.array([1]), np.array(1), 1j, Fraction(1, 3)],
)
def test_a_label_that_is_neither_number_nor_text_is_refused_by_the_items_name(label):
    with pytest.raises(LabelsError, match=r"the label of 'cat\.png' must be"):
        label_text("cat.png", label)


@pytest.mark.parametrize("label", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_a_label_that_is_not_finite_is_refused_by_the_items_name(label):
    with pytest.raises(LabelsError, match=r"label of 'cat\.png' must be a finite number"):
        label_text("cat.png", label)


@pytest.mark.parametrize("label", [2**63, -(2**63) - 1, 10**400])
def test_an_integer_label_beyond_64_bits_is_refused(label):
    with pytest.raises(LabelsError, match=r"'cat\.png' must be a finite number of at most 64 bits"):
        label_text("cat.png", label)


def test_canonical_json_does_not_depend_on_the_order_of_keys_or_the_kind_of_numbers():
    one = canonical({"b": (1, 2), "a": {"x": np.float64(0.5), "w": None}}, "it")
    two = canonical({"a": {"w": None, "x": 0.5}, "b": [np.int32(1), 2]}, "it")
    assert one == two == '{"a":{"w":null,"x":0.5},"b":[1,2]}'


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"fit": {"loss": math.nan}}, r"it\.fit\.loss must be finite, got nan"),
        ({"path": [1, object()]}, r"it\.path\[1\] must be JSON, got <object"),
        ({1: 2}, r"the keys of it must be strings, got 1"),
    ],
)
def test_what_is_not_json_is_refused_by_its_path(value, message):
    with pytest.raises(ConfigurationError, match=message):
        canonical(value, "it", ConfigurationError)


@pytest.mark.parametrize(
    ("text", "kept"), [("a.png", True), ("Käse", True), ("a\0b", False), ("\ud800", False)]
)
def test_only_text_that_every_database_keeps_is_storable(text, kept):
    assert storable(text) is kept


def test_a_number_is_not_storable_text():
    assert not storable(3)


def test_the_digest_changes_with_every_change_of_the_pool():
    pools = [["a", "b"], ["b", "a"], ["a"], ["a", "b", "c"], ["ab"]]
    assert len({ids_digest(pool) for pool in pools}) == len(pools)
    assert ids_digest(("a", "b")) == ids_digest(["a", "b"])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", 3], "got 3"),
        (["a\0"], "without NUL"),
        (["a", "b", "a", "b"], "'a', 'b'"),
    ],
)
def test_ids_that_cannot_be_used_are_refused(ids, message):
    with pytest.raises(DataError, match=message):
        check_ids(ids)


def test_the_difference_of_pools_names_ids_or_the_first_place_out_of_order():
    assert pool_difference(["a", "b"], ["a", "c"]) == "stored but not given: 'b'; given but not stored: 'c'"
    assert "from item 1 on: stored 'b', given 'c'" in pool_difference(["a", "b", "c"], ["a", "c", "b"])


def test_a_query_records_rank_and_score():
    records = query(["b", "a"], [np.float32(0.5), 0.25])
    assert records == [("asked", "b", '{"rank":0,"score":0.5}'), ("asked", "a", '{"rank":1,"score":0.25}')]
    assert query(["b"], None) == [("asked", "b", '{"rank":0,"score":null}')]


@pytest.mark.parametrize(
    ("ids", "scores", "message"),
    [
        ([], None, "at least one item"),
        (["a", "a"], None, "distinct, got 'a'"),
        (["a", "b"], [1.0], "1 scores for 2 items"),
        (["a", "b"], [1.0, math.inf], "the query of 'b'.score must be finite, got inf"),
    ],
)
def test_a_query_that_cannot_be_recorded_is_refused(ids, scores, message):
    with pytest.raises(DataError, match=message):
        query(ids, scores)
