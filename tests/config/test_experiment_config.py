import pytest

from nextlabel.config.experiment import fingerprint, load_config, read_toml, to_toml
from nextlabel.errors import ConfigurationError
from nextlabel.parts import Part


def test_the_defaults_are_the_main_job():
    config = load_config()
    assert (config.dataset, config.strategy, config.seeds) == (
        [Part("digits")],
        [Part("cod"), Part("margin"), Part("random")],
        10,
    )
    assert (config.initial_size, config.batch_size, config.cycles, config.learner.warm_start) == (
        0.10,
        0.05,
        7,
        True,
    )


def test_later_sources_win_over_earlier_ones(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("seeds = 5\ncycles = 4\n[learner]\nepochs = 9\n")
    config = load_config(path, options={"cycles": 6, "seeds": None}, settings=["learner.lr=0.5", "cycles=2"])
    assert (config.seeds, config.cycles) == (5, 2)
    assert (config.learner.epochs, config.learner.lr) == (9, 0.5)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("sedes=3", "setting not found: 'sedes'; did you mean 'seeds'"),
        ("learner.epoch=3", "setting not found: 'learner.epoch'; did you mean 'epochs'"),
        ("seeds=0", "the setting 'seeds' must be greater than or equal to 1, got 0"),
        ("seeds=many", "the setting 'seeds' must be a whole number, got 'many'"),
        ("initial_size=0", "the setting 'initial_size' must be a count or a fraction above 0, got 0"),
        ("initial_size=1.5", "must be a count .* or a fraction below 1, got 1.5"),
        ("initial_size=1.0", "must be a count .* or a fraction below 1, got 1.0"),
        ("batch_size=1.0", "must be a count .* or a fraction below 1, got 1.0"),
        ("initial_size=true", "must be a count or a fraction above 0, got True"),
        ("initial_size=10%", "must be a count or a fraction above 0, got '10%'"),
        ("seeds=true", "the setting 'seeds' must not be true or false, got true"),
        ("learner.lr=true", "the setting 'learner.lr' must not be true or false, got true"),
        ("seeds=2.5", "the setting 'seeds' must be a whole number, got 2.5"),
        ("learner=3", "the setting 'learner' must be a table, got 3"),
        ("strategy=[]", r"the setting 'strategy' must not be empty, got \[\]"),
        ("strategy=cod,cod", "must be distinct, got cod, cod"),
        (
            "model.mlp.weights=~no_such_user/w",
            "learner.model' is wrong: there is no home for ~no_such_user/w",
        ),
        ("seeds", "a setting must be key=value, .* got 'seeds'"),
        ("seeds.more=3", r"the setting 'seeds' must be a whole number, got {'more': 3}"),
        ('learner.optimizer="lion"', "the setting 'learner.optimizer' must be"),
    ],
)
def test_a_wrong_setting_gets_one_sentence_that_names_it(setting, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        load_config(settings=[setting])
    assert "\n" not in str(caught.value)


def test_a_list_may_be_given_with_commas_or_as_toml():
    assert load_config(settings=["strategy=cod,random"]).strategy == [Part("cod"), Part("random")]
    assert load_config(settings=['strategy=["cod"]']).strategy == [Part("cod")]
    assert load_config(settings=["strategy=cod"]).strategy == [Part("cod")]


def test_a_part_is_a_name_a_call_or_a_table(tmp_path):
    expected = [Part("random"), Part("cod"), Part("cod", {"gap": "10 steps"})]
    text = "random,cod,cod(gap='10 steps')"
    assert load_config(options={"strategy": text}).strategy == expected
    path = tmp_path / "mine.toml"
    path.write_text('strategy = ["random", "cod", {name = "cod", gap = "10 steps"}]\n')
    assert load_config(path).strategy == expected


def test_a_setting_of_a_part_overrides_its_options_from_any_source():
    config = load_config(
        options={"strategy": "cod(form=l2),random"},
        settings=["strategy.cod.first_cycle=random", "model.mlp.width=8", "wrapper.vaal.epochs=3"],
    )
    assert config.strategy[0] == Part("cod", {"form": "l2", "first_cycle": "random"})
    assert config.learner.model == Part("mlp", {"width": 8})
    assert config.learner.wrappers == [Part("vaal", {"epochs": 3})]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("strategy.codd.form=l2", "strategy not found: 'codd', .*did you mean 'cod'"),
        ("objective.weight=1", "must be set as objective.NAME.weight=VALUE, got 'objective.weight=1'"),
        ("learner.model.width=16", "as model.NAME.width=16"),
        ("augment.horizontal_flip.probability=1", "add it to 'learner.augment', which has none"),
        ("strategy=cod(form=l2", "the bracket at position 3 .* must be closed"),
    ],
)
def test_a_setting_of_no_part_is_one_sentence(setting, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        load_config(settings=[setting])
    assert "\n" not in str(caught.value)


def test_a_count_and_a_fraction_are_distinguished():
    assert isinstance(load_config(options={"initial_size": 20}).initial_size, int)
    assert load_config(options={"initial_size": 20.0}).initial_size == 20
    assert load_config(options={"batch_size": 1}).batch_size == 1
    assert load_config(options={"initial_size": 0.2}).initial_size == 0.2


def test_a_resolved_configuration_is_read_back_as_the_same(tmp_path):
    config = load_config(settings=["learner.epochs=3", "strategy.cod.form=l2"])
    path = tmp_path / "experiment.toml"
    path.write_text(
        to_toml({**config.resolved(), "environment": {"python": "3"}, "training": {"digits": {}}})
    )
    assert load_config(path).resolved() == config.resolved()


def test_a_fingerprint_depends_on_the_content_alone():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1, "b": 3})


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"cannot read the configuration .*none.toml: No such file"):
        read_toml(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("seeds = ")
    with pytest.raises(ConfigurationError, match=r"broken.toml must be TOML, but"):
        read_toml(broken)


def test_a_record_holds_every_setting_and_the_differences_only_those_that_are_set():
    plain = load_config()
    assert plain.resolved().keys() == set(type(plain).model_fields) - {"training"}
    assert plain.differences() == {}
    config = load_config(settings=["candidate_size=0.5", "learner.gamma=0.2", "strategy=cod(form=l2)"])
    assert config.differences() == {
        "strategy": [{"name": "cod", "form": "l2"}], "candidate_size": 0.5, "learner": {"gamma": 0.2},
    }  # fmt: skip


def test_a_record_with_every_setting_is_read_back_as_the_same(tmp_path):
    config = load_config(
        settings=[
            "dataset.digits.keep=3",
            "candidate_size=all",
            "label_noise=0.2",
            'diagnostics=[{name="cod", gap="10 steps"}]',
            "learner.augment=random_crop",
            "full_training=once,equal_updates",
            "learner.milestones=[0.5, 0.75]",
            "learner.normalise=[[0.5], [0.25]]",
            "augment.random_crop.padding=2",
            "learner.compile=auto",
            "wrapper.vaal.epochs=3",
        ]
    )
    path = tmp_path / "experiment.toml"
    path.write_text(to_toml(config.resolved()))
    assert load_config(path) == config


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("label_noise=1.0", "the setting 'label_noise' must be less than 1, got 1.0"),
        ("candidate_size=0", "the setting 'candidate_size' must be a count or a fraction above 0, got 0"),
        ("candidate_size=half", "the setting 'candidate_size' must be"),
        ('diagnostics=[{gap="epoch"}]', "table must have a name"),
        ("full_training=twice", "the setting 'full_training' must be"),
        ("learner.milestones=[1.5]", "the setting 'learner.milestones' must be"),
        ("learner.compile=maybe", "the setting 'learner.compile' must be"),
    ],
)
def test_a_wrong_later_setting_gets_one_sentence_too(setting, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        load_config(settings=[setting])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weights", ["donor.pth", "./donor.pth", "sub/donor", "donor"])
def test_a_relative_path_of_weights_is_absolute_in_the_configuration_and_the_record(
    weights, tmp_path, monkeypatch
):
    (tmp_path / "donor").touch()
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.toml"
    mine.write_text(f"[learner.model]\nname = 'imagenet_resnet18'\nweights = '{weights}'\n")
    typed = load_config(settings=[f"model.imagenet_resnet18.weights={weights}"])
    written = tmp_path / "record.toml"
    written.write_text(to_toml(load_config(mine).resolved()))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for config in (typed, load_config(written)):
        assert config.learner.model.options["weights"] == str(tmp_path / weights)


@pytest.mark.parametrize("weights", ["imagenet", "DEFAULT", ["a/b"]])
def test_weights_that_are_no_path_stay(weights, tmp_path, monkeypatch):
    (tmp_path / "imagenet").touch()
    monkeypatch.chdir(tmp_path)
    config = load_config(options={"learner": {"model": Part("imagenet_resnet18", {"weights": weights})}})
    assert config.learner.model.options["weights"] == weights


def test_paths_below_the_users_home_and_roots_of_data_are_absolute_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    config = load_config(
        settings=[
            "model.imagenet_resnet18.weights=~/w.pth",
            "dataset.cifar10.root=data",
            "dataset=cifar10",
        ]
    )
    assert config.learner.model == Part("imagenet_resnet18", {"weights": "/home/ada/w.pth"})
    assert config.dataset == [Part("cifar10", {"root": str(tmp_path / "data")})]
