import math

import pytest

from nextlabel.bench.grid import make_grid, resolve_count
from nextlabel.config.experiment import load_config
from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.parts import Part


def grid(**options):
    return make_grid(load_config(options=options))


def test_the_main_job_has_thirty_cells_that_take_fractions_of_the_pool():
    cells = grid().cells
    assert [(cell.seed, cell.strategy.name) for cell in cells[:4]] == [
        (0, "cod"),
        (0, "margin"),
        (0, "random"),
        (1, "cod"),
    ]
    assert len(cells) == 30
    assert {(cell.initial_size, cell.batch_size) for cell in cells} == {(144, 72)}


def test_cells_with_other_settings_have_other_folders():
    first, second = grid(seeds=1).cells[0], grid(seeds=1, cycles=5).cells[0]
    assert first.name.startswith("digits-cod-supervised-s0-")
    assert first.name != second.name
    assert grid(seeds=1).cells[0].name == first.name


def test_more_seeds_keep_the_cells_that_were_there():
    names = {cell.name for cell in grid(seeds=2).cells}
    assert names < {cell.name for cell in grid(seeds=3).cells}


def test_the_configuration_overrides_the_training_defaults_of_the_data_set():
    plain = grid(seeds=1).cells[0].learner
    changed = grid(seeds=1, learner={"epochs": 2, "model": "mlp(width=8)"}).cells[0].learner
    assert (changed["epochs"], changed["model"].options["width"]) == (2, 8)
    assert changed["lr"] == plain["lr"]
    assert changed["model"].options["layers"] == plain["model"].options["layers"]


