"""Strategies of segmentation score by what the learner made of an item's pixels."""

from __future__ import annotations

import pytest
import torch

from nextlabel.errors import ConfigurationError
from nextlabel.parts import Part
from nextlabel.selection.selection import score, select
from nextlabel.strategies.cod_segmentation import CodSegmentation
from nextlabel.strategies.entropy_segmentation import EntropySegmentation
from nextlabel.strategies.margin_segmentation import MarginSegmentation
from nextlabel.testing.strategies import check_strategy

FIELDS = {
    "mean_discrepancy": [0.1, 0.3, 0.2],
    "mean_distance": [0.2, 0.1, 0.3],
    "max_discrepancy": [0.3, 0.4, 0.9],
    "mean_gini": [0.5, 0.1, 0.2],
    "max_gini": [0.1, 0.2, 0.6],
}


def scored(strategy, previous, seed=0, **options):
    extra = {name: torch.tensor(values) for name, values in FIELDS.items()}
    extra["has_previous"] = torch.full((3,), float(previous))
    return score(Part(strategy, options), extra=extra, seed=seed)


@pytest.mark.parametrize("form", ["half_squared", "l2"])
@pytest.mark.parametrize("aggregate", ["mean", "max"])
@pytest.mark.parametrize("first_cycle", ["least_confident", "initial", "random"])
def test_cod_segmentation_conforms_with_every_option(form, aggregate, first_cycle):
    check_strategy(lambda: CodSegmentation(form=form, aggregate=aggregate, first_cycle=first_cycle))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "mean_discrepancy"),
        ({"form": "l2"}, "mean_distance"),
        ({"aggregate": "max"}, "max_discrepancy"),
    ],
)
def test_with_a_previous_cycle_the_score_is_how_far_pixels_moved(options, field):
    assert scored("cod_segmentation", True, **options).tolist() == pytest.approx(FIELDS[field])


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "mean_gini"),
        ({"aggregate": "max"}, "max_gini"),
        ({"first_cycle": "initial"}, "mean_discrepancy"),
    ],
)
def test_the_first_cycle_is_scored_by_its_own_rule(options, field):
    assert scored("cod_segmentation", False, **options).tolist() == pytest.approx(FIELDS[field])


def test_a_random_first_cycle_draws_and_later_ones_do_not():
    one, two = (scored("cod_segmentation", False, first_cycle="random", seed=seed) for seed in (0, 1))
    assert one.tolist() != two.tolist()
    assert scored("cod_segmentation", True, first_cycle="random").tolist() == pytest.approx(
        FIELDS["mean_discrepancy"]
    )


def test_entropy_and_margin_take_the_least_certain_images_first():
    values = torch.tensor([0.2, 0.6, 0.4])
    assert select("entropy_segmentation", 2, extra={"mean_entropy": values}).tolist() == [1, 2]
    assert select("entropy_segmentation(aggregate=max)", 1, extra={"max_entropy": values}).tolist() == [1]
    assert select("margin_segmentation", 2, extra={"mean_margin": values}).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: CodSegmentation(form="l3"),
            "'form' of strategy .* not found: 'l3'; did you mean 'l2'",
        ),
        (
            lambda: CodSegmentation(aggregate="sum"),
            "'aggregate' of strategy .* not found: 'sum'",
        ),
        (lambda: CodSegmentation(first_cycle="least_confidence"), "did you mean 'least_confident'"),
        (
            lambda: EntropySegmentation(aggregate="median"),
            "'aggregate' of strategy .* not found: 'median'",
        ),
    ],
)
def test_unknown_options_are_refused(make, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        make()


def test_they_need_what_only_segmentation_gives():
    for strategy in (CodSegmentation(), EntropySegmentation(), MarginSegmentation()):
        assert all(need.startswith("extra:") for need in strategy.needs)
