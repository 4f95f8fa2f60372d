"""The small models keep the timm contract and take the shapes they promise."""

from __future__ import annotations

import pytest
import torch

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.models.catalogue import MODELS

SHAPES = {"mlp": [(8,), (8, 8), (3, 5, 7)], "small_cnn": [(1, 28, 28), (3, 32, 32), (28, 28), (8, 8)]}
CASES = [(name, shape) for name, shapes in SHAPES.items() for shape in shapes]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_outputs_are_the_head_of_the_embeddings(name, shape):
    model = MODELS.create(name, input_shape=shape, classes=4, width=6).eval()
    x = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
    embeddings = model.forward_head(model.forward_features(x), pre_logits=True)
    assert embeddings.ndim == 2
    torch.testing.assert_close(model.head(embeddings), model(x))
    assert model(x).shape == (3, 4)


@pytest.mark.parametrize(("name", "width", "expected"), [("mlp", 6, 6), ("small_cnn", 6, 24)])
def test_width_sets_the_number_of_embedding_features(name, width, expected):
    model = MODELS.create(name, input_shape=(8, 8), classes=2, width=width)
    assert model.forward_head(model.forward_features(torch.rand(2, 8, 8)), pre_logits=True).shape == (
        2,
        expected,
    )


def test_an_mlp_has_as_many_hidden_layers_as_asked():
    model = MODELS.create("mlp", input_shape=(4,), classes=2, width=5, layers=3)
    assert sum(isinstance(layer, torch.nn.Linear) for layer in model.hidden) == 3


@pytest.mark.parametrize("name", SHAPES)
def test_dropout_is_on_in_training_and_off_in_evaluation(name):
    model = MODELS.create(name, input_shape=(8, 8), classes=2, width=64, dropout=0.5)
    x = torch.rand(4, 8, 8)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mlp", {"width": 0}),
        ("mlp", {"layers": 0}),
        ("mlp", {"dropout": 1.0}),
        ("small_cnn", {"width": 0}),
        ("small_cnn", {"dropout": -0.1}),
        ("small_cnn", {"input_shape": (64,)}),
        ("small_cnn", {"input_shape": (3, 2, 8)}),
    ],
)
def test_impossible_options_are_refused_in_one_sentence(name, options):
    with pytest.raises(ConfigurationError, match=name):
        MODELS.create(name, **{"input_shape": (8, 8), "classes": 3, **options})


def test_an_unknown_model_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="small_cnn"):
        MODELS.card("smal_cnn")


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_the_last_stage_is_the_features_and_each_has_its_channels(name, shape):
    options = {"layers": 3, "dropout": 0.5} if name == "mlp" else {}
    model = MODELS.create(name, input_shape=shape, classes=4, width=6, **options).eval()
    x = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
    stages = model.forward_stages(x)
    assert [stage.shape[1] for stage in stages] == list(model.stage_channels)
    assert torch.equal(stages[-1], model.forward_features(x))
