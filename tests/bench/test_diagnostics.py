"""Promises of the diagnostics: what they say of scores and losses, and that they leave the campaign alone."""

import json
import math
import random

import pytest
import torch
from torch.nn.functional import nll_loss

from campaigns import make, tell
from nextlabel.bench.diagnostics import (
    band_losses,
    compare_with_losses,
    diagnose_query,
    diagnostics_needs,
    loss_estimate,
    make_scorers,
    top_found,
)
from nextlabel.bench.diagnostics_record import FRACTIONS, read_diagnostics, write_diagnostics
from nextlabel.campaign.cycle import Cycle
from nextlabel.errors import ConfigurationError, DataError, UnknownNameError
from nextlabel.parts import Part
from nextlabel.tasks.catalogue import as_task
from nextlabel.types import Outputs, PoolView
from ridge import RidgeLearner

LOSSES = torch.tensor([0.1, 3.0, 0.2, 2.0, 1.0])


def naive_order(values):
    return sorted(range(len(values)), key=lambda row: (-values[row], row))


def naive_top_found(losses, scores, fraction):
    count = round(fraction * len(losses))
    if count == 0:
        return None
    return len(set(naive_order(losses)[:count]) & set(naive_order(scores)[:count])) / count


def naive_band(losses, scores, first, last):
    size = len(losses)
    inside = [losses[row] for row in naive_order(scores)[round(first * size) : round(last * size)]]
    return math.fsum(inside) / len(inside) if inside else None


def naive_pearson(a, b):
    mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    products = math.fsum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    squares = math.fsum((x - mean_a) ** 2 for x in a) * math.fsum((y - mean_b) ** 2 for y in b)
    return products / math.sqrt(squares)


def naive_ranks(values):
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
        for value in values
    ]


def made(seed, size, ties):
    randomness = random.Random(seed)
    losses = [randomness.randrange(9) / 4 if ties else randomness.expovariate(1) for _ in range(size)]
    scores = [randomness.randrange(9) / 4 if ties else loss + randomness.gauss(0, 1) for loss in losses]
    return losses, scores


class Given:
    """A scorer whose scores are given."""

    name = "given"
    needs: frozenset[str] = frozenset()

    def __init__(self, scores):
        self.scores = scores

    def score(self, view, *, rng):
        return self.scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("size", [7, 40, 333])
def test_bands_fractions_and_correlations_equal_the_naive_ones(size, ties):
    losses, scores = made(size, size, ties)
    tensors = torch.tensor(losses, dtype=torch.float64), torch.tensor(scores, dtype=torch.float64)
    bands = [(0, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.5), (0.5, 1)]
    assert band_losses(*tensors) == pytest.approx([naive_band(losses, scores, *band) for band in bands])
    assert top_found(*tensors) == [naive_top_found(losses, scores, fraction) for fraction in FRACTIONS]
    given = {Part("given"): Given(tensors[1])}
    [record] = compare_with_losses(
        given, lambda needs: PoolView(size, Outputs()), tensors[0], rng=torch.Generator()
    )
    assert record["pearson"] == pytest.approx(naive_pearson(scores, losses))
    assert record["spearman"] == pytest.approx(naive_pearson(naive_ranks(scores), naive_ranks(losses)))
    assert record["mean_score"] == pytest.approx(math.fsum(scores) / size)
    assert record["mean_loss"] == pytest.approx(math.fsum(losses) / size)


def test_of_twenty_candidates_the_upper_bands_hold_one_one_two_six_and_ten():
    losses = torch.arange(20.0).flip(0)
    assert band_losses(losses, losses) == [19.0, 18.0, 16.5, 12.5, 4.5]


def test_a_fraction_below_half_a_candidate_has_no_answer():
    assert top_found(LOSSES, LOSSES, [0.05, 0.2, 0.4, 1.0]) == [None, 1.0, 1.0, 1.0]
    assert top_found(LOSSES, -LOSSES, [0.2, 0.4, 0.6, 1.0]) == [0.0, 0.0, pytest.approx(1 / 3), 1.0]


def test_of_constant_scores_there_is_no_correlation():
    given = {Part("given"): Given(torch.ones(5))}
    [record] = compare_with_losses(given, lambda needs: PoolView(5, Outputs()), LOSSES, rng=torch.Generator())
    assert (record["spearman"], record["pearson"]) == (None, None)


