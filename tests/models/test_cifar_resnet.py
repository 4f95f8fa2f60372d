"""The ResNet-18 for little images: the published parameter counts, stages, embeddings, and training."""

from __future__ import annotations

import pytest
import torch
from model_cases import learns_in_one_step, parameters

from nextlabel.errors import ConfigurationError
from nextlabel.models.catalogue import MODELS
from nextlabel.models.cifar_resnet import CifarResNet18
from nextlabel.objectives.tod import Tod
from nextlabel.training.network import ModuleNetwork


@pytest.mark.parametrize(("classes", "published"), [(10, 11_173_962), (100, 11_220_132)])
def test_with_one_head_it_has_the_published_parameters(classes, published):
    with torch.device("meta"):
        assert (
            parameters(MODELS.create("cifar_resnet18", input_shape=(3, 32, 32), classes=classes)) == published
        )


@pytest.mark.parametrize(("classes", "published"), [(10, 11_179_092), (100, 11_271_432)])
def test_with_the_second_head_of_the_code_form_it_has_the_published_parameters(classes, published):
    objective = Tod(form="code")
    with torch.device("meta"):
        network = ModuleNetwork(CifarResNet18((3, 32, 32), classes))
    network.with_embeddings = True
    objective.bind(network, network(torch.empty(2, 3, 32, 32, device="meta")))
    assert parameters(network) + parameters(objective) == published  # the teacher's do not train


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (28, 28), (1, 8, 8)])
def test_outputs_are_the_head_of_the_mean_of_the_last_stage(shape):
    model = CifarResNet18(shape, 5, width=4).eval()
    x = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
    features = model.forward_features(x)
    embeddings = features.flatten(2).mean(2)
    torch.testing.assert_close(model.forward_head(features, pre_logits=True), embeddings)
    torch.testing.assert_close(model(x), embeddings @ model.fc.weight.T + model.fc.bias)
    assert model(x).shape == (3, 5)


def test_its_stages_halve_the_image_three_times_and_double_the_channels():
    model = CifarResNet18((3, 32, 32), 10, width=4)
    stages = model.forward_stages(torch.rand(2, 3, 32, 32))
    assert [tuple(maps.shape[1:]) for maps in stages] == [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 4, 4)]
    assert model.stage_channels == (4, 8, 16, 32)


def test_the_last_stage_is_what_the_head_is_given():
    model = CifarResNet18((1, 8, 8), 2, width=2).eval()
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(model.forward_stages(x)[-1], model.forward_features(x))


def test_grey_images_with_and_without_their_axis_give_the_same_outputs():
    model = CifarResNet18((8, 8), 3, width=2).eval()
    x = torch.rand(4, 8, 8)
    assert torch.equal(model(x), model(x.unsqueeze(1)))


def test_a_block_adds_its_input_to_what_its_convolutions_make_of_it():
    block = CifarResNet18((1, 8, 8), 2, width=2).eval().layer1[0]
    torch.nn.init.zeros_(block.bn2.weight)  # so that the convolutions add nothing
    x = torch.randn(2, 2, 8, 8)
    assert torch.equal(block(x), x.clamp(min=0))


@pytest.mark.parametrize(
    "options",
    [
        {"input_shape": (64,)},
        {"input_shape": (3, 4, 32)},
        {"input_shape": (0, 8, 8)},
        {"width": 0},
        {"classes": 0},
    ],
)
def test_impossible_options_are_refused_in_one_sentence(options):
    with pytest.raises(ConfigurationError, match="cifar_resnet18"):
        MODELS.create("cifar_resnet18", **{"input_shape": (3, 32, 32), "classes": 3, **options})


@pytest.mark.parametrize("objective", [{}, {"objective": "tod(form=code)"}])
def test_a_learner_trains_it(tmp_path, objective):
    learns_in_one_step(lambda: CifarResNet18((3, 16, 16), 2, width=4), (3, 16, 16), 32, tmp_path, **objective)


@pytest.mark.parametrize("name", ["cifar_resnet18", "imagenet_resnet18"])
def test_dropout_acts_before_the_head_in_training_only_and_has_no_parameters(name):
    def made(**options):
        torch.manual_seed(0)
        return MODELS.create(name, input_shape=(3, 32, 32), classes=4, width=4, **options)

    plain, dropping = made(), made(dropout=0.5)
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert plain.state_dict().keys() == dropping.state_dict().keys()
    assert torch.equal(plain.eval()(x), dropping.eval()(x))
    features = dropping.forward_features(x)
    pooled = dropping.train().forward_head(features, pre_logits=True)
    assert bool((pooled == 0).any())
    kept = pooled != 0
    torch.testing.assert_close(pooled[kept], 2 * features.mean((2, 3))[kept])
    with pytest.raises(
        ConfigurationError, match=rf"'dropout' of model '{name}' must be in \[0, 1\), got 1.0"
    ):
        made(dropout=1.0)
