"""Tests of the ledger in one process."""

from __future__ import annotations

import math
import sqlite3
import threading

import numpy as np
import pytest

from nextlabel.errors import ConfigurationError, DataError, LabelsError, LedgerError
from nextlabel.ledger.ledger import Ledger

IDS = ["a.png", "b.png", "c.png", "d.png", "e.png"]
SETTINGS = {"batch_size": 2, "strategy": "cod", "model": {"depth": 2}}


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    # no power is cut here; the processes that are killed in test_ledger_processes.py do wait for it
    monkeypatch.setattr("nextlabel.ledger.database.SYNCHRONOUS", "OFF")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "campaign.db"


@pytest.fixture
def ledger(path):
    with Ledger(path) as made:
        made.open(SETTINGS, IDS)
        yield made


def test_a_ledger_is_made_with_its_folders(tmp_path):
    with Ledger(tmp_path / "runs" / "one" / "campaign.db") as ledger:
        assert not ledger.state.opened
    assert (tmp_path / "runs" / "one" / "campaign.db").is_file()


def test_a_path_may_be_given_as_text_or_as_a_url(path):
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.open(SETTINGS, IDS)
    with Ledger(str(path)) as ledger:
        assert ledger.state.settings == SETTINGS


def test_opening_writes_the_settings_once(ledger, path):
    assert ledger.state.settings == SETTINGS
    assert ledger.state.pool_size == len(IDS)
    ledger.open(dict(reversed(SETTINGS.items())), tuple(IDS))
    assert ledger.state.n_events == 1
    with Ledger(path) as again:
        assert again.open(SETTINGS, IDS).n_events == 1


def test_opening_with_other_settings_shows_the_difference_and_changes_nothing(ledger):
    with pytest.raises(ConfigurationError, match="batch_size: stored 2, given 50"):
        ledger.open({**SETTINGS, "batch_size": 50}, IDS)
    assert ledger.state.settings == SETTINGS


def test_at_most_ten_differences_are_shown(path):
    with Ledger(path) as ledger:
        ledger.open({f"k{number}": 0 for number in range(14)}, IDS)
        with pytest.raises(ConfigurationError, match="and 4 more; use the same settings"):
            ledger.open({f"k{number}": 1 for number in range(14)}, IDS)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (IDS[:-1], r"stored but not given: 'e\.png'"),
        ([*IDS, "f.png"], r"given but not stored: 'f\.png'"),
        (IDS[::-1], r"order differs from item 0"),
    ],
)
def test_opening_with_another_pool_shows_the_difference(ledger, ids, message):
    with pytest.raises(ConfigurationError, match=message):
        ledger.open(SETTINGS, ids)


def test_settings_that_are_not_json_are_refused_before_anything_is_written(path):
    with Ledger(path) as ledger:
        with pytest.raises(ConfigurationError, match=r"settings\.lr must be finite, got nan"):
            ledger.open({"lr": math.nan}, IDS)
        assert ledger.state.n_events == 0


@pytest.mark.parametrize("ids", [[], ["a", "a"], ["a", 1]])
def test_a_pool_that_cannot_be_used_is_refused_before_anything_is_written(path, ids):
    with Ledger(path) as ledger:
        with pytest.raises(DataError):
            ledger.open(SETTINGS, ids)
        assert ledger.state.n_events == 0


@pytest.mark.parametrize(
    "write",
    [lambda it: it.ask(0, ["a.png"]), lambda it: it.tell({"a.png": 1}), lambda it: it.measure(0, "fit", {})],
)
def test_nothing_can_be_written_before_the_opening(path, write):
    with Ledger(path) as ledger, pytest.raises(LedgerError, match="call open first"):
        write(ledger)


def test_a_query_is_pending_in_its_order_until_it_is_labelled(ledger):
    state = ledger.ask(0, ["d.png", "a.png"], scores=[0.5, 0.25])
    assert (state.cycle, state.asked, state.pending) == (0, {0: ("d.png", "a.png")}, ("d.png", "a.png"))
    assert ledger.tell({"d.png": 1}).pending == ("a.png",)
    assert ledger.tell({"a.png": 0}).pending == ()
    assert ledger.ask(1, ["b.png"]).asked == {0: ("d.png", "a.png"), 1: ("b.png",)}


def test_an_item_labelled_in_the_meantime_may_be_asked(ledger):
    ledger.tell({"a.png": 1})
    assert ledger.ask(0, ["a.png", "b.png"]).pending == ("b.png",)


