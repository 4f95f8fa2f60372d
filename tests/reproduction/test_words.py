"""The words of the released code, and what they choose."""

import pytest

from nextlabel.errors import UnknownNameError
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.reproduction.words import AUXILIARY, SAMPLING, objective_of, strategy_of
from nextlabel.strategies.catalogue import STRATEGIES


@pytest.mark.parametrize(
    ("word", "strategy"),
    [
        ("RANDOM", "random"), ("TOD", "cod"), ("EMAOD", "ema_discrepancy"), ("LL4AL", "learning_loss"),
        ("CORESET", "core_set"), ("VAAL", "vaal"), ("TAVAAL", "ta_vaal"), ("MCDROPOUT", "mc_dropout"),
        ("QBC", "qbc"), ("COREGCN", "core_gcn"), ("UNCERTAINGCN", "uncertain_gcn"), ("MARGIN", "margin"),
        ("ENTROPY", "entropy"), ("LEASTCONFIDENCE", "least_confidence"), ("BADGE", "badge"),
    ],
)  # fmt: skip
def test_every_sampling_word_chooses_its_strategy_in_any_case(word, strategy):
    assert strategy_of(word) == strategy_of(word.lower()) == strategy


@pytest.mark.parametrize(
    ("word", "objective"),
    [
        ("NONE", "supervised"), ("TOD", "tod"), ("CYCLICOD", "cyclic"), ("LL4AL", "learning_loss"),
        ("MEANTEACHER", "mean_teacher"),
    ],
)  # fmt: skip
def test_every_auxiliary_word_chooses_its_objective_in_any_case(word, objective):
    assert objective_of(word) == objective_of(word.title()) == objective


@pytest.mark.parametrize(
    ("word", "strategy"), [("TA-VAAL", "ta_vaal"), ("Core_Set", "core_set"), ("mc-dropout", "mc_dropout")]
)
def test_hyphens_and_underscores_do_not_count(word, strategy):
    assert strategy_of(word) == strategy


def test_every_word_names_a_part_that_exists():
    assert all(name in STRATEGIES for name in SAMPLING.values())
    assert all(name in OBJECTIVES for name in AUXILIARY.values())


def test_an_unknown_word_is_told_the_nearest():
    with pytest.raises(UnknownNameError, match="there is no sampling 'MARGN'; did you mean 'MARGIN'"):
        strategy_of("margn")
    with pytest.raises(
        UnknownNameError, match="there is no auxiliary loss 'CYCLIC'; did you mean 'CYCLICOD'"
    ):
        objective_of("cyclic")
