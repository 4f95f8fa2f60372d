"""What is not in memory is read once before a campaign."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nextlabel.bench.checking import check_items
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import DataError


@pytest.fixture
def pets(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(4):
            picture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_every_picture_of_pool_and_test_part_is_read_and_counted(pets):
    data = DATASETS.create("image_folder", root=pets, size=4, test_share=0.5)
    told = []
    check_items(data, lambda *work: told.append(work))
    assert told == [(done, 8) for done in range(1, 9)]


@pytest.mark.parametrize("item", ["cat/0.png", "cat/1.png", "cat/2.png", "cat/3.png"])
def test_a_picture_that_ends_early_is_named(pets, item):
    (pets / item).write_bytes((pets / item).read_bytes()[:-60])  # its head, which loading reads, is whole
    data = DATASETS.create("image_folder", root=pets, size=4, test_share=0.5)
    with pytest.raises(DataError, match=f"as item '{item}' .* cannot be decoded"):
        check_items(data, lambda *work: None)


def test_arrays_were_checked_when_they_were_loaded():
    told = []
    check_items(DATASETS.create("digits"), lambda *work: told.append(work))
    assert not told