@pytest.mark.parametrize("cycle", [0, -1])
def test_a_cycle_is_asked_once_and_in_order(ledger, cycle):
    ledger.ask(0, ["a.png"])
    with pytest.raises(LedgerError, match=f"cycle must be above 0, the last one asked, got {cycle}"):
        ledger.ask(cycle, ["b.png"])


def test_an_item_is_asked_once(ledger):
    ledger.ask(0, ["a.png", "b.png"])
    with pytest.raises(LedgerError, match=r"'b\.png' again in cycle 1 \('b\.png' was asked in cycle 0\)"):
        ledger.ask(1, ["c.png", "b.png"])
    assert ledger.state.asked == {0: ("a.png", "b.png")}


@pytest.mark.parametrize(
    ("ids", "scores"), [([], None), (["a.png", "a.png"], None), (["a.png"], [math.nan]), (["f.png"], None)]
)
def test_a_query_with_a_mistake_is_refused_as_a_whole(ledger, ids, scores):
    with pytest.raises(DataError):
        ledger.ask(0, ids, scores)
    assert ledger.state.n_events == 1


def test_labels_may_arrive_in_any_part_and_order_whether_asked_or_not(ledger):
    ledger.ask(0, ["a.png", "b.png"])
    ledger.tell([("e.png", 4), ("b.png", 1)], by="ann")
    state = ledger.tell({"a.png": np.int64(0)}, by="bob")
    assert list(state.labels.items()) == [("e.png", 4), ("b.png", 1), ("a.png", 0)]
    assert type(state.labels["a.png"]) is int
    assert state.labelled_by == {"e.png": "ann", "b.png": "ann", "a.png": "bob"}


def test_telling_nothing_writes_nothing(ledger):
    assert ledger.tell({}).n_events == 1


def test_integers_and_floats_are_distinguished_after_reopening(ledger, path):
    ledger.tell({"a.png": 3, "b.png": 3.0, "c.png": np.float32(0.5), "d.png": -1})
    with Ledger(path) as again:
        assert [repr(label) for label in again.state.labels.values()] == ["3", "3.0", "0.5", "-1"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"a.png": 1, "b.pgn": 1}, r"got 'b\.pgn'; did you mean 'b\.png'\?"),
        ({"a.png": 1, "\ud800": 1}, "an id must be a Unicode string"),
        ([("a.png", 1), (7, 1)], r"an id must be a Unicode string .* got 7 \(int\); use str"),
        ([("a.png", 1), ("b.png", 1), ("a.png", 1)], r"distinct, got 'a\.png'"),
        ({"a.png": 1, "b.png": None}, r"label of 'b\.png' must be .*, got None"),
        ({"a.png": 1, "b.png": True}, r"label of 'b\.png' must be .*, got True"),
        ({"a.png": 1, "b.png": math.nan}, r"label of 'b\.png' must be a finite .*, got nan"),
        ({"a.png": 1, "c.png": 2}, r"no label yet, got 'c\.png' \('c\.png': 0\).*replace=True"),
    ],
)
def test_labels_with_a_mistake_are_refused_as_a_whole(ledger, labels, message):
    ledger.tell({"c.png": 0})
    with pytest.raises(LabelsError, match=message):
        ledger.tell(labels)
    assert ledger.state.labels == {"c.png": 0}
    assert ledger.state.n_events == 2


def test_a_name_of_half_characters_is_refused(ledger):
    with pytest.raises(LabelsError, match="by must be a Unicode string"):
        ledger.tell({"a.png": 1}, by="\ud800")


def test_replace_corrects_labels_and_tells_the_others(ledger):
    ledger.tell({"a.png": 1, "b.png": 1}, by="ann")
    state = ledger.tell({"a.png": 2, "c.png": 3}, by="bob", replace=True)
    assert list(state.labels.items()) == [("a.png", 2), ("b.png", 1), ("c.png", 3)]
    assert [event.kind for event in ledger.events()] == [
        "opened",
        "labelled",
        "labelled",
        "corrected",
        "labelled",
    ]
    assert ledger.tell({"a.png": 0}, replace=True).labels["a.png"] == 0


def test_the_nearest_id_is_found_in_a_pool_too_large_to_compare_with(path, monkeypatch):
    monkeypatch.setattr("nextlabel.ledger.database.IDS_TO_COMPARE", 10)
    with Ledger(path) as ledger:
        ledger.open({}, [f"image_{number:04d}" for number in range(40)])
        with pytest.raises(LabelsError, match="did you mean 'image_002"):
            ledger.tell({"image_0020x": 1})
        with pytest.raises(LabelsError, match=r"got 'a\\x00b' \(str\); use str"):
            ledger.tell({"a\0b": 1})


