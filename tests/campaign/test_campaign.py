import logging
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from campaigns import Plain, make, seen_by, tell
from nextlabel.campaign.campaign import Budget
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.errors import DataError, LabelsError
from nextlabel.learners.sklearn import SklearnLearner
from nextlabel.tasks.classification import Classification
from ridge import RidgeLearner
from torch_learners import torch_learner


def test_ask_returns_the_same_ids_until_they_are_labelled(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    start = campaign.ask()
    assert len(start) == 9
    assert campaign.ask() == start
    tell(campaign, truth, start[:4])
    assert campaign.ask() == start[4:]
    tell(campaign, truth, start[4:])
    first = campaign.ask()
    assert len(first) == 5
    assert not set(first) & set(start)


def test_a_fresh_process_asks_the_same_ids_without_training_again(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    tell(campaign, truth)
    asked = campaign.ask()
    learner = RidgeLearner()
    assert make(tmp_path, pool, learner).ask() == asked
    assert learner.fits == 0


def test_the_start_is_the_same_for_every_strategy_and_differs_between_seeds(tmp_path, pool):
    starts = {
        (strategy, seed): make(tmp_path / f"{strategy}{seed}", pool, strategy=strategy, seed=seed).ask()
        for strategy in ("margin", "random")
        for seed in (0, 1)
    }
    assert starts["margin", 0] == starts["random", 0] != starts["margin", 1]


def test_ids_are_the_rows_of_the_strategy_among_the_candidates(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    tell(campaign, truth)
    asked = campaign.ask()
    learner = campaign.learner
    left = [item for item in pool.ids if item not in campaign.state.labels]
    log_probs = learner.predict(pool.subset(left), needs=frozenset({"log_probs"}), seed=0).log_probs[:, 0]
    top = log_probs.exp().topk(2).values
    closest = np.argsort((top[:, 0] - top[:, 1]).numpy(), kind="stable")[:5]
    assert asked == tuple(left[row] for row in closest)


def test_labels_given_before_the_first_query_are_the_initial_set(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    tell(campaign, truth, pool.ids[:12])
    asked = campaign.ask()
    assert len(asked) == 5
    assert campaign.state.cycle == 1
    assert not set(asked) & set(pool.ids[:12])


def test_run_spends_its_cycles_and_trains_at_the_end(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    state = campaign.run(SimulatedOracle(truth), until=Budget(cycles=3))
    assert len(state.labels) == 9 + 2 * 5
    assert [cycle for cycle, name in state.measurements if name.startswith("train-")] == [1, 2, 3]
    assert [cycle for cycle, name in state.measurements if name == "query"] == [1, 2]


def test_run_spends_exactly_its_labels(tmp_path, pool, truth):
    state = make(tmp_path, pool).run(SimulatedOracle(truth), until=Budget(labels=17))
    assert len(state.labels) == 17
    assert not state.pending


def test_processes_that_share_a_budget_of_labels_do_not_overspend_it(tmp_path, pool, truth):
    mine, other = make(tmp_path, pool), make(tmp_path, pool)

    def slow(ids):  # while this oracle thinks, another process answers a part
        if len(mine.state.labels) < 15:
            other.tell({ids[0]: truth[ids[0]]})
        return {item: truth[item] for item in ids}

    state = mine.run(slow, until=Budget(labels=16))
    assert len(state.labels) == 16
    assert other.run(SimulatedOracle(truth), until=Budget(labels=16)).labels == state.labels


def test_an_oracle_that_only_repeats_itself_ends_the_run(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    tell(campaign, truth, pool.ids[:9])
    state = campaign.run(lambda ids: {pool.ids[0]: truth[pool.ids[0]]}, until=Budget(cycles=2))
    assert len(state.pending) == 5


def test_a_removed_state_is_made_again_from_the_ledger(tmp_path, pool, truth, caplog):
    campaign = make(tmp_path / "a", pool)
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=2))
    shutil.rmtree(next((tmp_path / "a").glob("cycles/0002/train-*")))
    learner = RidgeLearner()
    again = make(tmp_path / "a", pool, learner)
    with caplog.at_level(logging.WARNING, logger="nextlabel"):
        asked = again.ask()
    assert learner.fits == 1
    assert "training cycle 2 again" in caplog.text
    calm = make(tmp_path / "b", pool)
    calm.run(SimulatedOracle(truth), until=Budget(cycles=2))
    assert calm.ask() == asked


def test_a_state_that_cannot_be_read_is_left_alone(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    tell(campaign, truth)
    campaign.train()
    (state,) = tmp_path.glob("cycles/0001/train-*/ridge.safetensors")
    learner = RidgeLearner()
    learner.load = lambda workdir, snapshot="end": (_ for _ in ()).throw(DataError("the disk is away"))
    with pytest.raises(DataError, match="the disk is away"):
        make(tmp_path, pool, learner).train()
    assert state.exists()


def test_a_cold_learner_needs_no_earlier_state(tmp_path, pool, truth):
    make(tmp_path, pool).run(SimulatedOracle(truth), until=Budget(cycles=3))
    shutil.rmtree(tmp_path / "cycles")
    learner = RidgeLearner()
    learner.warm_start = False
    assert len(make(tmp_path, pool, learner).ask()) == 5
    shutil.rmtree(tmp_path / "cycles")
    with pytest.raises(DataError, match="no state of the snapshot 'end'"):
        make(tmp_path, pool, RidgeLearner()).train()


def test_run_comes_back_where_the_oracle_is_silent_and_goes_on_later(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    answered = []

    def shy(ids):
        answered.append(len(ids))
        return {ids[0]: truth[ids[0]]} if len(answered) < 4 else {}

    state = campaign.run(shy, until=Budget(cycles=2))
    assert (len(state.labels), len(state.pending)) == (3, 6)
    assert len(campaign.run(SimulatedOracle(truth), until=Budget(cycles=2)).labels) == 14


def test_run_ends_when_the_pool_is_labelled(tmp_path, pool, truth):
    campaign = make(tmp_path, pool, batch_size=40)
    state = campaign.run(SimulatedOracle(truth), until=Budget(cycles=50))
    assert len(state.labels) == len(pool)
    with pytest.raises(DataError, match="nothing is left to ask: all 60 items"):
        campaign.ask()


def test_a_batch_larger_than_the_pool_takes_what_is_left_and_says_so(tmp_path, pool, truth, caplog):
    campaign = make(tmp_path, pool, batch_size=1000)
    tell(campaign, truth)
    with caplog.at_level(logging.WARNING, logger="nextlabel"):
        assert len(campaign.ask()) == 51
    assert "requested 1000 items, only 51 are left" in caplog.text


def test_the_last_scan_serves_as_the_snapshot_so_cod_costs_one_pass(tmp_path, pool, truth):
    learner = RidgeLearner()
    campaign = make(tmp_path, pool, learner, "cod(first_cycle=initial)")
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=4))
    forwarded = [campaign.state.measurements[cycle, "query"]["rows_forwarded"] for cycle in (1, 2, 3)]
    assert forwarded == [2 * 51, 46, 41]  # the first cycle also runs the initial weights
    assert learner.rows_predicted == sum(forwarded)


def test_the_snapshot_is_the_previous_model_on_the_same_items(tmp_path, pool, truth):
    seen = []
    campaign = make(tmp_path, pool, strategy="cod(first_cycle=random)", on_query=seen_by(seen))
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=3))
    first, second = seen
    rows = [first.ids.index(item) for item in second.ids]
    torch.testing.assert_close(second.view.snapshots[0].log_probs, first.view.pool.log_probs[rows])


def test_rows_that_the_last_scan_did_not_see_get_a_second_pass(tmp_path, pool, truth):
    learner, seen = RidgeLearner(), []
    options = {"strategy": "cod(first_cycle=random)"}
    campaign = make(tmp_path / "a", pool, learner, **options)
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=2))
    campaign.ask()
    fork = campaign.fork(tmp_path / "b", before_cycle=2, learner=learner)
    for kept in (tmp_path / "b").glob("cycles/*/train-*/scan"):
        (kept / "scan.json").unlink()
    fork._on_query = seen_by(seen)
    fork.ask()
    assert fork.state.measurements[2, "query"]["rows_forwarded"] == 46 + 46
    previous = RidgeLearner()
    previous.load(next((tmp_path / "b").glob("cycles/0001/train-*")))
    expected = previous.predict(pool.subset(seen[0].ids), needs=frozenset({"log_probs"}), seed=0)
    torch.testing.assert_close(seen[0].view.snapshots[0].log_probs, expected.log_probs)


