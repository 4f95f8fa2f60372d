"""The ledger against a plain model, in any order of calls, with reopening in between."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nextlabel.errors import LabelsError, LedgerError
from nextlabel.ledger.ledger import Ledger

IDS = tuple(f"item {number}" for number in range(6))
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True)
some_labels = st.dictionaries(
    st.sampled_from(IDS), st.integers(-5, 5) | st.floats(-1, 1, allow_nan=False), max_size=3
)


class LedgerMachine(RuleBasedStateMachine):
    """Writes to a ledger and to dictionaries, and compares the two."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "campaign.db"
        self.ledger = Ledger(self.path)
        self.ledger.open({"seed": 1}, IDS)
        self.other = Ledger(self.path)
        self.labels, self.by, self.asked, self.measured = {}, {}, {}, {}
        self.n_events = 1

    def was_asked(self):
        return [item for items in self.asked.values() for item in items]

    @rule(cycle=st.integers(0, 6), ids=some_ids)
    def ask(self, cycle, ids):
        allowed = cycle > max(self.asked, default=-1) and not set(ids) & set(self.was_asked())
        if not allowed:
            with pytest.raises(LedgerError):
                self.ledger.ask(cycle, ids)
            return
        self.ledger.ask(cycle, ids)
        self.asked[cycle] = tuple(ids)
        self.n_events += len(ids)

    @rule(labels=some_labels, by=st.sampled_from(["", "ann"]), replace=st.booleans())
    def tell(self, labels, by, replace):
        if set(labels) & set(self.labels) and not replace:
            with pytest.raises(LabelsError):
                self.ledger.tell(labels, by=by)
            return
        self.ledger.tell(labels, by=by, replace=replace)
        self.labels.update(labels)
        self.by.update(dict.fromkeys(labels, by))
        self.n_events += len(labels)

    @rule(labels=some_labels.filter(bool))
    def tell_with_an_unknown_item(self, labels):
        with pytest.raises(LabelsError):
            self.ledger.tell({**labels, "item X": 1}, replace=True)

    @rule(cycle=st.integers(0, 2), loss=st.floats(0, 1))
    def measure(self, cycle, loss):
        if (cycle, "fit") in self.measured:
            with pytest.raises(LedgerError):
                self.ledger.measure(cycle, "fit", {"loss": loss})
            return
        self.ledger.measure(cycle, "fit", {"loss": loss})
        self.measured[cycle, "fit"] = {"loss": loss}
        self.n_events += 1

    @rule()
    def reopen(self):
        self.ledger.close()
        self.ledger = Ledger(self.path)
        self.ledger.open({"seed": 1}, IDS)

    @rule()
    def swap_with_the_other_process(self):
        self.ledger, self.other = self.other, self.ledger

    @invariant()
    def state_equals_the_model(self):
        state = self.ledger.state
        assert list(state.labels.items()) == list(self.labels.items())
        assert [type(label) for label in state.labels.values()] == [type(x) for x in self.labels.values()]
        assert state.labelled_by == self.by
        assert state.asked == self.asked
        assert state.pending == tuple(item for item in self.was_asked() if item not in self.labels)
        assert state.measurements == self.measured
        assert state.cycle == max(self.asked, default=-1)
        assert state.n_events == self.n_events

    def teardown(self):
        self.ledger.close()
        self.other.close()
        self.folder.cleanup()


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    # no power is cut here; the processes that are killed in test_ledger_processes.py do wait for it
    monkeypatch.setattr("nextlabel.ledger.database.SYNCHRONOUS", "OFF")


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
