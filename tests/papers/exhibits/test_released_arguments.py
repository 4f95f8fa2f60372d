"""The arguments of the released code, and what they choose."""

import pytest

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.papers.released_arguments import AUXILIARY, SAMPLING, meaning_of
from nextlabel.strategies.catalogue import STRATEGIES


@pytest.mark.parametrize(
    ("value", "strategy"),
    [
        ("RANDOM", "random"), ("TOD", "cod"), ("EMAOD", "ema_discrepancy"), ("LL4AL", "learning_loss"),
        ("CORESET", "core_set"), ("VAAL", "vaal"), ("TAVAAL", "ta_vaal"), ("MCDROPOUT", "mc_dropout"),
        ("QBC", "qbc"), ("COREGCN", "core_gcn"), ("UNCERTAINGCN", "uncertain_gcn"), ("MARGIN", "margin"),
        ("ENTROPY", "entropy"), ("LEASTCONFIDENCE", "least_confidence"), ("BADGE", "badge"),
    ],
)  # fmt: skip
def test_every_value_of_sampling_chooses_its_strategy_in_any_case(value, strategy):
    assert meaning_of(value).strategy == meaning_of(value.lower()).strategy == strategy


@pytest.mark.parametrize(
    ("value", "objective"),
    [
        ("NONE", "supervised"), ("TOD", "tod"), ("CYCLICOD", "cyclic"), ("LL4AL", "learning_loss"),
        ("MEANTEACHER", "mean_teacher"),
    ],
)  # fmt: skip
def test_every_value_of_auxiliary_chooses_its_objective_in_any_case(value, objective):
    assert meaning_of(auxiliary=value) == meaning_of(auxiliary=value.title())
    assert meaning_of(auxiliary=value).objective == objective


@pytest.mark.parametrize(
    ("value", "strategy"), [("TA-VAAL", "ta_vaal"), ("Core_Set", "core_set"), ("mc-dropout", "mc_dropout")]
)
def test_hyphens_and_underscores_do_not_count(value, strategy):
    assert meaning_of(value).strategy == strategy


def test_every_value_names_a_part_that_exists():
    assert all(name in STRATEGIES for name in SAMPLING.values())
    assert all(name in OBJECTIVES for name in AUXILIARY.values())


def test_an_unknown_value_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match="sampling not found: 'MARGN'; did you mean 'MARGIN'"):
        meaning_of("margn")
    with pytest.raises(UnknownNameError, match="auxiliary loss not found: 'CYCLIC'; did you mean 'CYCLICOD'"):
        meaning_of(auxiliary="cyclic")


TOD_SCRIPT, LL4AL_SCRIPT = "main_TOD.py", "main_LL4AL.py"


@pytest.mark.parametrize(
    ("sampling", "auxiliary", "strategy", "objective", "script"),
    [
        (None, None, "cod", "tod", TOD_SCRIPT),
        (None, "NONE", "cod", "supervised", TOD_SCRIPT),
        (None, "TOD", "cod", "tod", TOD_SCRIPT),
        (None, "LL4AL", "learning_loss", "learning_loss", LL4AL_SCRIPT),
        ("RANDOM", None, "random", "tod", TOD_SCRIPT),
        ("RANDOM", "NONE", "random", "supervised", TOD_SCRIPT),
        ("RANDOM", "TOD", "random", "tod", TOD_SCRIPT),
        ("RANDOM", "LL4AL", "random", "learning_loss", LL4AL_SCRIPT),
        ("TOD", None, "cod", "tod", TOD_SCRIPT),
        ("TOD", "NONE", "cod", "supervised", TOD_SCRIPT),
        ("TOD", "TOD", "cod", "tod", TOD_SCRIPT),
        ("TOD", "LL4AL", "cod", "learning_loss", None),
        ("LL4AL", None, "learning_loss", "learning_loss", LL4AL_SCRIPT),
        ("LL4AL", "NONE", "learning_loss", "supervised", LL4AL_SCRIPT),
        ("LL4AL", "TOD", "learning_loss", "tod", None),
        ("LL4AL", "LL4AL", "learning_loss", "learning_loss", LL4AL_SCRIPT),
    ],
)
def test_the_arguments_of_the_release_mean_its_experiment(sampling, auxiliary, strategy, objective, script):
    for meaning in (
        meaning_of(sampling, auxiliary),
        meaning_of(sampling and sampling.lower(), auxiliary and auxiliary.title()),
    ):
        assert (meaning.strategy, meaning.objective, meaning.script) == (strategy, objective, script)


@pytest.mark.parametrize(
    ("arguments", "strategy", "objective"),
    [
        (("VAAL", None), "vaal", "tod"),
        ((None, "CYCLICOD"), "cod", "cyclic"),
        (("CORESET", "LL4AL"), "core_set", "learning_loss"),
        (("LL4AL", "CYCLICOD"), "learning_loss", "cyclic"),
        (("EMAOD", "NONE"), "ema_discrepancy", "supervised"),
    ],
)
def test_with_a_value_that_the_release_lacks_the_experiment_is_our_own(arguments, strategy, objective):
    meaning = meaning_of(*arguments)
    assert (meaning.strategy, meaning.objective, meaning.script) == (strategy, objective, None)
    assert "only nextlabel does" in meaning.note("cifar10")


def test_the_note_says_whose_experiment_it_is():
    assert meaning_of("LL4AL", "NONE").note("svhn") == (
        "This is main_LL4AL.py --sampling LL4AL --auxiliary NONE of the released code."
    )
    assert meaning_of("random").note("digits", "fast") == (
        "This is main_TOD.py --sampling RANDOM --auxiliary TOD of the released code, on digits, for which it "
        "has no configuration, with the constants of the preset fast."
    )
    assert meaning_of("TOD", "LL4AL").note("cifar10") == (
        "Neither script of the released code supports --sampling TOD --auxiliary LL4AL; only nextlabel does."
    )


@pytest.mark.parametrize("name", ["main_LL4AL.py", "main_ll4al"])
def test_a_named_script_gives_its_defaults_and_decides_whose_random_with_none_is(name):
    assert meaning_of(script=name) == meaning_of("LL4AL", "LL4AL")
    assert meaning_of("RANDOM", script=name) == meaning_of("RANDOM", "LL4AL")
    side = meaning_of("RANDOM", "NONE", script=name)
    assert (side.strategy, side.objective, side.script) == ("random", "supervised", "main_LL4AL.py")
    assert side.trains_unread_module
    assert not meaning_of("RANDOM", "NONE").trains_unread_module


@pytest.mark.parametrize(
    ("arguments", "error", "stated"),
    [
        (
            ("TOD", None, "main_LL4AL.py"),
            ConfigurationError,
            "RANDOM or LL4AL, got TOD; .*leave --script out",
        ),
        (("RANDOM", "LL4AL", "main_TOD.py"), ConfigurationError, "--auxiliary NONE or TOD, got LL4AL"),
        ((None, None, "main_LL4A.py"), UnknownNameError, "did you mean 'main_LL4AL.py'"),
    ],
)
def test_a_script_without_the_values_or_that_does_not_exist_is_one_sentence(arguments, error, stated):
    with pytest.raises(error, match=stated):
        meaning_of(*arguments)


def test_on_masks_the_note_does_not_claim_that_the_release_runs_it():
    note = meaning_of("TOD", "TOD").note("nuclei")
    assert "has no segmentation" in note
    assert "main_TOD.py" not in note