def test_another_model_does_not_inherit_the_options_of_the_default_model():
    assert grid(seeds=1, learner={"model": "small_cnn"}).cells[0].learner["model"] == Part("small_cnn")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dataset": ["digit"]}, "data set not found: 'digit'; did you mean 'digits'"),
        ({"strategy": ["margn"]}, "strategy not found: 'margn'; did you mean 'margin'"),
        ({"objective": ["supervise"]}, "objective not found: 'supervise'; did you mean 'supervised'"),
        ({"learner": {"model": "mpl"}}, "model not found: 'mpl'; did you mean 'mlp'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(options, sentence):
    with pytest.raises(UnknownNameError, match=sentence):
        grid(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"strategy": "cod(first_cycel=random)"}, "did you mean 'first_cycle'"),
        ({"strategy": "cod(first_cycle=randon)"}, "did you mean 'random'"),
        (
            {"objective": "supervised(smoothing=1)"},
            "option of the objective 'supervised' not found: 'smoothing'",
        ),
        ({"learner": {"model": "mlp(depth=3)"}}, "option of the model 'mlp' not found: 'depth'"),
        ({"learner": {"augment": ["horizontl_flip"]}}, "did you mean 'horizontal_flip'"),
        ({"dataset": "digits(size=3)"}, "option of the data set 'digits' not found: 'size'"),
        ({"diagnostics": "cod(form=l3)"}, "option 'form' of strategy 'cod' not found: 'l3'"),
        ({"diagnostics": "badge"}, "badge"),
        (
            {"initial_size": 1437},
            "'initial_size' must be below the 1,437 items of digits, got 1,437",
        ),
        (
            {"initial_size": 1},
            "'initial_size' must be at least 2, as training needs labels of two classes, got 1",
        ),
        (
            {"initial_size": 0.001},
            "got 1 of the 1,437 items of digits; raise 'initial_size' to 2",
        ),
        ({"candidate_size": float("nan")}, "must be a count or a fraction above 0, got nan"),
        ({"objective": ["supervised", "squared_error"]}, "SquaredError is for regression"),
        (
            {"learner": {"model": "mlp(width=wide)"}},
            "'width' .* must be a whole number, got 'wide'",
        ),
        (
            {"candidate_size": 71},
            "'candidate_size' must be at least the 72 labels of a batch on digits, got 71",
        ),
        ({"learner": {"wrappers": "vall"}}, "'vall'; did you mean 'vaal'"),
        ({"learner": {"wrappers": "vaal(epoch=1)"}}, "did you mean 'epochs'"),
        ({"learner": {"wrappers": "learning_loss(unit=1)"}}, "did you mean 'units'"),
        ({"learner": {"wrappers": "ensemble(make=3)"}}, "wrapper 'ensemble' not found: 'make'"),
        ({"learner": {"wrappers": "vaal(learner=3)"}}, "wrapper 'vaal' not found: 'learner'"),
        ({"learner": {"model": "mlp(classes=3)"}}, r"must take 'classes' from the data, got mlp\(classes=3"),
        ({"learner": {"lr": float("inf")}}, "lr must be above 0 and finite, got inf"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_any_work(options, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        grid(**options)


def test_the_smallest_start_is_two_labels():
    assert {cell.initial_size for cell in grid(initial_size=2).cells} == {2}


def test_recorded_training_settings_that_were_edited_are_refused_and_untouched_ones_taken():
    training = {"digits": dict(grid().training["digits"])}
    assert grid(training=training).cells == grid().cells
    training["digits"]["epochs"] = 2
    with pytest.raises(
        ConfigurationError, match=r"digits.epochs: stored 2, given 60.*change the table 'learner'"
    ):
        grid(training=training)


def test_a_device_that_is_not_there_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="needs a CUDA GPU"):
        grid(device="cuda")


def test_more_labels_than_the_pool_has_are_noted():
    assert grid().notes == ()
    (note,) = grid(initial_size=1400, batch_size=10).notes
    assert "request 1,460 labels, but the pool has 1,437 items" in note


def test_a_count_is_a_number_or_a_rounded_fraction_of_at_least_one():
    assert [resolve_count(20, 1000), resolve_count(0.05, 1437), resolve_count(0.0001, 1000)] == [20, 72, 1]


def test_settings_at_their_defaults_are_no_part_of_a_cells_name():
    names = [cell.name for cell in grid(seeds=1, strategy=["cod", "random"]).cells]
    assert grid(seeds=1, candidate_size="all", label_noise=0.0).cells[0].name == names[0]
    assert len(set(names)) == 2


def test_one_strategy_with_two_options_is_two_cells():
    cells = grid(seeds=1, strategy="cod,cod(gap='10 steps')").cells
    assert [cell.strategy.options for cell in cells] == [{}, {"gap": "10 steps"}]
    assert len({cell.name for cell in cells}) == 2


def test_a_sub_pool_is_a_count_or_a_fraction_of_the_pool():
    assert [grid(seeds=1, candidate_size=of).cells[0].candidate_size for of in (100, 0.5, "all")] == [
        100,
        718,
        None,
    ]


def test_references_train_once_on_all_labels_or_with_as_many_updates_as_the_campaign():
    once, equal = grid(seeds=1, strategy=["random"], full_training=["once", "equal_updates"]).cells[1:]
    assert (once.strategy.name, equal.strategy.name) == ("full_training", "full_equal")
    assert (once.is_reference, once.initial_size, once.cycles) == (True, 1437, 1)
    assert (once.learner["epochs"], once.learner["batch_size"]) == (60, 32)
    batches = [math.ceil(labels / 32) for labels in range(144, 144 + 7 * 72, 72)]
    assert equal.learner["epochs"] == round(60 * sum(batches) / math.ceil(1437 / 32))


def test_updates_count_the_smaller_batches_of_few_labels_and_the_longer_first_training():
    cells = grid(
        seeds=1,
        strategy=["random"],
        full_training=["equal_updates"],
        initial_size=100,
        batch_size=100,
        cycles=3,
        learner={"epochs": 10, "epochs_from_scratch": 40, "batch_size": 64, "min_steps_per_epoch": 6},
    ).cells
    # 100 labels in batches of 16, 200 of 32, 300 of 32; 1,437 of 64
    assert cells[1].learner["epochs"] == round((40 * 7 + 10 * 7 + 10 * 10) / 23)
    assert "epochs_from_scratch" not in cells[1].learner
    cold = grid(
        seeds=1,
        strategy=["random"],
        full_training=["equal_updates"],
        initial_size=100,
        batch_size=100,
        cycles=3,
        learner={
            "epochs": 10,
            "epochs_from_scratch": 40,
            "batch_size": 64,
            "min_steps_per_epoch": 6,
            "warm_start": False,
        },
    ).cells
    assert cold[1].learner["epochs"] == round(40 * (7 + 7 + 10) / 23)


def test_strategies_of_a_wrapper_score_items_as_they_are_and_the_run_says_so():
    learner = {"score_augmented": True, "augment": ["horizontal_flip"], "model": "small_cnn"}
    found = grid(strategy=["cod", "learning_loss", "qbc", "mc_dropout"], seeds=1, learner=learner)
    augmented = {cell.strategy.name: cell.learner["score_augmented"] for cell in found.cells}
    assert augmented == {"cod": True, "learning_loss": True, "qbc": False, "mc_dropout": False}
    (note,) = found.notes
    assert "learner.score_augmented is false for 'qbc', 'mc_dropout'" in note
    assert grid(strategy=["cod"], seeds=1, learner=learner).notes == ()