def test_a_class_index_given_as_a_whole_float_is_learnt_as_a_class(tmp_path, pool, truth):
    campaign = make(tmp_path, pool, task=Classification(("ring", "disc", "bar")))
    campaign.tell({item: np.float32(truth[item]) for item in campaign.ask()})
    assert all(type(label) is int for label in campaign.state.labels.values())
    assert len(campaign.ask()) == 5


def test_a_label_is_corrected_only_on_purpose_and_the_model_learns_again(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    tell(campaign, truth)
    before = campaign.train()
    item = next(iter(campaign.state.labels))
    with pytest.raises(LabelsError, match="replace=True"):
        campaign.tell({item: 0})
    campaign.tell({item: (truth[item] + 1) % 3}, replace=True)
    assert campaign.train()["fit"] != before["fit"]


def test_training_is_done_once_for_the_same_labels(tmp_path, pool, truth):
    learner = RidgeLearner()
    campaign = make(tmp_path, pool, learner)
    tell(campaign, truth)
    assert campaign.train() == campaign.train()
    campaign.ask()
    assert learner.fits == 1


def test_the_next_training_starts_from_the_last_one_also_after_a_restart(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=2))
    learner = RidgeLearner()
    again = make(tmp_path, pool, learner)
    again.ask()
    tell(again, truth)
    again.ask()
    assert learner.loads == [("0002", "end"), ("0002", "end")]  # to be asked, and to train on from there
    assert learner.fits == 1


