"""Promises of the registry of strategies, and the conformance of every strategy on it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.strategies.cod import Cod
from nextlabel.testing.strategies import STRATEGY_CHECKS, check_strategy

NAMES = [card.name for card in STRATEGIES if card.target.startswith("nextlabel.")]
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


@pytest.mark.parametrize("name", NAMES)
def test_a_card_has_the_name_and_the_needs_of_its_strategy(name):
    made = STRATEGIES.create(name)
    assert made.name == name
    assert made.needs == set(STRATEGIES.card(name).needs)


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_has_a_file_of_its_name_and_is_tested(name):
    module, made = STRATEGIES.card(name).target.split(":")
    assert module == f"nextlabel.strategies.{name}"
    tests = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    assert any(re.search(rf"import .*\b{made}\b", path.read_text(encoding="utf-8")) for path in tests)


def test_the_catalogue_is_read_without_importing_torch():
    code = (
        "import sys; from nextlabel.strategies.catalogue import STRATEGIES; "
        "assert len(list(STRATEGIES)) >= 7; assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_names_and_options_come_back_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'margin'"):
        STRATEGIES.create("margn")
    with pytest.raises(ConfigurationError, match="'cod' not found: 'frm'; did you mean 'form'"):
        STRATEGIES.create("cod", frm="l2")
    with pytest.raises(ConfigurationError, match="not found: 'name'"):
        STRATEGIES.create("margin", name="other")
