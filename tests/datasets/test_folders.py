"""Caltech-101 and folders of one's own images: classes by name, splits by path, images one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published import noise, write_image

from nextlabel.bench.grid import make_grid
from nextlabel.config.experiment import load_config
from nextlabel.datasets.caltech101 import BACKGROUND, rows_to_test
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.images import StreamedImages
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.parts import Part
from nextlabel.seeds import derive

OBJECTS = [f"object_{number:03d}" for number in range(100)] + ["Zebra"]


@pytest.fixture(scope="module")
def caltech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with the published layout: 101 classes of 2 images, one of 11, and the background."""
    root = tmp_path_factory.mktemp("caltech101")
    folder = root / "101_ObjectCategories"
    for name in [*OBJECTS, BACKGROUND]:
        for number in range(1, 12 if name == "Zebra" else 3):
            write_image(folder / name / f"image_{number:04d}.jpg", number, (6, 8))
    (folder / "Zebra" / "tmp").write_text("the published archive holds such a file")
    return root


def test_the_background_is_dropped_by_its_name_wherever_it_stands(caltech: Path) -> None:
    data = DATASETS.create("caltech101", root=caltech)
    assert len(data.classes) == 101
    assert BACKGROUND not in data.classes
    assert data.classes[0] == "Zebra"  # capitals come first, so that the background was the first folder
    assert not any(BACKGROUND in item for item in data.pool.ids + data.test.ids)


def test_nine_tenths_of_each_class_rounded_down_are_in_the_pool(caltech: Path) -> None:
    data = DATASETS.create("caltech101", root=caltech)
    assert np.bincount(data.pool.y).tolist() == [9] + [1] * 100
    assert np.bincount(data.test.y).tolist() == [2] + [1] * 100
    zebras = [f"Zebra/image_{number:04d}.jpg" for number in range(1, 12)]
    assert set(data.test.ids[:2]) == set(sorted(zebras, key=lambda item: derive(0, "test", item))[:2])
    other = DATASETS.create("caltech101", root=caltech / "101_ObjectCategories", split_seed=1)
    assert set(other.test.ids) != set(data.test.ids)
    assert set(other.pool.ids + other.test.ids) == set(data.pool.ids + data.test.ids)


@pytest.mark.parametrize("preset", ["code", "repaired", "paper"])
def test_the_trials_of_a_preset_share_one_split_of_caltech(caltech: Path, preset: str) -> None:
    small = {"initial_size": 20, "batch_size": 5, "candidate_size": 50, "learner": {"model": "mlp"}}
    options = {"preset": preset, "dataset": ["caltech101"], "seeds": 3, **small}
    options["dataset"] = Part("caltech101", {"root": str(caltech)})
    cells = make_grid(load_config(options=options)).cells
    assert {cell.seed for cell in cells} == {0, 1, 2}
    tested = {DATASETS.create(cell.dataset).test.ids for cell in cells}
    assert len(tested) == 1


def test_the_published_numbers_of_images_give_the_papers_pool() -> None:
    counts = [70, 9, 10, 1]  # floor(0.9 n): 63, 8, 9, 0
    y = np.repeat(np.arange(4), counts)
    rows = rows_to_test(y, tuple(map(str, range(len(y)))), seed=0)
    assert np.bincount(y[rows]).tolist() == [7, 1, 1, 1]


def test_images_are_read_one_by_one_or_at_once_with_the_same_pixels(caltech: Path) -> None:
    streamed = DATASETS.create("caltech101", root=caltech, pool=3, test=2, validation=1)
    assert isinstance(streamed.pool.x, StreamedImages)
    assert streamed.input_shape == (3, 224, 224)
    read = DATASETS.create("caltech101", root=caltech, pool=3, test=2, validation=1, in_memory=True)
    assert isinstance(read.pool.x, np.ndarray)
    assert all(np.array_equal(read.pool.x[row], streamed.pool.x[row]) for row in range(3))


def test_an_image_of_caltech_is_scaled_to_256_pixels_and_its_centre_of_224_is_cut(caltech: Path) -> None:
    data = DATASETS.create("caltech101", root=caltech)
    with Image.open(caltech / "101_ObjectCategories" / data.pool.ids[0]) as image:
        theirs = image.resize((256, 256), Image.Resampling.BILINEAR).crop((16, 16, 240, 240))
    assert np.array_equal(data.pool.x[0], np.asarray(theirs).transpose(2, 0, 1))


def test_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog", BACKGROUND):
        (tmp_path / name).mkdir()
    with pytest.raises(
        DataError, match=r"must have 101 class folders besides BACKGROUND_Google, but .* has 2; fetch"
    ):
        DATASETS.create("caltech101", root=tmp_path)


