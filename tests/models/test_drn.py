"""DRN-D-22: its layers as published, outputs for every pixel, and the fixed bilinear interpolation."""

from __future__ import annotations

import pytest
import torch
from model_cases import learns_in_one_step, parameters
from torch import nn
from torch.nn import functional

from nextlabel.errors import ConfigurationError, DataError
from nextlabel.models.drn import DrnD22, bilinear_kernel

PUBLISHED = [  # kernel, inputs, outputs, stride, dilation; a shortcut follows the two it spans
    (7, 3, 16, 1, 1),
    (3, 16, 16, 1, 1),
    (3, 16, 32, 2, 1),
    *[(3, 32, 64, 2, 1), (3, 64, 64, 1, 1), (1, 32, 64, 2, 1), (3, 64, 64, 1, 1), (3, 64, 64, 1, 1)],
    *[(3, 64, 128, 2, 1), (3, 128, 128, 1, 1), (1, 64, 128, 2, 1), (3, 128, 128, 1, 1), (3, 128, 128, 1, 1)],
    *[
        (3, 128, 256, 1, 2),
        (3, 256, 256, 1, 2),
        (1, 128, 256, 1, 1),
        (3, 256, 256, 1, 2),
        (3, 256, 256, 1, 2),
    ],
    *[
        (3, 256, 512, 1, 4),
        (3, 512, 512, 1, 4),
        (1, 256, 512, 1, 1),
        (3, 512, 512, 1, 4),
        (3, 512, 512, 1, 4),
    ],
    (3, 512, 512, 1, 2),
    (3, 512, 512, 1, 1),
    (1, 512, 19, 1, 1),
]


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return DrnD22((3, 688, 688), 19)


def test_its_convolutions_are_the_published_ones(published):
    convolutions = [part for part in published.modules() if isinstance(part, nn.Conv2d)]
    assert [
        (c.kernel_size[0], c.in_channels, c.out_channels, c.stride[0], c.dilation[0]) for c in convolutions
    ] == PUBLISHED


def test_its_parameters_are_those_of_the_published_layers(published):
    weights = sum(kernel**2 * inputs * outputs for kernel, inputs, outputs, *_ in PUBLISHED)
    norms = sum(2 * outputs for _, _, outputs, *_ in PUBLISHED[:-1])
    assert parameters(published) == weights + norms + 19 == 15_890_499


def test_with_the_1000_classes_it_was_published_for_it_has_16_4_million_parameters():
    with torch.device("meta"):
        assert parameters(DrnD22((3, 224, 224), 1000)) == 16_393_752


@pytest.mark.parametrize("shape", [(3, 688, 688), (3, 1024, 2048)])
def test_outputs_are_those_of_all_pixels_of_cityscapes(published, shape):
    x = torch.empty(2, *shape, device="meta")
    assert published.forward_features(x).shape == (2, 512, shape[1] // 8, shape[2] // 8)
    assert published(x).shape == (2, 19, *shape[1:])


@pytest.mark.parametrize("shape", [(3, 24, 40), (1, 16, 16), (16, 8)])
def test_outputs_have_a_number_for_every_class_of_every_pixel(shape):
    model = DrnD22(shape, 4, width=2).eval()
    x = torch.rand(2, *shape)
    assert model(x).shape == (2, 4, *shape[-2:])
    assert torch.equal(model(x), model.forward_head(model.forward_features(x)))
    assert model.forward_head(model.forward_features(x), pre_logits=True).shape == (2, 64)


def test_a_call_takes_other_multiples_of_8_than_the_model_was_made_for():
    assert DrnD22((3, 16, 16), 4, width=2).eval()(torch.rand(1, 3, 32, 24)).shape == (1, 4, 32, 24)


@pytest.mark.parametrize("shape", [(3, 20, 16), (3, 16, 20), (3, 4, 16), (16,)])
def test_a_model_for_images_of_other_sides_is_refused(shape):
    with pytest.raises(ConfigurationError, match="drn_d_22"):
        DrnD22(shape, 4, width=2)


@pytest.mark.parametrize("options", [{"width": 0}, {"classes": 0}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ConfigurationError, match="drn_d_22"):
        DrnD22(**{"input_shape": (3, 16, 16), "classes": 3, **options})


@pytest.mark.parametrize("shape", [(2, 3, 20, 16), (2, 3, 16, 20)])
def test_images_of_other_sides_are_refused_with_their_shape(shape):
    with pytest.raises(DataError, match=rf"multiples of 8.*\({', '.join(map(str, shape))}\); crop or pad"):
        DrnD22((3, 16, 16), 4, width=2)(torch.rand(shape))


def test_the_kernel_is_the_product_of_two_triangles():
    kernel = bilinear_kernel(16)
    assert kernel.shape == (16, 16)
    factor, centre = 8, (2 * 8 - 1 - 8 % 2) / (2 * 8)
    for i in range(16):
        for j in range(16):
            expected = (1 - abs(i / factor - centre)) * (1 - abs(j / factor - centre))
            assert kernel[i, j].item() == pytest.approx(expected, abs=1e-7)


def test_the_kernel_of_a_stride_of_one_pair_is_known_by_hand():
    assert bilinear_kernel(4)[0].tolist() == [0.0625, 0.1875, 0.1875, 0.0625]


def test_away_from_the_border_outputs_are_the_bilinear_interpolation_of_the_coarse_ones():
    model = DrnD22((3, 48, 64), 3, width=1).eval()
    features = torch.rand(2, 32, 6, 8, generator=torch.Generator().manual_seed(0))
    outputs = model.forward_head(features)
    expected = functional.interpolate(
        model.head(features), scale_factor=8, mode="bilinear", align_corners=False
    )
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    torch.testing.assert_close(outputs[inner], expected[inner])
    assert not torch.allclose(outputs[:, :, 0], expected[:, :, 0])  # there the map counts as 0 outside


def test_every_class_is_interpolated_by_itself():
    model = DrnD22((3, 16, 16), 3, width=1)
    nn.init.zeros_(model.head.weight)
    with torch.no_grad():
        model.head.bias.copy_(torch.tensor([1.0, -2.0, 5.0]))
    centre = model.forward_head(torch.zeros(1, 32, 2, 2))[0, :, 8, 8]
    torch.testing.assert_close(centre, torch.tensor([1.0, -2.0, 5.0]))


def test_the_interpolation_is_neither_trained_nor_saved():
    model = DrnD22((3, 16, 16), 3, width=1)
    assert not any("interpolation" in name for name in (*model.state_dict(), *dict(model.named_parameters())))
    assert "interpolation" in dict(model.named_buffers())


def test_the_head_is_drawn_by_its_fan_out_and_has_no_bias_at_first():
    head = DrnD22((3, 16, 16), 19, width=16).head  # 512 * 19 numbers
    assert head.weight.std().item() == pytest.approx((2 / 19) ** 0.5, rel=0.05)
    assert not head.bias.any()


class MeanOfPixels(nn.Module):
    """Gives one answer per image, as classification wants it."""

    def __init__(self):
        super().__init__()
        self.pixels = DrnD22((3, 16, 16), 2, width=4)

    def forward_features(self, x):
        return self.pixels.forward_features(x)

    def forward_head(self, x, pre_logits=False):
        outputs = self.pixels.forward_head(x, pre_logits)
        return outputs if pre_logits else outputs.mean((2, 3))

    def forward(self, x):
        return self.forward_head(self.forward_features(x))


def test_a_learner_trains_it_where_its_pixels_are_averaged(tmp_path):
    learns_in_one_step(MeanOfPixels, (3, 16, 16), 128, tmp_path)
