"""A strategy of one's own in a campaign: every way to write its contract, and options that are recorded."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from campaigns import make
from nextlabel.campaign.setup import strategy_options
from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.registry import Card, Registry
from nextlabel.strategies.catalogue import STRATEGY_CONTRACT
from nextlabel.strategies.cod import Cod
from nextlabel.testing.strategies import check_strategy
from nextlabel.types import Scorer

NEEDS = frozenset({"log_probs"})
PAGE = Path(__file__).parents[2] / "docs" / "own_strategy.md"


class Scores:
    def score(self, view, *, rng):
        return view.pool.log_probs.double().exp().mean(1).amax(1) * -self.power


class Plain(Scores):
    name, needs = "ratio", NEEDS

    def __init__(self, power=1.0):
        self.power = power


@dataclass(frozen=True)
class ClassMembers(Scores):
    power: float = 1.0
    name: ClassVar[str] = "ratio"
    needs: ClassVar[frozenset[str]] = NEEDS


@dataclass(frozen=True)
class Fields(Scores):
    power: float = 1.0
    name: str = "ratio"
    needs: frozenset[str] = NEEDS


@dataclass(frozen=True)
class Properties(Scores):
    power: float = 1.0

    @property
    def name(self):
        return "ratio"

    @property
    def needs(self):
        return NEEDS


@pytest.mark.parametrize("kind", [Plain, ClassMembers, Fields, Properties])
def test_every_way_to_write_the_contract_works_and_records_the_options(kind, tmp_path, pool):
    check_strategy(kind)
    assert strategy_options(kind(power=2.0)) == {"power": 2.0}
    make(tmp_path, pool, strategy=kind(power=2.0)).ask()
    assert make(tmp_path, pool, strategy=kind(power=2.0)).setup.settings()["strategy"] == {
        "name": "ratio",
        "power": 2.0,
    }
    with pytest.raises(ConfigurationError, match=r"strategy\.power: stored 2\.0, given 3\.0"):
        make(tmp_path, pool, strategy=kind(power=3.0))


@pytest.mark.parametrize("kind", [Plain, ClassMembers, Fields, Properties])
def test_by_name_the_contract_is_no_option(kind, monkeypatch):
    monkeypatch.setattr(f"{__name__}.chosen", kind, raising=False)
    cards = (Card("ratio", f"{__name__}:chosen"),)
    parts = Registry("strategy", "nextlabel.test_parts", cards, contract=STRATEGY_CONTRACT)
    assert parts.create("ratio", power=2.0).power == 2.0
    for member in ("name", "needs"):
        with pytest.raises(ConfigurationError, match=rf"'ratio' not found: '{member}'. Known: 'power'.$"):
            parts.create("ratio", **{member: "other"})


@dataclass
class Nameless(Scores):
    name: str
    needs: frozenset[str] = NEEDS


def test_a_registered_class_without_a_name_of_its_own_is_refused():
    cards = (Card("ratio", f"{__name__}:Nameless"),)
    with pytest.raises(ContractError, match="'ratio' must have a default for 'name'"):
        Registry("strategy", "nextlabel.test_parts", cards, contract=STRATEGY_CONTRACT).create("ratio")


class Hidden(Plain):
    def __init__(self, power=1.0):
        self._power = power


class Loose(Plain):
    def __init__(self, **options):
        self.__dict__.update(options)


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        (Plain(power=torch.ones(2)), r"strategy 'ratio'\.power must be JSON, .*Tensor.*plain values"),
        (Plain(power=frozenset({1})), r"strategy 'ratio'\.power must be JSON, .*frozenset.*plain values"),
        (Plain(power=float("nan")), r"strategy 'ratio'\.power must be finite, got nan"),
        (Hidden(), "option 'power' of strategy 'ratio' must be an attribute.*set self.power in __init__"),
        (Loose(power=2.0), "got 'power' by .*name them in __init__"),
    ],
)
def test_options_that_cannot_be_recorded_are_refused_in_a_sentence(strategy, sentence, tmp_path, pool):
    with pytest.raises(ConfigurationError, match=sentence):
        make(tmp_path, pool, strategy=strategy)
    with pytest.raises(AssertionError, match=sentence):
        check_strategy(lambda: strategy)


class Inherits(Scorer):
    name, needs = "inherits", NEEDS

    def score(self, view, *, rng):
        return torch.zeros(view.size)


def test_a_subclass_of_the_protocol_and_one_without_parameters_have_no_options():
    assert strategy_options(Inherits()) == {}
    assert strategy_options(Loose()) == {}


def test_every_option_is_recorded_also_at_its_default():
    assert strategy_options(Cod()) == {
        "form": "half_squared",
        "first_cycle": "least_confident",
        "gap": "cycle",
    }
    assert strategy_options(Cod(gap="2 steps"))["gap"] == "2 steps"
    assert strategy_options(Plain(power=(1, 2))) == {"power": [1, 2]}


def test_the_classes_of_the_page_work_as_registered_strategies_of_a_run(tmp_path):
    blocks = [block.split("```")[0] for block in PAGE.read_text(encoding="utf-8").split("```python\n")[1:]]
    (tmp_path / "own.py").write_text("\n".join(blocks), encoding="utf-8")
    info = tmp_path / "own-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[nextlabel.strategies]\npower_ratio = own:PowerRatio\nspread = own:Spread\n"
    )
    arguments = [
        "run", "--strategy", "power_ratio,spread", "--seeds", "1", "--cycles", "2", "--jobs", "1",
        "--set", "learner.epochs=1", "--set", "strategy.power_ratio.power=2.0", "--out", tmp_path / "run",
    ]  # fmt: skip
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "nextlabel", *map(str, arguments)]
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