def test_missing_class_folders_and_packed_ones_are_distinguished(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not found: .*/101_ObjectCategories'; fetch it with"):
        DATASETS.create("caltech101", root=tmp_path / "nowhere")
    (tmp_path / "caltech-101").mkdir()
    (tmp_path / "caltech-101" / "101_ObjectCategories.tar.gz").touch()
    with pytest.raises(DataError, match=r"only the packed .*101_ObjectCategories.tar.gz'; unpack it"):
        DATASETS.create("caltech101", root=tmp_path)


def write_pets(root: Path, count: int = 5) -> None:
    for seed, name in enumerate(["dog", "cat"]):
        for number in range(count):
            write_image(root / name / "more" / f"{number}.png", 100 * seed + number, (8, 8))


def test_a_folder_of_classes_is_split_in_proportion(tmp_path: Path) -> None:
    write_pets(tmp_path)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "cat" / "._0.png").write_text("what some archives leave behind")
    data = DATASETS.create("image_folder", root=tmp_path, size=8, test_fraction=0.4)
    assert data.classes == ("cat", "dog")
    assert np.bincount(data.pool.y).tolist() == [3, 3]
    assert np.bincount(data.test.y).tolist() == [2, 2]
    row = next(row for row, item in enumerate(data.pool.ids) if item.startswith("dog/more/"))
    number = int(Path(data.pool.ids[row]).stem)
    assert np.array_equal(data.pool.x[row], noise(number, 8, 8, 3).transpose(2, 0, 1))


def test_folders_train_and_test_are_the_parts(tmp_path: Path) -> None:
    write_pets(tmp_path / "train", 3)
    write_pets(tmp_path / "test", 2)
    data = DATASETS.create("image_folder", root=tmp_path, size=4, resize=6)
    assert (len(data), len(data.test.ids), data.input_shape) == (6, 4, (3, 4, 4))
    assert data.test.ids[0] == "test/cat/more/0.png"
    with pytest.raises(
        ConfigurationError, match=r"test_fraction .* must be left out where there is a folder"
    ):
        DATASETS.create("image_folder", root=tmp_path, test_fraction=0.5)
    (tmp_path / "test" / "bird").mkdir()
    with pytest.raises(DataError, match="same class folders, but only one of them has 'bird'"):
        DATASETS.create("image_folder", root=tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 0}, "size must be at least 1 pixels, got 0"),
        ({"size": 32, "resize": 16}, "resize must be at least 32 pixels, got 16"),
        ({"test_fraction": 1.0}, r"'test_fraction' of data set 'image_folder' must be in \(0, 1\), got 1.0"),
        ({"test_fraction": 3}, r"'test_fraction' of data set 'image_folder' must be in \(0, 1\), got 3"),
    ],
)
def test_impossible_sizes_and_fractions_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        DATASETS.create("image_folder", root="nowhere", **options)


def test_a_test_part_that_leaves_no_image_is_refused(tmp_path: Path) -> None:
    write_pets(tmp_path, count=1)
    with pytest.raises(ConfigurationError, match=r"count from 1 to 1 or a fraction of 2 items, got 0.9"):
        DATASETS.create("image_folder", root=tmp_path, test_fraction=0.9)


def test_faulty_folders_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere'; put the images of every class"):
        DATASETS.create("image_folder", root=tmp_path / "nowhere")
    (tmp_path / "packed.zip").touch()
    with pytest.raises(DataError, match=r"packed.zip', which is a file; put the images of every class"):
        DATASETS.create("image_folder", root=tmp_path / "packed.zip")
    write_image(tmp_path / "cat" / "1.png", 1)
    with pytest.raises(DataError, match=r"must have at least 2 classes, but .* has 'cat';"):
        DATASETS.create("image_folder", root=tmp_path)
    (tmp_path / "dog").mkdir()
    with pytest.raises(DataError, match=r"images of .* not found: .*/dog' \(.jpg, "):
        DATASETS.create("image_folder", root=tmp_path)
    (tmp_path / "dog" / "2.png").write_text("not found")
    with pytest.raises(DataError, match=r"item 'dog/2.png' \(.*\) must be an image.*\(not an image\)"):
        DATASETS.create("image_folder", root=tmp_path)


def test_parts_without_one_called_test_are_not_taken_for_classes(tmp_path: Path) -> None:
    for part in ("train", "val"):
        write_pets(tmp_path / part, 2)
    with pytest.raises(DataError, match=r"has 'train', 'val'; call the part to test on 'test'"):
        DATASETS.create("image_folder", root=tmp_path, size=4)
    write_image(tmp_path / "bus" / "1.png", 1)  # next to which they may be classes
    assert DATASETS.create("image_folder", root=tmp_path, size=4).classes == ("bus", "train", "val")
