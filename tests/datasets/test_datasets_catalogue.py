from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nextlabel.datasets import animals, digits
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import DataError, UnknownNameError


@pytest.fixture(scope="module", params=["digits", "animals"])
def data(request: pytest.FixtureRequest) -> BenchmarkDataset:
    return DATASETS.create(request.param)


def test_every_data_set_carries_its_registered_name_and_its_papers(data: BenchmarkDataset) -> None:
    assert DATASETS.card(data.name).name == data.name
    assert data.licence
    assert data.source


def test_the_card_states_the_sizes_that_are_loaded(data: BenchmarkDataset) -> None:
    channels, height, width = data.input_shape
    assert DATASETS.card(data.name).cost == (
        f"{len(data):,} to label, {len(data.test.ids):,} to test; "
        f"{channels} x {height} x {width} grey, {len(data.classes)} classes"
    )


def test_no_image_is_in_a_data_set_twice_and_none_crosses_the_split(data: BenchmarkDataset) -> None:
    images = [image.tobytes() for part in (data.pool.x, data.test.x) for image in part]
    assert len(set(images)) == len(images)


def test_images_use_the_whole_range_of_a_byte_and_none_is_blank(data: BenchmarkDataset) -> None:
    assert data.pool.x.dtype == np.uint8
    assert (data.pool.x.min(), data.pool.x.max()) == (0, 255)
    assert all(np.ptp(part.reshape(len(part), -1), axis=1).all() for part in (data.pool.x, data.test.x))


def test_every_class_has_its_proportion_in_the_test_split(data: BenchmarkDataset) -> None:
    pool, test = np.bincount(data.pool.y), np.bincount(data.test.y)
    assert len(pool) == len(test) == len(data.classes)
    fair = (pool + test) * test.sum() / (pool + test).sum()
    assert (np.abs(test - fair) < 1).all()


def test_the_recipe_builds_a_network_that_maps_items_to_classes(data: BenchmarkDataset) -> None:
    import torch

    from nextlabel.models.catalogue import MODELS

    model = data.training_defaults["model"]
    network = MODELS.create(model, input_shape=data.input_shape, classes=len(data.classes))
    assert network(torch.from_numpy(data.pool.x[:2]) / 255).shape == (2, len(data.classes))


def test_the_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    ink, labels = load_digits(return_X_y=True)
    data = DATASETS.create("digits")
    x, y = np.concatenate([data.pool.x, data.test.x]), np.concatenate([data.pool.y, data.test.y])
    for image, label, item in zip(x, y, data.pool.ids + data.test.ids, strict=True):
        position = int(item.removeprefix("digits-"))
        assert label == labels[position]
        assert (np.abs(image.ravel() * (16 / 255) - ink[position]) < 0.04).all()


def test_the_stored_test_digits_are_those_that_the_rule_draws() -> None:
    from sklearn.datasets import load_digits

    from nextlabel.datasets.reduction import stratified_test_rows

    labels = load_digits(return_X_y=True)[1]
    ids = [f"digits-{position:04d}" for position in range(len(labels))]
    rows = stratified_test_rows(labels, ids, 360)
    assert DATASETS.create("digits").test.ids == tuple(ids[row] for row in rows)


def test_the_stored_test_animals_are_those_that_the_rule_draws() -> None:
    from nextlabel.datasets.reduction import stratified_test_rows

    data = DATASETS.create("animals")
    label_of = dict(zip(data.pool.ids + data.test.ids, [*data.pool.y, *data.test.y], strict=True))
    ids = sorted(label_of)
    y = np.array([label_of[item] for item in ids])
    assert data.test.ids == tuple(ids[row] for row in stratified_test_rows(y, ids, 2000))


def test_other_digits_than_those_that_were_split_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "FINGERPRINT", "0123456789abcdef")
    with pytest.raises(DataError, match="fingerprint 0123456789abcdef of those that were split, got"):
        digits.load()


def test_the_animals_keep_the_first_of_equal_images_and_their_original_positions() -> None:
    data = DATASETS.create("animals")
    counts = np.bincount(data.pool.y) + np.bincount(data.test.y)
    assert counts.tolist() == [937, 812, 992, 996, 997, 1000, 1000, 997, 985, 1000]
    positions = [int(item.removeprefix("animals-")) for item in data.pool.ids + data.test.ids]
    assert max(positions) < 10_000
    assert animals.animal_id(0) in data.pool.ids + data.test.ids


def test_the_animals_come_with_their_licence() -> None:
    from importlib import resources

    folder = resources.files("nextlabel.datasets") / "data"
    text = (folder / "animals.LICENSE").read_text(encoding="utf-8")
    assert text.startswith("MIT License")
    assert "Copyright (c) 2025 SinaSR-6" in text
    assert len((folder / "animals.npz").read_bytes()) < 2_900_000


def test_an_unknown_data_set_offers_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="'digit'; did you mean 'digits'"):
        DATASETS.create("digit")


def test_data_sets_load_without_torch() -> None:
    code = (
        "import sys; from nextlabel.datasets.catalogue import DATASETS; DATASETS.create('animals'); "
        "DATASETS.create('digits'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
