import pytest

from nextlabel.config.experiment import load_config, to_toml
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.models.catalogue import MODELS
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.papers.differences import PRESETS
from nextlabel.parts import Part
from nextlabel.presets.catalogue import load_preset, preset_datasets
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.training.preprocess import augmentation

FILES = [(name, dataset) for name in PRESETS for dataset in preset_datasets(name)]


@pytest.mark.parametrize(("name", "dataset"), FILES)
def test_every_preset_is_a_configuration_of_parts_and_options_that_exist(name, dataset):
    config = load_config(options={"preset": name, "dataset": dataset})
    assert [part.name for part in config.dataset] == [dataset]
    assert (config.seeds, config.cycles, config.learner.warm_start) == (3, 7, True)
    DATASETS.check_options(dataset, dict(config.dataset[0].options))
    of_preset = load_preset(name, dataset)["options"]
    for registry, kind in ((STRATEGIES, "strategy"), (OBJECTIVES, "objective")):
        for part, options in of_preset.get(kind, {}).items():
            registry.create(part, **options)
    if config.learner.model is not None:
        MODELS.check_options(config.learner.model.name, dict(config.learner.model.options))
    augmentation(config.learner.augment)
    cod = "cod_segmentation" if dataset in ("cityscapes", "nuclei") else "cod"
    assert [part.name for part in config.strategy] == [cod, "random"]
    assert [part.name for part in config.objective] == ["tod", "supervised"]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_the_data_sets_of_the_papers_and_those_that_ship(name):
    published = {"cifar10", "cifar100", "svhn", "caltech101", "fashion_mnist", "stl10", "cityscapes"}
    assert {*preset_datasets(name)} == published | {"cifar10_jpeg", "nuclei", "digits", "animals"}


def test_code_and_paper_disagree_where_the_sources_do():
    code, paper = (
        load_config(options={"preset": name, "dataset": ["cifar10"]}) for name in ("code", "paper")
    )
    assert (code.initial_size, code.batch_size, code.candidate_size) == (5000, 2500, 25000)
    assert (paper.initial_size, paper.batch_size, paper.candidate_size) == (0.10, 0.05, None)
    assert code.strategy[0].options == {"form": "half_squared", "first_cycle": "untrained"}
    assert paper.strategy[0].options == {"form": "l2", "first_cycle": "initial"}
    assert (code.objective[0].options["weight"], paper.objective[0].options["weight"]) == (0.02, 0.05)
    assert code.learner.augment == [Part("horizontal_flip"), Part("random_crop", {"padding": 4})]
    assert paper.learner.augment == [Part("horizontal_flip"), Part("random_crop", {"padding": 2})]


@pytest.mark.parametrize(
    ("dataset", "labels", "weight"),
    [
        ("cifar100", (5000, 2500, 25000), 0.05),
        ("svhn", (7324, 3662, 29302), 0.005),
        ("caltech101", (868, 434, 4340), 0.1),
    ],
)
def test_the_code_preset_has_the_constants_of_the_released_configurations(dataset, labels, weight):
    config = load_config(options={"preset": "code", "dataset": [dataset]})
    assert (config.initial_size, config.batch_size, config.candidate_size) == labels
    assert config.objective[0].options["weight"] == weight
    epochs, lr, batch = (50, 0.01, 64) if dataset == "caltech101" else (200, 0.1, 128)
    assert (config.learner.epochs, config.learner.lr, config.learner.batch_size) == (epochs, lr, batch)


@pytest.mark.parametrize("name", PRESETS)
def test_images_of_stl10_are_scaled_before_their_centre_is_cut_as_the_article_says(name):
    assert load_preset(name, "stl10")["options"]["dataset"]["stl10"]["resize"] == 128


def test_settings_are_laid_over_the_preset_key_by_key(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('preset = "code"\ndataset = "cifar10"\n[learner]\nepochs = 9\n')
    config = load_config(path, settings=["candidate_size=all", "objective.tod.weight=0.5"])
    assert (config.learner.epochs, config.learner.lr, config.candidate_size) == (9, 0.1, "all")
    tod = {"form": "code", "weight": 0.5, "decay": 0.999}
    tod |= {"teacher_start": "random", "teacher_buffers": "own", "passes": "separate"}
    assert config.objective[0].options == tod


def test_what_a_preset_says_of_parts_that_are_not_used_is_left_out():
    options = {"preset": "code", "dataset": ["cifar10"], "strategy": ["margin"], "objective": "supervised"}
    config = load_config(options=options, settings=["learner.augment=[]", "learner.model=small_cnn"])
    assert (config.strategy, config.objective) == ([Part("margin")], [Part("supervised")])
    assert (config.learner.augment, config.learner.model) == ([], Part("small_cnn"))


def test_a_resolved_configuration_with_a_preset_is_read_back_as_the_same(tmp_path):
    config = load_config(options={"preset": "code", "dataset": ["svhn"], "strategy": ["random"]})
    path = tmp_path / "experiment.toml"
    path.write_text(to_toml(config.resolved()))
    assert load_config(path) == config


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"preset": "cod"}, UnknownNameError, "preset not found: 'cod'; did you mean 'code'"),
        (
            {"preset": "code", "dataset": ["mnist"]},
            ConfigurationError,
            "'code' not found: 'mnist'; did you mean",
        ),
        (
            {"preset": "code", "dataset": ["digits", "svhn"]},
            ConfigurationError,
            "a preset is for one data set, got 'digits', 'svhn'",
        ),
        ({"preset": 3}, ConfigurationError, "the setting 'preset' must be"),
        ({"preset": "code", "dataset": 3}, ConfigurationError, "a part must be a name or a table .*, got 3"),
        ({"preset": "code", "learner": 3}, ConfigurationError, "the setting 'learner' must be"),
    ],
)
def test_a_preset_that_is_not_there_is_one_sentence(options, error, sentence):
    with pytest.raises(error, match=sentence):
        load_config(options=options)
