"""The small network of segmentation gives outputs for every pixel, and the timm contract holds."""

from __future__ import annotations

import pytest
import torch

from nextlabel.errors import ConfigurationError, DataError
from nextlabel.models.catalogue import MODELS
from nextlabel.models.small_fcn import SmallFcn


@pytest.mark.parametrize("shape", [(3, 24, 40), (1, 16, 16), (16, 8)])
def test_outputs_have_a_number_for_every_class_of_every_pixel(shape):
    model = MODELS.create("small_fcn", input_shape=shape, classes=4, width=2).eval()
    x = torch.rand(2, *shape)
    assert model(x).shape == (2, 4, *shape[-2:])
    assert torch.equal(model(x), model.forward_head(model.forward_features(x)))
    assert model.forward_head(model.forward_features(x), pre_logits=True).shape == (2, 8)


def test_its_parameters_are_those_of_its_layers():
    w, c = 32, 2
    kernels = 9 * (3 * w + w * 2 * w + 2 * w * 4 * w + 4 * w * 4 * w)
    norms = 2 * (w + 2 * w + 4 * w + 4 * w)
    model = SmallFcn((3, 128, 128), c)
    assert sum(p.numel() for p in model.parameters()) == kernels + norms + c * (w + 1) + c * (4 * w + 1)


def test_an_output_depends_on_pixels_near_by_only():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SmallFcn((1, 64, 64), 2, width=8).eval()
    x = torch.rand(1, 1, 64, 64)
    changed = x.clone()
    changed[..., 0, 0] += 1
    moved = (model(x) - model(changed)).abs().sum(1)[0]
    assert moved[:8, :8].max() > 0
    assert moved[40:].max() == 0
    assert moved[:, 40:].max() == 0


@pytest.mark.parametrize("shape", [(3, 18, 16), (3, 2, 16), (16,)])
def test_images_of_other_sides_are_refused(shape):
    with pytest.raises(ConfigurationError, match="small_fcn"):
        SmallFcn(shape, 4)


def test_a_batch_of_other_sides_is_refused_with_its_shape():
    with pytest.raises(DataError, match=r"multiples of 4.*\(2, 3, 18, 16\); crop or pad"):
        SmallFcn((3, 16, 16), 4, width=2)(torch.rand(2, 3, 18, 16))


@pytest.mark.parametrize("options", [{"width": 0}, {"classes": 0}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ConfigurationError, match="small_fcn"):
        SmallFcn(**{"input_shape": (3, 16, 16), "classes": 3, **options})


def test_drn_is_registered_too():
    model = MODELS.create("drn_d_22", input_shape=(3, 16, 16), classes=3, width=2).eval()
    assert model(torch.rand(1, 3, 16, 16)).shape == (1, 3, 16, 16)
