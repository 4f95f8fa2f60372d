import pytest
import torch

from campaigns import make, seen_by, tell
from nextlabel.campaign.campaign import Budget
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.errors import ConfigurationError
from nextlabel.seeds import derive
from ridge import RidgeLearner


def naive_sub_pool(ids, labelled, size, *, seed, cycle):
    left = [item for item in ids if item not in labelled]
    order = torch.randperm(len(left), generator=torch.Generator().manual_seed(derive(seed, "subset", cycle)))
    chosen = {left[place] for place in order.tolist()[:size]}
    return tuple(item for item in left if item in chosen)


@pytest.mark.parametrize("strategy", ["cod", "random"])
def test_the_strategy_sees_a_new_draw_of_the_unlabelled_items_in_each_cycle(tmp_path, pool, truth, strategy):
    seen = []
    campaign = make(tmp_path, pool, strategy=strategy, candidate_size=12, seed=3, on_query=seen_by(seen))
    state = campaign.run(SimulatedOracle(truth), until=Budget(cycles=4))
    labelled = set(state.asked[0])
    for query in seen:
        assert query.ids == naive_sub_pool(pool.ids, labelled, 12, seed=3, cycle=query.cycle)
        assert query.view.size == 12
        assert set(state.asked[query.cycle]) <= set(query.ids)
        labelled |= set(state.asked[query.cycle])
    assert len(labelled) == 9 + 3 * 5


def test_a_sub_pool_larger_than_what_is_left_is_all_of_it(tmp_path, pool, truth):
    def asked(name, **options):
        campaign = make(tmp_path / name, pool, **options)
        return campaign.run(SimulatedOracle(truth), until=Budget(cycles=3)).asked

    assert asked("whole") == asked("large", candidate_size=len(pool))


def test_cod_runs_the_previous_model_over_just_those_rows_that_the_last_sub_pool_lacked(
    tmp_path, pool, truth
):
    seen = []
    learner = RidgeLearner()
    campaign = make(tmp_path, pool, learner, "cod", candidate_size=20, on_query=seen_by(seen))
    state = campaign.run(SimulatedOracle(truth), until=Budget(cycles=3))
    first, second = seen
    missing = set(second.ids) - set(first.ids)
    assert 0 < len(missing) < 20
    forwarded = {cycle: state.measurements[cycle, "query"]["rows_forwarded"] for cycle in (1, 2)}
    assert forwarded == {1: 20, 2: 20 + len(missing)}
    before = next((tmp_path / "cycles" / "0001").glob("train-*"))
    learner.load(before)
    naive = learner.predict(pool.subset(second.ids), needs=frozenset({"log_probs"}), seed=0).log_probs
    torch.testing.assert_close(second.view.snapshots[0].log_probs, naive)


def test_a_campaign_is_reopened_with_its_sub_pool_only(tmp_path, pool, truth):
    tell(make(tmp_path, pool, candidate_size=12), truth)
    asked = make(tmp_path, pool, candidate_size=12).ask()
    assert make(tmp_path, pool, candidate_size=12).ask() == asked
    with pytest.raises(ConfigurationError, match="candidate_size: stored 12, not given"):
        make(tmp_path, pool)


def test_a_campaign_on_the_whole_pool_records_that(tmp_path, pool):
    with make(tmp_path, pool) as campaign:
        assert campaign.state.settings["candidate_size"] is None


def test_a_fork_may_see_another_sub_pool(tmp_path, pool, truth):
    campaign = make(tmp_path / "a", pool, candidate_size=12)
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=2))
    assert campaign.fork(tmp_path / "b", before_cycle=1).setup.candidate_size == 12
    assert campaign.fork(tmp_path / "c", before_cycle=1, candidate_size=None).setup.candidate_size is None


@pytest.mark.parametrize("size", [4, 0, 7.5, True])
def test_a_sub_pool_smaller_than_the_batch_is_refused_before_anything_is_written(tmp_path, pool, size):
    with pytest.raises(ConfigurationError, match="of at least 5, the batch size, or None, got"):
        make(tmp_path / "new", pool, candidate_size=size)
    assert not (tmp_path / "new").exists()


def test_another_default_type_of_numbers_changes_no_query(tmp_path, pool, truth):
    def asked(name):
        campaign = make(tmp_path / name, pool, RidgeLearner(), "cod", candidate_size=20)
        return campaign.run(SimulatedOracle(truth), until=Budget(cycles=3)).asked

    expected = asked("float32")
    torch.set_default_dtype(torch.float64)
    try:
        assert asked("float64") == expected
    finally:
        torch.set_default_dtype(torch.float32)
