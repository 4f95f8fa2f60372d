"""Campaigns in one folder that several processes run at once."""

from nextlabel.campaign.campaign import Budget, Campaign
from nextlabel.campaign.oracles import SimulatedOracle
from ridge import RidgeLearner


def make(path, pool):
    return Campaign(path, pool, RidgeLearner(), "margin", batch_size=5, initial_size=9)


def test_run_ends_well_where_another_process_asked_for_the_last_items(tmp_path, pool, truth, monkeypatch):
    mine, other, until = make(tmp_path, pool), make(tmp_path, pool), Budget(cycles=50)
    turn = mine._exclusive_lock

    def wait_for_turn():  # meanwhile the other process has the rest labelled
        other.run(SimulatedOracle(truth), until=until)
        return turn()

    monkeypatch.setattr(mine, "_exclusive_lock", wait_for_turn)
    assert len(mine.run(SimulatedOracle(truth), until=until).labels) == len(pool)