@pytest.mark.parametrize("kind", ["torch", "sklearn"])
def test_campaigns_that_share_a_learner_do_not_touch_each_other(tmp_path, pool, truth, kind):
    def learner():
        if kind == "sklearn":
            return SklearnLearner(LogisticRegression(), 3)
        return torch_learner(partial(nn.Linear, 3, 3), epochs=2, lr=0.05, device="cpu")

    def picks(folder, *, shared):
        campaign = make(folder / "a", pool, learner())
        tell(campaign, truth)
        tell(campaign, truth)
        own = {} if shared else {"learner": learner()}
        other = campaign.fork(folder / "b", strategy="random", **own)
        for _ in range(2):
            tell(other, truth)
            tell(campaign, truth)
        return campaign.state.asked

    assert picks(tmp_path / "shared", shared=True) == picks(tmp_path / "apart", shared=False)


def test_an_interrupted_scan_of_an_earlier_snapshot_does_not_leave_its_weights(tmp_path, pool, truth):
    class Interrupted(RidgeLearner):
        broken = True

        def predict(self, x, *, needs, seed):
            if self.broken and self.loads == [("0001", "initial")]:
                raise KeyboardInterrupt
            return super().predict(x, needs=needs, seed=seed)

    learner, options = Interrupted(), {"strategy": "cod(first_cycle=initial)"}
    campaign = make(tmp_path / "a", pool, learner, **options)
    tell(campaign, truth)
    with pytest.raises(KeyboardInterrupt):
        campaign.ask()
    learner.broken = False
    calm = make(tmp_path / "b", pool, None, **options)
    tell(calm, truth)
    assert campaign.ask() == calm.ask()
    assert torch.equal(campaign.learner.weights, calm.learner.weights)


def test_a_learner_that_was_used_before_starts_a_new_campaign_from_scratch(tmp_path, pool, truth):
    learner = RidgeLearner()
    make(tmp_path / "a", pool, learner).run(SimulatedOracle(truth), until=Budget(cycles=1))
    resets = []
    learner.reset = lambda: resets.append(learner.fits)
    make(tmp_path / "b", pool, learner).run(SimulatedOracle(truth), until=Budget(cycles=1))
    assert resets == [1]


def test_two_methods_are_enough_for_a_learner_also_after_a_restart(tmp_path, pool, truth):
    make(tmp_path / "a", pool).run(SimulatedOracle(truth), until=Budget(cycles=3))
    for _ in range(2):
        state = make(tmp_path / "b", pool, Plain()).run(SimulatedOracle(truth), until=Budget(cycles=3))
    assert state.asked == make(tmp_path / "a", pool).state.asked
    assert len(make(tmp_path / "b", pool, Plain()).ask()) == 5


def test_the_baseline_is_the_model_that_asked_whatever_was_trained_after_it(tmp_path, pool, truth):
    options = {"strategy": "cod", "learner": RidgeLearner()}
    calm, corrected = make(tmp_path / "a", pool, **options), make(tmp_path / "b", pool, **options)
    for campaign in (calm, corrected):
        tell(campaign, truth)
        if campaign is corrected:
            item = next(iter(campaign.state.labels))
            campaign.train()
            campaign.tell({item: (truth[item] + 1) % 3}, replace=True)
            campaign.train()
            campaign.tell({item: truth[item]}, replace=True)
        tell(campaign, truth)
        campaign.ask()
    assert corrected.state.asked == calm.state.asked


def test_a_query_and_what_was_measured_of_it_are_recorded_together(tmp_path, pool, truth):
    campaign = make(tmp_path, pool)
    for _ in range(2):
        tell(campaign, truth)
    campaign.ask()
    queries = {cycle for cycle, name in campaign.state.measurements if name == "query"}
    assert queries == set(campaign.state.asked) - {0}
    fits = [campaign.state.measurements[cycle, "query"]["training"] for cycle in sorted(queries)]
    assert all((cycle, name) in campaign.state.measurements for cycle, name in zip((1, 2), fits, strict=True))


def test_a_campaign_can_be_closed_and_opened_again(tmp_path, pool):
    with make(tmp_path, pool) as campaign:
        asked = campaign.ask()
    campaign.close()
    with make(tmp_path, pool) as again:
        assert again.ask() == asked


def test_numbers_from_numpy_are_the_same_settings_as_plain_ones(tmp_path, pool):
    first = make(tmp_path, pool, batch_size=np.int64(5), seed=np.int32(2)).ask()
    assert make(tmp_path, pool, batch_size=5, seed=2).ask() == first


def test_scans_that_no_later_cycle_reads_are_removed(tmp_path, pool, truth):
    make(tmp_path, pool).run(SimulatedOracle(truth), until=Budget(cycles=4))
    assert {path.parent.parent.name for path in tmp_path.glob("cycles/*/train-*/scan")} == {"0003"}
