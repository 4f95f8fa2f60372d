"""Images and masks stay together: windows, flips, and what is no class."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nextlabel.errors import ConfigurationError
from nextlabel.pool import Pool
from nextlabel.tasks.segmentation import IGNORED
from nextlabel.training.pairs import RandomWindow, mask_digests, paired, split
from nextlabel.training.preprocess import HorizontalFlip
from segmentation_cases import IDS, IMAGES, MASKS, POOL, Listed

RNG = torch.Generator


def test_a_pair_comes_apart_as_it_was_put_together():
    for pool in (POOL, Pool(Listed(), IDS)):
        pairs = paired(pool, list(MASKS.values()), 3)
        assert pairs.ids == IDS
        assert (pairs.resident is None) == (pool.resident is None)
        images, mask = split(torch.stack([pairs[row] for row in range(4)]).float() / 255)
        assert torch.equal((images * 255).round().byte(), torch.from_numpy(IMAGES[:4]))
        expected = torch.stack([torch.from_numpy(MASKS[item]).long() for item in IDS[:4]])
        assert torch.equal(mask, torch.where(expected == 255, IGNORED, expected))


def test_unlabelled_images_have_no_class_anywhere():
    _, mask = split(paired(POOL, None, 3).tensor().float() / 255)
    assert (mask == IGNORED).all()


def test_all_256_bytes_survive_the_way_through_floats():
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    _, mask = split(torch.cat((values, values), 1).float() / 255)
    assert mask.flatten().tolist() == [*range(255), IGNORED]


@pytest.mark.parametrize("part", [RandomWindow(5), HorizontalFlip()])
def test_image_and_mask_are_cut_and_mirrored_alike(part):
    places = torch.arange(16 * 16).view(1, 1, 16, 16).expand(8, 2, 16, 16).float() / 255
    moved = part(places, RNG().manual_seed(0))
    assert torch.equal(moved[:, 0], moved[:, 1])
    assert len({tuple(item.flatten().tolist()) for item in moved[:, 0]}) > 1


def test_windows_are_at_every_place_equally_often():
    places = torch.arange(4 * 4).view(1, 1, 4, 4).expand(3600, 2, 4, 4).float() / 255
    corners = (RandomWindow(2)(places, RNG().manual_seed(0))[:, 0, 0, 0] * 255).round().int()
    counts = torch.bincount(corners, minlength=16)
    assert sorted(counts.nonzero().flatten().tolist()) == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert counts.max() < 500
    assert counts[counts > 0].min() > 300  # 400 each are expected


def test_a_window_without_a_class_moves_to_the_first_that_there_is():
    mask = np.full((1, 16, 16), 255, dtype=np.uint8)
    mask[0, 13, 2] = 1
    pair = torch.from_numpy(np.concatenate([np.zeros((3, 16, 16), np.uint8), mask]))
    batch = pair.float().expand(40, -1, -1, -1) / 255
    for item in RandomWindow(4)(batch, RNG().manual_seed(0)):
        assert (split(item[None])[1] == 1).sum() == 1


def test_an_image_smaller_than_the_window_is_refused():
    with pytest.raises(ConfigurationError, match="at most the images' smaller side, 6 of 6 x 9 pixels"):
        RandomWindow(7)(torch.zeros(1, 2, 6, 9), RNG())


def test_digests_tell_masks_apart_and_nothing_else():
    changed = {**MASKS, IDS[3]: np.zeros((16, 16), dtype=np.int64)}
    one, two = (mask_digests(POOL, list(masks.values()), 3) for masks in (MASKS, changed))
    assert (one != two).nonzero().flatten().tolist() == [3]
    wide = [mask.astype(np.int64) for mask in MASKS.values()]
    assert torch.equal(one, mask_digests(POOL, wide, 3))
