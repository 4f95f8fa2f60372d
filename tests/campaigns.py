"""What the tests of campaigns share: how one is made and told, and parts of one's own."""

import torch

from nextlabel.campaign.campaign import Campaign
from nextlabel.types import Outputs
from ridge import RidgeLearner


def make(path, pool, learner=None, strategy="margin", **options):
    options = {"batch_size": 5, "initial_size": 9, **options}
    return Campaign(path, pool, learner or RidgeLearner(), strategy, **options)


def tell(campaign, truth, ids=None):
    campaign.tell({item: truth[item] for item in ids or campaign.ask()})


def seen_by(seen):
    def keep(query):
        view = query.view
        copies = {name: tensor.clone() for name, tensor in view.pool.fields().items()}
        snapshots = [
            Outputs.from_fields({k: v.clone() for k, v in s.fields().items()}) for s in view.snapshots
        ]
        kept = type(view)(
            view.size, Outputs.from_fields(copies), snapshots, view.labelled, view.labels, view.snapshot_names
        )
        seen.append(type(query)(query.cycle, query.ids, kept, query.choice))
        return {}

    return keep


class Plain:
    """A learner with nothing but the two methods."""

    def __init__(self):
        self._ridge = RidgeLearner()

    def fit(self, x, y, unlabelled, *, seed, workdir):
        return self._ridge.fit(x, y, unlabelled, seed=seed, workdir=workdir)

    def predict(self, x, *, needs, seed):
        return self._ridge.predict(x, needs=needs, seed=seed)


class Endless:
    """A strategy of one's own that breaks its contract."""

    name = "endless"
    needs = frozenset({"log_probs"})

    def score(self, view, *, rng):
        scores = torch.zeros(view.size)
        scores[4] = float("inf")
        return scores
