"""Batched augmentation: values by hand, randomness from the generator alone."""

from __future__ import annotations

import pytest
import torch

from nextlabel.errors import ConfigurationError, DataError, UnknownNameError
from nextlabel.training.preprocess import HorizontalFlip, RandomCrop, augmentation

IMAGES = torch.arange(1.0, 1 + 64 * 2 * 3 * 4).view(64, 2, 3, 4)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def shifted(image, down, right):
    """The image (C, H, W) moved by this offset, zeros where it came from, pixel by pixel."""
    moved = torch.zeros_like(image)
    _, height, width = image.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row + down < height and 0 <= column + right < width:
                moved[:, row, column] = image[:, row + down, column + right]
    return moved


def test_every_crop_is_the_image_moved_by_one_offset_and_offsets_differ():
    cropped = RandomCrop(padding=1)(IMAGES, generator())
    offsets = set()
    for before, after in zip(IMAGES, cropped, strict=True):
        fitting = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if torch.equal(shifted(before, down, right), after)
        ]
        assert len(fitting) == 1
        offsets.update(fitting)
    assert len(offsets) == 9


def test_a_flip_mirrors_left_to_right_or_leaves_the_image():
    flipped = HorizontalFlip()(IMAGES, generator())
    mirrored = [torch.equal(after, before.flip(-1)) for before, after in zip(IMAGES, flipped, strict=True)]
    kept = [torch.equal(after, before) for before, after in zip(IMAGES, flipped, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 16 <= sum(mirrored) <= 48


@pytest.mark.parametrize(("probability", "flips"), [(0.0, False), (1.0, True)])
def test_certain_flips_are_certain(probability, flips):
    expected = IMAGES.flip(-1) if flips else IMAGES
    assert torch.equal(HorizontalFlip(probability)(IMAGES, generator()), expected)


@pytest.mark.parametrize("name", ["random_crop", "horizontal_flip"])
def test_grey_images_without_a_channel_axis_are_treated_like_those_with_one(name):
    grey = IMAGES[:, 0]
    augment = augmentation(name)
    assert torch.equal(augment(grey, generator()), augment(grey[:, None], generator())[:, 0])


def test_the_same_generator_state_gives_the_same_batch():
    augment = augmentation(["random_crop", "horizontal_flip"])
    assert torch.equal(augment(IMAGES, generator(1)), augment(IMAGES, generator(1)))
    assert not torch.equal(augment(IMAGES, generator(1)), augment(IMAGES, generator(2)))


def test_parts_are_applied_first_to_last():
    def add(batch, rng):
        return batch + 1

    def double(batch, rng):
        return batch * 2

    assert torch.equal(augmentation([add, double])(torch.ones(2), generator()), torch.full((2,), 4.0))


def test_nothing_asked_for_is_no_augmentation():
    assert augmentation(None) is None
    assert augmentation([]) is None


def test_an_unknown_augmentation_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="random_crop"):
        augmentation(["random_crops"])


def test_items_that_are_no_images_are_refused():
    with pytest.raises(DataError, match="images for random_crop"):
        RandomCrop()(torch.rand(3, 5), generator())


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RandomCrop(0), r"'padding' of augmentation 'random_crop' must be in \[1, inf\), got 0"),
        (lambda: HorizontalFlip(1.5), r"'probability' .* 'horizontal_flip' must be in \[0, 1\], got 1.5"),
    ],
)
def test_options_out_of_range_are_refused(make, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        make()
