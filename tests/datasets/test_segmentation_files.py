"""Segmentation data sets in files: small ones in the exact layout, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.cityscapes import TRAIN_IDS
from nextlabel.errors import ConfigurationError, DataError
from nextlabel.maths.masks import NO_CLASS

RNG = np.random.default_rng(0)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def pixels(height: int = 8, width: int = 16) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_of(data: BenchmarkDataset, item: str) -> np.ndarray:
    """Return the mask that training would see of an item of any split."""
    split = next(split for split in data.splits().values() if item in split.ids)
    return data.task.targets(data.labels(split))[split.ids.index(item)]


@pytest.fixture
def nuclei(tmp_path: Path) -> Path:
    images = RNG.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "nuclei.npz", images=images, masks=images[..., 0] // 128)
    return tmp_path


@pytest.fixture
def cityscapes(tmp_path: Path) -> Path:
    for part, city, count in (("train", "aachen", 3), ("train", "bochum", 2), ("val", "lindau", 2)):
        for number in range(count):
            name = f"{city}_{number:06d}_000019"
            save(tmp_path / "leftImg8bit" / part / city / f"{name}_leftImg8bit.png", pixels())
            labels = RNG.integers(0, 34, (8, 16), dtype=np.uint8)
            labels[0, 0] = 7  # so that there is a class
            save(tmp_path / "gtFine" / part / city / f"{name}_gtFine_labelIds.png", labels)
            save(tmp_path / "gtFine" / part / city / f"{name}_gtFine_color.png", pixels())
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(10):
        suffix = "jpg" if number % 2 else "png"
        save(tmp_path / "images" / f"scene{number}.{suffix}", pixels())
        save(tmp_path / "masks" / f"scene{number}.png", RNG.integers(0, 3, (8, 16), dtype=np.uint8))
    return tmp_path


def test_nuclei_are_split_by_the_ranks_of_their_ids(nuclei: Path) -> None:
    data = DATASETS.create("nuclei", root=nuclei, test=3)
    again = DATASETS.create("nuclei", root=str(nuclei), test=3)
    other = DATASETS.create("nuclei", root=nuclei, test=3, split_seed=1)
    assert data.task.name == "segmentation"
    assert (len(data), len(data.test.ids)) == (9, 3)
    assert data.test.ids == again.test.ids != other.test.ids
    with np.load(nuclei / "nuclei.npz") as arrays:
        row = int(data.pool.ids[4].removeprefix("nuclei-"))
        assert (data.pool.x[4] == np.moveaxis(arrays["images"][row], -1, 0)).all()
        assert (mask_of(data, data.pool.ids[4]) == arrays["masks"][row]).all()


def test_nuclei_lie_where_the_environment_says(nuclei: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nuclei / "nuclei").mkdir()
    (nuclei / "nuclei.npz").rename(nuclei / "nuclei" / "nuclei.npz")
    monkeypatch.setenv("NEXTLABEL_DATA", str(nuclei))
    assert len(DATASETS.create("nuclei", test=2)) == 10


def test_nuclei_too_few_for_their_test_part_name_the_data_set_and_its_option(nuclei: Path) -> None:
    said = "test of the data set 'nuclei' must be a count from 1 to 11 or a fraction of 12 items, got {}"
    with pytest.raises(ConfigurationError, match=said.format(164)):
        DATASETS.create("nuclei", root=nuclei)
    with pytest.raises(ConfigurationError, match=said.format(0)):
        DATASETS.create("nuclei", root=nuclei, test=0)


def test_missing_and_damaged_nuclei_are_one_sentence(tmp_path: Path, nuclei: Path) -> None:
    with pytest.raises(DataError, match=r"not found: .*absent/nuclei\.npz'; make nuclei\.npz, with"):
        DATASETS.create("nuclei", root=tmp_path / "absent")
    whole = (nuclei / "nuclei.npz").read_bytes()
    (nuclei / "nuclei.npz").write_bytes(whole[:200])
    with pytest.raises(DataError, match="cannot be read"):
        DATASETS.create("nuclei", root=nuclei)
    np.savez(nuclei / "nuclei.npz", images=np.zeros((3, 8, 8, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="its arrays 'images' and 'masks' cannot be read"):
        DATASETS.create("nuclei", root=nuclei)
    np.savez(nuclei / "nuclei.npz", images=np.array([{}], dtype=object), masks=np.zeros(1))
    with pytest.raises(DataError, match="cannot be read"):
        DATASETS.create("nuclei", root=nuclei)
    np.savez(nuclei / "nuclei.npz", images=np.zeros((3, 8, 8, 3), dtype=np.uint8), masks=np.uint8(1))
    with pytest.raises(DataError, match=r"its images have shape \(3, 8, 8, 3\) and its masks \(\)"):
        DATASETS.create("nuclei", root=nuclei)
    with (nuclei / "nuclei.npz").open("wb") as file:
        np.save(file, np.zeros(3))  # one array under the name of an archive
    with pytest.raises(DataError, match="cannot be read"):
        DATASETS.create("nuclei", root=nuclei)


def test_cityscapes_has_its_training_part_as_the_pool_and_its_validation_part_as_the_test(
    cityscapes: Path,
) -> None:
    data = DATASETS.create("cityscapes", root=cityscapes)
    assert data.task.name == "segmentation"
    assert data.pool.ids[0] == "aachen_000000_000019"
    assert (len(data), len(data.test.ids), data.input_shape) == (5, 2, (3, 8, 16))
    assert all(item.startswith("lindau") for item in data.test.ids)


def test_the_19_classes_of_cityscapes_are_numbered_as_in_the_benchmark(cityscapes: Path) -> None:
    data = DATASETS.create("cityscapes", root=cityscapes)
    stored = np.asarray(
        Image.open(cityscapes / "gtFine/train/aachen/aachen_000001_000019_gtFine_labelIds.png")
    )
    mask = mask_of(data, "aachen_000001_000019")
    names = ["road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign"]
    names += ["vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train"]
    assert data.classes == (*names, "motorcycle", "bicycle")
    for (row, column), label in np.ndenumerate(stored):
        index = next((i for i, number in enumerate(TRAIN_IDS.values()) if number == label), NO_CLASS)
        assert mask[row, column] == index
    assert (TRAIN_IDS["car"], TRAIN_IDS["train"], data.classes.index("bicycle")) == (26, 31, 18)


def test_a_validation_part_of_cityscapes_is_left_out_of_the_pool(cityscapes: Path) -> None:
    whole, part, again, other = (
        DATASETS.create("cityscapes", root=cityscapes, validation=count, split_seed=seed)
        for count, seed in ((0, 0), (2, 0), (2, 0), (2, 3))
    )
    assert len(part) == 3
    assert set(part.pool.ids) < set(whole.pool.ids)
    assert part.pool.ids == again.pool.ids != other.pool.ids
    assert part.test.ids == whole.test.ids
    item = part.pool.ids[1]
    assert (part.pool.x[1] == whole.pool.x[whole.pool.ids.index(item)]).all()
    assert (mask_of(part, item) == mask_of(whole, item)).all()
    with pytest.raises(ConfigurationError, match=r"validation .* a count from 0 to 4 .* got 5"):
        DATASETS.create("cityscapes", root=cityscapes, validation=5)


def test_cityscapes_without_folders_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"register at www\.cityscapes-dataset\.com.*extract both there"):
        DATASETS.create("cityscapes", root=tmp_path)


def test_a_street_without_its_mask_is_refused(cityscapes: Path) -> None:
    gone = cityscapes / "gtFine/val/lindau/lindau_000000_000019_gtFine_labelIds.png"
    gone.unlink()
    with pytest.raises(DataError, match=r"1 of 2 masks .* not found: .*lindau_000000_000019_gtFine_labelIds"):
        DATASETS.create("cityscapes", root=cityscapes)


def test_a_number_above_the_label_ids_is_refused_with_its_item(cityscapes: Path) -> None:
    labels = np.full((8, 16), 7, dtype=np.uint8)
    labels[3, 3] = 34
    save(cityscapes / "gtFine/train/bochum/bochum_000001_000019_gtFine_labelIds.png", labels)
    data = DATASETS.create("cityscapes", root=cityscapes)
    with pytest.raises(DataError, match="item 'bochum_000001_000019'"):
        mask_of(data, "bochum_000001_000019")


def test_a_folder_pairs_images_and_masks_by_their_stem(folder: Path) -> None:
    data = DATASETS.create("mask_folder", root=folder, classes=["a", "b", "c"], test=0.3)
    assert data.task.name == "segmentation"
    assert (len(data), len(data.test.ids)) == (7, 3)
    (folder / "images" / "._scene1.jpg").touch()  # as one operating system leaves next to an image
    hidden = DATASETS.create("mask_folder", root=folder, classes=["a", "b", "c"], test=0.3)
    assert hidden.pool.ids == data.pool.ids
    item = data.pool.ids[2]
    stored = np.asarray(Image.open(folder / "masks" / f"{item}.png"))
    assert (mask_of(data, item) == stored).all()
    assert data.pool.x[2].shape == (3, 8, 16)
    assert data.pool.x[2].dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: (f / "masks" / "scene3.png").unlink(), "1 of 10 masks .* not found: .*scene3"),
        (lambda f: save(f / "masks" / "scene3.png", pixels()[..., 0].T), "16 x 8 pixels and .* 8 x 16"),
        (lambda f: (f / "images" / "scene3.jpg").write_bytes(b"x"), "scene3.jpg.* cannot be decoded"),
        (lambda f: save(f / "images" / "scene3.png", pixels()), "more than once: 'scene3'"),
        (
            lambda f: (
                [
                    save(f / d / "scene9.png", p)
                    for d, p in (("images", pixels(4)), ("masks", pixels(4)[..., 0]))
                ]
                and (f / "images" / "scene9.jpg").unlink()
            ),
            "images must be of one size",
        ),
    ],
)
def test_a_folder_that_does_not_fit_is_one_sentence(folder: Path, change, sentence: str) -> None:
    change(folder)
    with pytest.raises(DataError, match=sentence):
        DATASETS.create("mask_folder", root=folder, classes=["a", "b", "c"])


def test_a_mask_in_colours_is_refused_when_it_is_read(folder: Path) -> None:
    save(folder / "masks" / "scene3.png", pixels())
    data = DATASETS.create("mask_folder", root=folder, classes=["a", "b", "c"], test=1e-9)
    item = "scene3" if "scene3" in data.pool.ids else data.test.ids[0]
    with pytest.raises(DataError, match=r"one channel.*scene3"):
        mask_of(data, item)


def test_options_of_a_folder_are_checked(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match=r"at least 2 images in .*images, got 0"):
        DATASETS.create("mask_folder", root=tmp_path / "absent", classes=["a", "b"])
    with pytest.raises(ConfigurationError, match=r"'test' of data set 'mask_folder' .* in \(0, inf\), got 0"):
        DATASETS.create("mask_folder", root=tmp_path / "absent", classes=["a", "b"], test=0)
    with pytest.raises(ConfigurationError, match=r"a count from 1 to 9 or a fraction of 10 items, got 20"):
        DATASETS.create("mask_folder", root=folder, classes=["a", "b"], test=20)
    with pytest.raises(ConfigurationError, match=r"a fraction of 10 items, got 0.99"):
        DATASETS.create("mask_folder", root=folder, classes=["a", "b", "c"], test=0.99)


@pytest.mark.parametrize("classes", ["abc", 3, [1, 2, 3]])
def test_classes_that_are_no_list_of_names_are_refused(folder: Path, classes: object) -> None:
    with pytest.raises(ConfigurationError, match="'mask_folder' must be a list of names, got"):
        DATASETS.create("mask_folder", root=folder, classes=classes)


def test_classes_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="must be distinct, got 'a' more than once"):
        DATASETS.create("mask_folder", root=folder, classes=["a", "b", "a"])
