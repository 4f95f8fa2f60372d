import pytest

from nextlabel.config.experiment import load_config
from nextlabel.errors import ConfigurationError


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"budget": 0.4, "cycles": 7}, (0.10, 0.05)),  # the papers' protocol
        ({"budget": 80, "cycles": 7}, (20, 10)),
        ({"budget": 83, "cycles": 7}, (23, 10)),  # the batch is rounded down, the initial set takes the rest
        ({"budget": 0.4, "cycles": 7, "batch_size": 0.05}, (0.10, 0.05)),
        ({"budget": 100, "cycles": 3, "initial_size": 40}, (40, 30)),
        ({"budget": 50, "cycles": 1}, (50, 25)),
    ],
)
def test_the_budget_decides_initial_set_and_batch(options, sizes):
    config = load_config(options=options)
    assert (config.initial_size, config.batch_size) == sizes
    spent = config.initial_size + (config.cycles - 1) * config.batch_size
    assert spent == pytest.approx(options["budget"])


def test_a_record_with_a_budget_is_read_back_as_the_same():
    config = load_config(options={"budget": 0.4})
    assert load_config(options=config.resolved()) == config


def test_a_budget_goes_before_the_sizes_of_a_preset():
    config = load_config(options={"preset": "fast", "dataset": "digits", "budget": 0.2, "cycles": 3})
    assert (config.initial_size, config.batch_size) == (0.1, 0.05)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"budget": 0.4, "initial_size": 0.1, "batch_size": 0.1},
            r"budget must be .* got 0.4 but 0.1 \+ 6 \* 0.1 = 0.7; leave one of them out",
        ),
        ({"budget": 0.4, "initial_size": 100}, "all counts or all fractions, got 0.4 and 100$"),
        ({"budget": 5, "cycles": 7}, "every one of the 7 cycles, got 5"),
        ({"budget": 0, "cycles": 7}, "budget|greater than 0"),
        ({"budget": "many"}, "the setting 'budget' must be"),
    ],
)
def test_a_budget_that_does_not_agree_is_one_sentence(options, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        load_config(options=options)
    assert "\n" not in str(caught.value)
