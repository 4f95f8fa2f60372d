"""One grammar for the snapshots of a training run, and one order."""

from __future__ import annotations

import pytest

from nextlabel.errors import ConfigurationError
from nextlabel.snapshots import Snapshot, kept_snapshots, snapshots_in_view
from nextlabel.types import NEEDS, need_meaning


@pytest.mark.parametrize(
    ("text", "name", "stem", "count"),
    [
        ("end", "end", "end", 0),
        ("initial", "initial", "initial", 0),
        ("untrained", "untrained", "untrained", 0),
        ("ema", "ema", "ema", 0),
        ("step", "step", "step", 1),
        ("1 steps", "step", "step", 1),
        ("epoch", "epoch", "epoch", 1),
        ("1 epochs", "epoch", "epoch", 1),
        ("10 steps", "10 steps", "10-steps", 10),
        ("50 epochs", "50 epochs", "50-epochs", 50),
    ],
)
def test_a_text_means_one_snapshot_and_has_one_name(text, name, stem, count):
    snapshot = Snapshot.parse(text)
    assert (snapshot.name, snapshot.stem, snapshot.count) == (name, stem, count)
    assert Snapshot.parse(snapshot.name) == snapshot


@pytest.mark.parametrize("text", ["", "previous", "0 steps", "-1 epochs", "10 step", "ten steps"])
def test_other_texts_are_refused_in_one_sentence(text):
    with pytest.raises(ConfigurationError, match="a snapshot of a training run must be 'end', 'initial'"):
        Snapshot.parse(text)


def test_a_misspelt_snapshot_is_guessed():
    with pytest.raises(ConfigurationError, match="did you mean 'epoch'"):
        Snapshot.parse("epohc")


def test_snapshots_are_sorted_newest_first_and_each_is_kept_once():
    words = ["untrained", "initial", "50 epochs", "epoch", "1 epochs", "10 steps", "step", "ema", "previous"]
    needs = {"log_probs", *(f"snapshot:{text}" for text in words)}
    newest_first = ("ema", "step", "10 steps", "epoch", "50 epochs", "initial", "untrained")
    assert kept_snapshots(needs) == newest_first


def test_the_previous_cycle_replaces_other_snapshots_from_the_second_cycle_on():
    both = {"log_probs", "snapshot:previous", "snapshot:initial"}
    assert snapshots_in_view(both, first_cycle=True) == ("initial",)
    assert snapshots_in_view(both, first_cycle=False) == ("previous",)
    assert snapshots_in_view({"snapshot:previous"}, first_cycle=True) == ()


@pytest.mark.parametrize("first_cycle", [True, False])
def test_without_the_previous_cycle_the_snapshots_come_in_every_cycle(first_cycle):
    needs = {"snapshot:epoch", "snapshot:ema"}
    assert snapshots_in_view(needs, first_cycle=first_cycle) == ("ema", "epoch")


def test_every_need_that_a_strategy_may_declare_has_a_meaning():
    assert all(need_meaning(text) == meaning for text, meaning in NEEDS.items())
    assert need_meaning("snapshot:5 epochs") == "outputs 5 epochs before the end of training"
    assert need_meaning("extra:predicted_loss") == "an extra field of the candidates"
    for unknown in ("extra:", "snapshot:end", "snapshot:0 steps", "snapshots:initial", "draws"):
        assert need_meaning(unknown) is None
