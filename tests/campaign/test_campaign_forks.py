import pytest

from campaigns import Plain, make, tell
from nextlabel.campaign.campaign import Budget
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.errors import ConfigurationError


def test_a_fork_before_a_cycle_that_is_not_there_leaves_nothing_behind(tmp_path, pool, truth):
    campaign = make(tmp_path / "a", pool)
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=2))
    with pytest.raises(ConfigurationError, match=r"before_cycle must be in 0\.\.2, got 9"):
        campaign.fork(tmp_path / "b", before_cycle=9)
    assert not (tmp_path / "b").exists()


def test_a_fork_goes_on_in_another_way_from_the_same_labels(tmp_path, pool, truth):
    campaign = make(tmp_path / "a", pool)
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=3))
    fork = campaign.fork(tmp_path / "b", before_cycle=2, strategy="random")
    assert fork.state.labels == {item: truth[item] for c in (0, 1) for item in campaign.state.asked[c]}
    fork.run(SimulatedOracle(truth), until=Budget(cycles=3))
    assert set(fork.state.asked[2]) != set(campaign.state.asked[2])
    assert len(campaign.state.labels) == len(fork.state.labels)


def test_a_fork_that_was_killed_while_it_copied_is_made_again(tmp_path, pool, truth, monkeypatch):
    campaign = make(tmp_path / "a", pool)
    campaign.run(SimulatedOracle(truth), until=Budget(cycles=3))

    def killed(source, target, **options):
        target.mkdir(parents=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copytree", killed)
        with pytest.raises(KeyboardInterrupt):
            campaign.fork(tmp_path / "b")
    fork = campaign.fork(tmp_path / "b")
    assert fork.state.labels == campaign.state.labels
    assert len(fork.ask()) == 5


def test_a_fork_refuses_a_folder_in_use_and_unknown_changes(tmp_path, pool, truth):
    campaign = make(tmp_path / "a", pool)
    with pytest.raises(ConfigurationError, match=r"got .*, which holds a campaign"):
        campaign.fork(tmp_path / "a")
    with pytest.raises(ConfigurationError, match="got 'colour'"):
        campaign.fork(tmp_path / "b", colour="red")


def test_a_learner_of_two_methods_can_be_forked_before_any_cycle(tmp_path, pool, truth):
    campaign = make(tmp_path / "a", pool, Plain(), "cod")
    for _ in range(4):
        tell(campaign, truth)
    fork = campaign.fork(tmp_path / "b", before_cycle=2)
    assert fork.ask() == campaign.state.asked[2]