def test_more_labels_than_one_sql_statement_holds_are_stored_at_once(path, monkeypatch):
    monkeypatch.setattr("nextlabel.ledger.database.IDS_PER_QUERY", 7)
    monkeypatch.setattr("nextlabel.ledger.database.ROWS_PER_QUERY", 10)
    ids = [f"i{number}" for number in range(40)]
    with Ledger(path) as ledger:
        ledger.open({}, ids)
        assert ledger.ask(0, ids[::-1]).asked == {0: tuple(ids[::-1])}
        ledger.tell({item: place for place, item in enumerate(ids)})
        assert [event.seq for event in ledger.events()] == list(range(1, 82))
    with Ledger(path) as again:
        assert again.state.labels == {item: place for place, item in enumerate(ids)}
        assert again.state.asked == {0: tuple(ids[::-1])}


def test_a_measurement_is_recorded_once_for_a_cycle_and_name(ledger):
    ledger.measure(0, "fit", {"loss": np.float64(0.5), "epochs": 3})
    ledger.measure(1, "fit", {"loss": 0.25})
    state = ledger.measure(0, "scan", {"rows": 10})
    assert state.measurements == {
        (0, "fit"): {"loss": 0.5, "epochs": 3},
        (1, "fit"): {"loss": 0.25},
        (0, "scan"): {"rows": 10},
    }
    with pytest.raises(LedgerError, match="cycle 0 has a measurement 'fit' already"):
        ledger.measure(0, "fit", {"loss": 0.5, "epochs": 3})
    assert ledger.state.n_events == 4


def test_a_measurement_that_is_not_finite_is_refused_by_its_name(ledger):
    with pytest.raises(DataError, match=r"cycle 2: fit\.loss must be finite, got nan"):
        ledger.measure(2, "fit", {"loss": math.nan})
    with pytest.raises(DataError, match="Unicode string without NUL"):
        ledger.measure(2, "\ud800", {})


def test_a_cycle_is_a_whole_number(ledger):
    for cycle in (0.5, "0", None):
        with pytest.raises(ConfigurationError, match="cycle must be a whole number"):
            ledger.ask(cycle, ["a.png"])
        with pytest.raises(ConfigurationError, match="cycle must be a whole number"):
            ledger.measure(cycle, "fit", {})
    for cycle in (0.5, "0"):
        with pytest.raises(ConfigurationError, match="before_cycle must be a whole number, got"):
            ledger.fork("unused.db", before_cycle=cycle, settings={})
    assert ledger.state.cycle == -1


def test_ids_may_be_any_sequence_but_a_string(ledger):
    with pytest.raises(DataError, match=r"ids must be a sequence of strings, got 'ab'; write \['ab'\]"):
        ledger.ask(0, "ab")
    assert ledger.ask(np.int64(0), np.array(["a.png", "b.png"])).asked == {0: ("a.png", "b.png")}


def test_events_tell_what_happened_when_and_by_whom(ledger):
    ledger.ask(0, ["b.png", "a.png"], scores=[2.0, 1.0])
    ledger.tell({"a.png": 1}, by="ann")
    ledger.measure(0, "fit", {"loss": 0.5})
    events = list(ledger.events())
    assert [(e.seq, e.kind, e.cycle, e.item, e.value, e.by) for e in events[1:]] == [
        (2, "asked", 0, "b.png", {"rank": 0, "score": 2.0}, ""),
        (3, "asked", 0, "a.png", {"rank": 1, "score": 1.0}, ""),
        (4, "labelled", 0, "a.png", 1, "ann"),
        (5, "measured", 0, "fit", {"loss": 0.5}, ""),
    ]
    assert events[0].value["settings"] == SETTINGS
    times = [event.at for event in events]
    assert times[0] > 1.6e9  # seconds since 1970
    assert times[1] == times[2]  # one query, one time


def test_events_may_be_read_while_others_are_written(ledger):
    seen = []
    for event in ledger.events():
        seen.append(event.kind)
        if event.kind == "opened":
            ledger.tell({"a.png": 1})
    assert seen == ["opened", "labelled"]


def test_the_state_is_live_and_read_once(ledger):
    before = ledger.state
    ledger.tell({"a.png": 1})
    assert before is ledger.state
    assert before.labels == {"a.png": 1}


def test_two_ledgers_on_one_file_see_each_other(ledger, path):
    with Ledger(path) as other:
        ledger.ask(0, ["a.png", "b.png"])
        assert other.state.pending == ("a.png", "b.png")
        other.tell({"a.png": 1})
        with pytest.raises(LabelsError, match="must have no label yet"):
            ledger.tell({"a.png": 2})
        with pytest.raises(LedgerError, match="cycle must be above 0"):
            other.ask(0, ["c.png"])
        assert ledger.state == other.state


