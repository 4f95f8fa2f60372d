"""What is not in memory is read once before a campaign."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from nextlabel.bench import validation as checking
from nextlabel.bench.grid import make_grid
from nextlabel.bench.validation import check_items, check_items_of
from nextlabel.config.experiment import load_config
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import DataError
from nextlabel.parts import Part


@pytest.fixture
def pets(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(4):
            image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_every_image_of_pool_and_test_part_is_read_and_counted(pets):
    data = DATASETS.create("image_folder", root=pets, size=4, test_fraction=0.5)
    told = []
    check_items(data, lambda *work: told.append(work))
    assert told == [("check", done, 8) for done in range(1, 9)]


@pytest.mark.parametrize("item", ["cat/0.png", "cat/1.png", "cat/2.png", "cat/3.png"])
def test_an_image_that_ends_early_is_named(pets, item):
    (pets / item).write_bytes((pets / item).read_bytes()[:-60])  # its head, which loading reads, is whole
    data = DATASETS.create("image_folder", root=pets, size=4, test_fraction=0.5)
    with pytest.raises(DataError, match=f"item '{item}' .* cannot be decoded"):
        check_items(data, lambda *work: None)


def test_arrays_were_checked_when_they_were_loaded(tmp_path):
    told = []
    check_items(DATASETS.create("digits"), lambda *work: told.append(work))
    (cell,) = make_grid(load_config(options={"strategy": ["random"], "seeds": 1})).cells
    check_items_of(cell, DATASETS.create("digits"), tmp_path / "cell", lambda *work: told.append(work))
    assert not told
    assert not list(tmp_path.iterdir())


def read_for(strategy, pets, folder):
    """Check for a cell of a grid, and return how many items were read."""
    options = {"root": str(pets), "size": 4, "test_fraction": 0.5}
    tree = {
        "dataset": Part("image_folder", options),
        "strategy": ["random", "cod"],
        "seeds": 1,
        "cycles": 2,
        "initial_size": 2,
    }
    cell = next(one for one in make_grid(load_config(options=tree)).cells if one.strategy.name == strategy)
    (folder / cell.name).mkdir(parents=True, exist_ok=True)
    told = []
    data = DATASETS.create("image_folder", **options)
    check_items_of(cell, data, folder / cell.name, lambda *work: told.append(work))
    return len(told)


def test_the_images_of_a_grid_are_read_once_and_others_again(pets, tmp_path_factory):
    cells = tmp_path_factory.mktemp("cells")
    assert [read_for(strategy, pets, cells) for strategy in ("random", "cod", "random")] == [8, 0, 0]
    (pets / "dog" / "0.png").rename(pets / "dog" / "new.png")
    assert read_for("cod", pets, cells) == 8


def test_cells_that_begin_at_once_wait_for_the_one_that_reads(pets, tmp_path_factory, monkeypatch):
    cells = tmp_path_factory.mktemp("cells")
    check = checking.check_items
    entered = []

    def slowly(data, progress):
        entered.append(len(entered))
        time.sleep(0.3)  # the other cell comes while this one reads
        check(data, progress)

    monkeypatch.setattr(checking, "check_items", slowly)
    with ThreadPoolExecutor(2) as threads:
        read = list(threads.map(lambda strategy: read_for(strategy, pets, cells), ("random", "cod")))
    assert sorted(read) == [0, 8]
    assert entered == [0]


def test_after_a_image_that_cannot_be_read_all_are_read_again(pets, tmp_path_factory):
    cells = tmp_path_factory.mktemp("cells")
    whole = (pets / "dog" / "3.png").read_bytes()
    (pets / "dog" / "3.png").write_bytes(whole[:-60])
    for strategy in ("random", "cod"):
        with pytest.raises(DataError, match="cannot be decoded"):
            read_for(strategy, pets, cells)
    (pets / "dog" / "3.png").write_bytes(whole)
    assert read_for("random", pets, cells) == 8
