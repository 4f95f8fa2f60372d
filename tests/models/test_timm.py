"""Models of timm as ``timm:NAME``: they train as any other, and what timm refuses is one sentence."""

from __future__ import annotations

import sys
from functools import partial

import pytest
import torch
from torch import nn

from image_cases import images
from nextlabel.errors import ConfigurationError, DataError, MissingExtraError, UnknownNameError
from nextlabel.models.catalogue import MODELS
from torch_learners import torch_learner

TINY = "timm:resnet10t"

SMALL = {"channels": (4, 4, 8, 8), "stem_width": 4}
"""Options of it by which a fit takes milliseconds."""


def create(name=TINY, shape=(1, 8, 8), **options):
    return MODELS.create(name, input_shape=shape, classes=3, **options)


def small(**options):
    return create(**{**SMALL, **options})


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (8, 8)])
def test_channels_and_classes_are_those_of_the_data(shape):
    model = small(shape=shape).eval()
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    embeddings = model.forward_head(model.forward_features(x), pre_logits=True)
    assert embeddings.ndim == 2
    assert model(x).shape == (2, 3)


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 8)])
def test_a_learner_trains_it_and_gives_probabilities_and_embeddings(shape, tmp_path):
    pool, labels = images(12, shape)
    learner = torch_learner(partial(small, shape=shape), epochs=1, batch_size=12, device="cpu")
    metrics = learner.fit(pool, labels, pool.slice(0, 0), seed=0, workdir=tmp_path)
    outputs = learner.predict(pool, needs=frozenset({"log_probs", "embeddings"}), seed=0)
    assert metrics["steps"] == 1
    assert outputs.log_probs.shape == (12, 1, 3)
    assert outputs.embeddings.ndim == 2


def test_it_is_the_model_that_timm_makes_with_these_options():
    import timm

    torch.manual_seed(0)
    model = small(drop_rate=0.25, layers=(1, 1, 1, 2))
    torch.manual_seed(0)
    options = {**SMALL, "drop_rate": 0.25, "layers": (1, 1, 1, 2)}
    expected = timm.create_model("resnet10t", num_classes=3, in_chans=1, **options)
    state = model.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.state_dict().items())
    assert (model.drop_rate, model.training) == (0.25, True)


def test_dropout_is_another_name_of_drop_rate_which_wins():
    assert small(dropout=0.5).drop_rate == 0.5
    assert small(dropout=0.5, drop_rate=0.25).drop_rate == 0.25


def test_names_may_have_the_tag_of_their_weights():
    assert "timm:resnet10t.c3_in1k" in MODELS
    assert isinstance(create("timm:resnet10t.c3_in1k"), nn.Module)


@pytest.mark.parametrize(
    ("name", "nearest"), [("timm:resnt18", "resnet18"), ("timm:resnet10t.c4", "resnet10t")]
)
def test_an_unknown_name_is_refused_with_the_nearest_of_timm(name, nearest):
    with pytest.raises(UnknownNameError, match=f"'{name[5:]}'; did you mean '{nearest}") as caught:
        create(name)
    assert len(caught.value.known) <= 5


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"'timm:resnet10t' .* 'nextlabel\[vision\]'"):
        create()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bogus": 1}, "keyword argument 'bogus'"),
        ({"num_classes": 4}, "'num_classes'"),
        ({"layers": 3}, "not iterable"),
        ({"global_pool": "x"}, "Invalid pool type"),
    ],
)
def test_options_that_timm_refuses_are_named(options, reason):
    with pytest.raises(ConfigurationError, match=f"options of '{TINY}' .*{next(iter(options))}.*{reason}"):
        create(**options)


def test_a_model_of_a_fixed_size_names_the_option_that_sets_it():
    tiny = {"patch_size": 8, "depth": 1, "embed_dim": 6, "num_heads": 1}
    vit = partial(create, "timm:vit_tiny_patch16_224", (1, 16, 16), **tiny)
    with pytest.raises(ConfigurationError, match=r"got \(1, 16, 16\) .*set the option img_size=\[16, 16\]"):
        vit()
    assert vit(img_size=[16, 16])(torch.rand(2, 1, 16, 16)).shape == (2, 3)
    with pytest.raises(ConfigurationError, match=r"got \(1, 16, 16\) .*\); resize them"):
        vit(img_size=32)


def test_images_that_are_too_small_and_items_that_are_not_images_are_refused():
    with pytest.raises(
        ConfigurationError, match=r"'timm:convnext_atto' accepts, got \(1, 8, 8\) .*; resize them"
    ):
        create("timm:convnext_atto")
    with pytest.raises(ConfigurationError, match=r"'timm:resnet10t' must be of shape .* got \(64,\)"):
        create(shape=(64,))


@pytest.mark.parametrize(
    "error", [OSError("no connection\nmore"), RuntimeError("No pretrained weights exist")]
)
def test_pretrained_weights_out_of_reach_are_one_sentence(error, monkeypatch):
    import timm.models._builder as builder

    def out_of_reach(*arguments, **options):
        raise error

    monkeypatch.setattr(builder, "load_pretrained", out_of_reach)
    with pytest.raises(
        DataError, match=f"weights of '{TINY}' .*{str(error).splitlines()[0]}\"; check the conn"
    ):
        create(pretrained=True)


def test_pretrained_reaches_timm(monkeypatch):
    import timm.models._builder as builder

    asked = []
    monkeypatch.setattr(
        builder, "load_pretrained", lambda model, **options: asked.append(options["in_chans"])
    )
    create(pretrained=True)
    assert asked == [1]