def test_threads_may_share_a_ledger(path):
    ids = [f"i{number}" for number in range(40)]
    with Ledger(path) as ledger:
        ledger.open({}, ids)
        parts = [ids[start::4] for start in range(4)]
        threads = [
            threading.Thread(target=lambda part=part: [ledger.tell({item: 1}) for item in part])
            for part in parts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(ledger.state.labels) == set(ids)
        assert ledger.state.n_events == 41


def test_closing_twice_does_nothing(path):
    ledger = Ledger(path)
    ledger.close()
    ledger.close()
    assert path.is_file()


@pytest.mark.parametrize(
    "row",
    [
        (9, "opened", -1, None),
        (9, "asked", 3, "a.png"),
        (9, "labelled", 3, "a.png"),
        (9, "measured", 0, "fit"),
        (2, "labelled", 0, "b.png"),
    ],
)
def test_the_database_itself_refuses_to_record_twice(ledger, path, row):
    ledger.ask(0, ["a.png"])
    ledger.tell({"a.png": 1})
    ledger.measure(0, "fit", {})
    other = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        other.execute("INSERT INTO events VALUES (?, ?, ?, ?, '1', '', 0)", row)
    other.close()


def play(ledger):
    """Play two cycles, as a campaign does: measure the training, ask, get told."""
    ledger.tell({"a.png": 0}, by="start")
    for cycle, item in enumerate(["b.png", "c.png"]):
        ledger.measure(cycle, "fit", {"loss": 1.0 - cycle})
        ledger.ask(cycle, [item], scores=[0.5])
        ledger.tell({item: cycle}, by="ann")
    ledger.tell({"a.png": 9}, replace=True)
    ledger.measure(2, "fit", {"loss": 0.0})


def test_a_fork_goes_on_from_the_cycles_before(ledger, tmp_path):
    play(ledger)
    with ledger.fork(tmp_path / "fork.db", before_cycle=1, settings={"strategy": "margin"}) as fork:
        state = fork.state
        assert state.settings == {"strategy": "margin"}
        assert state.labels == {"a.png": 0, "b.png": 0}
        assert state.labelled_by == {"a.png": "start", "b.png": "ann"}
        assert state.asked == {0: ("b.png",)}
        assert state.measurements == {(0, "fit"): {"loss": 1.0}}
        assert state.forked == {"before_cycle": 1, "events": ledger.state.n_events, "ledger": ledger.name}
        assert [event.seq for event in fork.events()] == list(range(1, state.n_events + 1))
        theirs = {event.item: event.at for event in ledger.events() if event.kind == "asked"}
        assert [event.at for event in fork.events() if event.kind == "asked"] == [theirs["b.png"]]
        fork.open({"strategy": "margin"}, IDS)
        assert fork.ask(1, ["d.png"]).pending == ("d.png",)
    assert "d.png" not in ledger.state.cycle_of


def test_a_fork_without_a_cycle_keeps_everything_and_a_fork_of_a_fork_knows_its_origin(ledger, tmp_path):
    play(ledger)
    with (
        ledger.fork(tmp_path / "one.db", settings={}) as one,
        one.fork(tmp_path / "two.db", settings={}) as two,
    ):
        for fork in (one, two):
            assert fork.state.labels == ledger.state.labels == {"a.png": 9, "b.png": 0, "c.png": 1}
            assert fork.state.measurements == ledger.state.measurements
        assert two.state.forked["ledger"] == one.name
        assert two.state.n_events == one.state.n_events


@pytest.mark.parametrize("before_cycle", [-1, 3])
def test_a_fork_needs_a_cycle_that_was_reached(ledger, tmp_path, before_cycle):
    play(ledger)
    with pytest.raises(LedgerError, match=r"before_cycle of .* must be in 0\.\.2"):
        ledger.fork(tmp_path / "fork.db", before_cycle=before_cycle, settings={})


def test_a_fork_writes_over_nothing(ledger, path, tmp_path):
    with Ledger(tmp_path / "other.db") as other:
        other.open({}, ["x"])
    for target in (tmp_path / "other.db", path):
        with pytest.raises(LedgerError, match="has events already"):
            ledger.fork(target, settings={})
    with Ledger(tmp_path / "other.db") as other:
        assert other.state.n_events == 1


def test_what_has_not_been_opened_cannot_be_forked(path, tmp_path):
    with Ledger(path) as ledger, pytest.raises(LedgerError, match="must be opened before it is forked"):
        ledger.fork(tmp_path / "fork.db", settings={})
