import pytest

from nextlabel.bench.grid import amount, make_grid
from nextlabel.config import load_config
from nextlabel.errors import ConfigurationError, UnknownNameError


def grid(**options):
    return make_grid(load_config(options=options))


def test_the_main_job_has_nine_cells_that_take_shares_of_the_pool():
    cells = grid().cells
    assert [(cell.seed, cell.strategy) for cell in cells[:4]] == [
        (0, "cod"),
        (0, "margin"),
        (0, "random"),
        (1, "cod"),
    ]
    assert len(cells) == 9
    assert {(cell.start_size, cell.batch_size) for cell in cells} == {(144, 72)}


def test_cells_with_other_settings_have_other_folders():
    first, second = grid(seeds=1).cells[0], grid(seeds=1, cycles=5).cells[0]
    assert first.name.startswith("digits-cod-supervised-s0-")
    assert first.name != second.name
    assert grid(seeds=1).cells[0].name == first.name


def test_more_seeds_keep_the_cells_that_were_there():
    names = {cell.name for cell in grid(seeds=2).cells}
    assert names < {cell.name for cell in grid(seeds=3).cells}


def test_the_configuration_is_laid_over_the_recipe_of_the_data_set():
    plain = grid(seeds=1).cells[0].learner
    changed = grid(seeds=1, learner={"epochs": 2, "model_options": {"width": 8}}).cells[0].learner
    assert (changed["epochs"], changed["model_options"]["width"]) == (2, 8)
    assert changed["lr"] == plain["lr"]
    assert changed["model_options"]["layers"] == plain["model_options"]["layers"]


def test_another_model_does_not_inherit_the_options_of_the_recipes_model():
    assert grid(seeds=1, learner={"model": "small_cnn"}).cells[0].learner["model_options"] == {}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dataset": ["digit"]}, "there is no data set 'digit'; did you mean 'digits'"),
        ({"strategy": ["margn"]}, "there is no strategy 'margn'; did you mean 'margin'"),
        ({"objective": ["supervise"]}, "there is no objective 'supervise'; did you mean 'supervised'"),
        ({"learner": {"model": "mpl"}}, "there is no model 'mpl'; did you mean 'mlp'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(options, sentence):
    with pytest.raises(UnknownNameError, match=sentence):
        grid(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"strategy_options": {"badge": {}}}, "strategy_options names 'badge', but this experiment has cod"),
        ({"strategy_options": {"cod": {"first_cycel": "random"}}}, "did you mean 'first_cycle'"),
        ({"strategy_options": {"cod": {"first_cycle": "randon"}}}, "did you mean 'random'"),
        ({"objective_options": {"supervised": {"smoothing": 1}}}, "has no option 'smoothing'"),
        ({"learner": {"model_options": {"depth": 3}}}, "the model 'mlp' has no option 'depth'"),
        ({"learner": {"augment": ["horizontl_flip"]}}, "did you mean 'horizontal_flip'"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_any_work(options, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        grid(**options)


def test_a_recorded_recipe_that_was_edited_is_refused_and_an_untouched_one_taken():
    recipes = {"digits": dict(grid().recipes["digits"])}
    assert grid(recipes=recipes).cells == grid().cells
    recipes["digits"]["epochs"] = 2
    with pytest.raises(
        ConfigurationError, match=r"digits.epochs: 2 there, 60 here.*change the table 'learner'"
    ):
        grid(recipes=recipes)


def test_a_device_that_is_not_there_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="needs a CUDA GPU"):
        grid(device="cuda")


def test_more_labels_than_the_pool_has_are_noted():
    assert grid().notes == ()
    (note,) = grid(start=1400, batch_size=10).notes
    assert "ask for 1,460 labels, but the pool has 1,437 items" in note


def test_an_amount_is_a_count_or_a_rounded_share_of_at_least_one():
    assert [amount(20, 1000), amount(0.05, 1437), amount(0.0001, 1000)] == [20, 72, 1]
