"""Promises of the registry of strategies, and the conformance of every strategy on it."""

import subprocess
import sys

import pytest

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.strategies.cod import Cod
from nextlabel.testing.strategies import STRATEGY_CHECKS, check_strategy

NAMES = (
    "random",
    "cod",
    "ema_discrepancy",
    "entropy",
    "margin",
    "least_confidence",
    "gini",
    "core_set",
    "badge",
    "learning_loss",
    "vaal",
    "ta_vaal",
    "mc_dropout",
    "qbc",
    "core_gcn",
    "uncertain_gcn",
    "cod_segmentation",
    "entropy_segmentation",
    "margin_segmentation",
)
SHORT = {"core_gcn": {"steps": 10}, "uncertain_gcn": {"steps": 10}}


@pytest.mark.parametrize("check", STRATEGY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_conforms(name, check):
    check(lambda: STRATEGIES.create(name, **SHORT.get(name, {})))


@pytest.mark.parametrize("first_cycle", ["initial", "untrained", "epoch", "least_confident", "random"])
@pytest.mark.parametrize("form", ["l2", "half_squared"])
def test_cod_conforms_with_every_option(form, first_cycle):
    check_strategy(lambda: Cod(form=form, first_cycle=first_cycle))


@pytest.mark.parametrize("gap", ["step", "10 epochs"])
def test_cod_conforms_with_gaps(gap):
    check_strategy(lambda: Cod(gap=gap))


def test_the_shelf_holds_the_strategies_and_their_cards_say_what_they_are():
    cards = {card.name: card for card in STRATEGIES}
    assert set(NAMES) <= cards.keys()
    for name in NAMES:
        made = STRATEGIES.create(name)
        assert made.name == name
        wanted = {need for need in made.needs if need not in ("snapshot:initial", "snapshot:epoch")}
        assert set(cards[name].needs) == wanted
        assert cards[name].cost
        assert cards[name].use_when
        assert cards[name].citation or name == "random"


def test_the_shelf_is_read_without_importing_torch():
    code = (
        "import sys; from nextlabel.strategies.catalogue import STRATEGIES; "
        "assert len(list(STRATEGIES)) >= 7; assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_names_and_options_come_back_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'margin'"):
        STRATEGIES.create("margn")
    with pytest.raises(ConfigurationError, match="no option 'frm'; did you mean 'form'"):
        STRATEGIES.create("cod", frm="l2")
    with pytest.raises(ConfigurationError, match="no option 'name'"):
        STRATEGIES.create("margin", name="other")
