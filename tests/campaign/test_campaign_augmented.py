"""Scores of augmented candidates: all models of a view see the same draws, another cycle sees others."""

from functools import partial

import pytest
import torch
from torch import nn

from campaigns import make, seen_by
from nextlabel.campaign.campaign import Budget
from nextlabel.campaign.oracles import SimulatedOracle
from nextlabel.campaign.scan import scan
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.snapshots import kept_snapshots
from nextlabel.strategies.cod import Cod
from nextlabel.types import AugmentedScoring
from torch_learners import torch_learner

COD = Cod(first_cycle="untrained")


class KilledError(Exception):
    pass


def shifted(batch, generator):
    """An augmentation that moves every item by its own draw."""
    return batch + torch.randn(len(batch), 1, generator=generator)


def learner(**options):
    given = {
        "epochs": 2,
        "batch_size": 4,
        "lr": 0.05,
        "device": "cpu",
        "snapshots": kept_snapshots(COD.needs),
    }
    given |= {"augment": shifted, "score_augmented": True}
    return torch_learner(partial(nn.Linear, 3, 3), **{**given, **options})


def campaign(path, pool, made=None, seen=None):
    return make(path, pool, made or learner(), COD, on_query=seen_by([] if seen is None else seen))


def naive(weights, pool, ids, cycle):
    """The probabilities of a linear model on the views of this cycle, one batch of candidates for all."""
    generator = torch.Generator().manual_seed(derive(derive(0, "augmented scan", cycle), "augment", ids[0]))
    x = shifted(torch.stack([torch.as_tensor(pool[row]) for row in pool.rows_of(ids).tolist()]), generator)
    return (x.float() @ weights["weight"].T + weights["bias"]).log_softmax(1)


def weights_of(made, folder, snapshot):
    made.load(folder, snapshot=snapshot)
    return {name: tensor.clone() for name, tensor in made.network.module.state_dict().items()}


def test_both_models_of_a_cycle_see_the_same_draws_and_every_cycle_has_its_own(tmp_path, pool, truth):
    seen = []
    campaign(tmp_path, pool, seen=seen).run(SimulatedOracle(truth), until=Budget(cycles=3))
    folders = {cycle: next((tmp_path / "cycles" / f"000{cycle}").glob("train-*")) for cycle in (1, 2)}
    made = learner()
    models = {
        1: (weights_of(made, folders[1], "end"), weights_of(made, folders[1], "untrained")),
        2: (weights_of(made, folders[2], "end"), weights_of(made, folders[1], "end")),
    }
    for query in seen:
        now, before = models[query.cycle]
        view = query.view
        for outputs, model in ((view.pool, now), (view.snapshots[0], before)):
            expected = naive(model, pool, query.ids, query.cycle)
            torch.testing.assert_close(outputs.log_probs[:, 0], expected, atol=1e-5, rtol=1e-5)
        plain = naive(now, pool, query.ids, query.cycle + 7)
        assert not torch.allclose(view.pool.log_probs[:, 0], plain, atol=1e-2)


def test_a_campaign_that_was_opened_again_asks_for_the_same_items(tmp_path, pool, truth):
    campaign(tmp_path / "one", pool).run(SimulatedOracle(truth), until=Budget(cycles=3))
    for _ in range(3):
        with campaign(tmp_path / "two", pool) as again:
            asked = again.ask()
            again.tell({item: truth[item] for item in asked})
    with campaign(tmp_path / "one", pool) as one, campaign(tmp_path / "two", pool) as two:
        assert one.state.asked == two.state.asked


def test_scores_are_of_plain_items_unless_wanted_and_predictions_always(tmp_path, pool, truth):
    made = learner(score_augmented=False)
    seen = []
    campaign(tmp_path, pool, made, seen).run(SimulatedOracle(truth), until=Budget(cycles=2))
    assert not made.score_augmented
    assert not learner(augment=None).score_augmented  # there is nothing to draw
    assert isinstance(made, AugmentedScoring)
    wanted = learner()
    wanted.load(next((tmp_path / "cycles" / "0001").glob("train-*")))
    ask = {"needs": frozenset({"log_probs"}), "seed": 1}
    plain, drawn = wanted.predict(pool, **ask).log_probs, wanted.predict_augmented(pool, **ask).log_probs
    candidates = pool.rows_of(seen[0].ids)
    torch.testing.assert_close(seen[0].view.pool.log_probs, plain[candidates])
    assert not torch.allclose(plain, drawn)
    assert torch.equal(drawn, wanted.predict_augmented(pool, **ask).log_probs)
    assert not torch.equal(drawn, wanted.predict_augmented(pool, **{**ask, "seed": 2}).log_probs)


def test_a_scan_in_chunks_that_goes_on_draws_as_one_that_was_not_stopped(tmp_path):
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    pool = Pool(x, [f"item-{row}" for row in range(12)])
    made = learner()
    (tmp_path / "fit").mkdir()
    made.fit(pool.slice(0, 6), torch.arange(6) % 3, pool.slice(6, 12), seed=0, workdir=tmp_path / "fit")
    given = {"needs": frozenset({"log_probs"}), "seed": 5, "chunk": 5, "augmented": True}
    whole = scan(made, pool, folder=tmp_path / "whole", **given).outputs.log_probs

    def stop(_phase, done, _):
        if done == 10:
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nextlabel.campaign.scan.FLUSH_SECONDS", -1.0)
        with pytest.raises(KilledError):
            scan(made, pool, folder=tmp_path / "cut", progress=stop, **given)
    again = scan(made, pool, folder=tmp_path / "cut", **given).outputs.log_probs
    assert torch.equal(whole, again)
