"""Promises of a score after the last training run: recorded once, asked never, and no choice changes by
it."""

import pytest

from campaigns import make
from nextlabel.campaign.campaign import Budget
from nextlabel.campaign.oracles import SimulatedOracle
from ridge import RidgeLearner


def judged(seen):
    def judge(query):
        seen.append(query)
        return {"cycle_judged": query.cycle}

    return judge


def finish(path, pool, truth, *, score_last=True, cycles=3, **options):
    campaign = make(path, pool, **options)
    return campaign.run(SimulatedOracle(truth), until=Budget(cycles=cycles), score_last=score_last)


@pytest.mark.parametrize("strategy", ["cod", "margin", "core_set"])
def test_the_last_pool_is_scored_and_judged_but_nothing_of_it_is_asked(tmp_path, pool, truth, strategy):
    seen = []
    state = finish(tmp_path, pool, truth, strategy=strategy, on_query=judged(seen))
    assert [(query.cycle, query.asked) for query in seen] == [(1, True), (2, True), (3, False)]
    assert state.pending == ()
    assert max(state.asked) == 2
    last = state.scoring(3)
    assert last["diagnostics"] == {"cycle_judged": 3}
    assert last["n_candidates"] == len(pool) - 9 - 2 * 5
    rows = seen[-1].choice.rows.tolist()
    assert last["chosen"] == [seen[-1].ids[row] for row in rows]
    assert not set(last["chosen"]) & set(state.labels)


def test_what_is_asked_before_is_the_same_with_and_without_it(tmp_path, pool, truth):
    without = finish(tmp_path / "a", pool, truth, score_last=False, strategy="cod")
    scored = finish(tmp_path / "b", pool, truth, strategy="cod")
    assert scored.asked == without.asked
    assert scored.labels == without.labels
    assert without.scoring(3) is None


def test_what_would_be_asked_is_what_one_more_cycle_asks(tmp_path, pool, truth):
    chosen = finish(tmp_path / "a", pool, truth, strategy="cod", candidate_size=12).scoring(3)["chosen"]
    longer = finish(tmp_path / "b", pool, truth, strategy="cod", candidate_size=12, cycles=4)
    assert longer.asked[3] == tuple(chosen)
    continued = finish(tmp_path / "a", pool, truth, strategy="cod", candidate_size=12, cycles=4)
    assert continued.asked == longer.asked
    assert continued.scoring(3) == continued.measurements[3, "query"]


def test_running_again_scores_nothing_twice_and_leaves_the_files_alone(tmp_path, pool, truth):
    seen = []
    before = finish(tmp_path, pool, truth, on_query=judged(seen)).n_events
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scan*/*")}
    assert finish(tmp_path, pool, truth, on_query=judged(seen)).n_events == before
    assert len(seen) == 3
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scan*/*")} == files


def test_a_campaign_killed_while_its_last_pool_is_judged_scores_it_when_run_again(tmp_path, pool, truth):
    def killed(query):
        if not query.asked:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        finish(tmp_path / "a", pool, truth, strategy="cod", on_query=killed)
    learner = RidgeLearner()
    again = finish(tmp_path / "a", pool, truth, strategy="cod", learner=learner, on_query=lambda _: {})
    whole = finish(tmp_path / "b", pool, truth, strategy="cod", on_query=lambda _: {})
    assert again.scoring(3)["chosen"] == whole.scoring(3)["chosen"]
    assert again.asked == whole.asked

    def names(root):
        return {path.relative_to(root) for path in root.rglob("*")}

    assert names(tmp_path / "a") == names(tmp_path / "b")


def test_a_pool_without_items_left_is_trained_on_and_not_scored(tmp_path, pool, truth):
    state = finish(tmp_path, pool, truth, initial_size=len(pool), cycles=1)
    assert state.scoring(1) is None
    assert len(state.measurements) == 1