def test_scores_that_rank_as_the_losses_do_correlate_perfectly():
    found = loss_estimate(LOSSES, torch.tensor([1, 3]), LOSSES**3)
    assert found == {"loss_correlation": pytest.approx(1.0), "top_fraction": 1.0, "top_random": 0.4}


def test_each_scorer_is_labelled_by_its_options_and_brings_its_needs():
    scorers = make_scorers([Part("cod", {"form": "l2"}), Part("margin")])
    assert [str(part) for part in scorers] == ["cod(form='l2')", "margin"]
    assert {"log_probs", "snapshot:previous"} <= diagnostics_needs(scorers)
    assert diagnostics_needs({}) == frozenset()


def test_what_cannot_be_diagnosed_is_refused_in_one_sentence():
    with pytest.raises(ConfigurationError, match="'core_set', which selects a batch as a whole"):
        make_scorers([Part("core_set")])
    with pytest.raises(ConfigurationError, match="got 'margin' twice"):
        make_scorers([Part("margin"), Part("margin")])
    with pytest.raises(UnknownNameError, match="did you mean 'margin'"):
        make_scorers([Part("margn")])


@pytest.fixture
def diagnosed(tmp_path, pool, truth):
    """Three cycles of a campaign whose every query is diagnosed with two scorers."""
    learner, scorers = RidgeLearner(), make_scorers([Part("cod"), Part("margin")])

    def diagnose(query):
        plan = Cycle.next(campaign.state, pool, campaign.path)
        classes = torch.tensor([truth[item] for item in query.ids])
        losses = nll_loss(query.view.pool.log_probs[:, 0], classes, reduction="none")
        records = diagnose_query(
            scorers,
            plan,
            query.ids,
            losses,
            learner=learner,
            pool=pool,
            task=as_task("classification"),
            seed=0,
        )
        return {**loss_estimate(losses, query.choice.rows, query.choice.scores), "scorers": records}

    campaign = make(tmp_path / "with", pool, learner, "cod", on_query=diagnose)
    for _ in range(4):
        tell(campaign, truth)
    yield campaign
    campaign.close()


def test_a_diagnosed_campaign_asks_what_an_undiagnosed_one_does(diagnosed, tmp_path, pool, truth):
    with make(tmp_path / "without", pool, RidgeLearner(), "cod") as plain:
        for _ in range(4):
            tell(plain, truth)
        assert plain.state.asked == diagnosed.state.asked
        rows = [
            [
                measured["rows_forwarded"]
                for (_, name), measured in state.measurements.items()
                if name == "query"
            ]
            for state in (plain.state, diagnosed.state)
        ]
        assert rows[0] == rows[1]
    assert not list((tmp_path / "with").glob("cycles/*/*/diagnostics"))


def test_the_strategy_itself_diagnosed_correlates_as_the_query_does(diagnosed):
    for cycle in (1, 2, 3):
        found = diagnosed.state.measurements[cycle, "query"]["diagnostics"]
        assert found["scorers"][0]["spearman"] == pytest.approx(found["loss_correlation"], abs=1e-12)


def test_the_diagnostics_file_says_what_the_ledger_says(diagnosed, tmp_path):
    write_diagnostics(tmp_path, diagnosed.state)
    rows = read_diagnostics(tmp_path)
    assert [(row.cycle, row.label) for row in rows] == [
        (cycle, label) for cycle in (1, 2, 3) for label in ("cod", "margin")
    ]
    assert [row.n_labelled for row in rows[::2]] == [9, 14, 19]
    assert [row.n_candidates for row in rows[::2]] == [51, 46, 41]
    recorded = diagnosed.state.measurements[2, "query"]["diagnostics"]["scorers"][1]
    assert list(rows[3].band_losses) == recorded["band_losses"]
    assert rows[2].mean_loss == rows[3].mean_loss


def test_a_missing_or_damaged_diagnostics_file_is_named_with_a_way_out(tmp_path):
    with pytest.raises(
        DataError, match=r"diagnostics not found.* run the experiment with the setting diagnostics"
    ):
        read_diagnostics(tmp_path)
    for content in ("{", "{}", json.dumps({"rows": [{"cycle": 1}]})):
        (tmp_path / "diagnostics.json").write_text(content)
        with pytest.raises(DataError, match=r"diagnostics\.json cannot be read .*rewrite it"):
            read_diagnostics(tmp_path)
