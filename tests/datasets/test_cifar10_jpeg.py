"""CIFAR-10 (JPEG) in Parquet, and what is said of files that are laid out otherwise."""

from __future__ import annotations

import json
import os
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published import CIFAR10_CLASSES, encoded, noise, write_cifar10_jpeg

from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import DataError, MissingExtraError

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet as pq  # noqa: E402  # below the line that says whether there is one


def test_images_are_decoded_and_ids_name_their_part(tmp_path: Path) -> None:
    write_cifar10_jpeg(tmp_path)
    data = DATASETS.create("cifar10_jpeg", root=tmp_path)
    assert "CIFAR-10 (JPEG)" in data.source
    assert (data.pool.ids[2], data.test.ids[2]) == ("train/cat/0002.jpg", "test/cat/0002.jpg")
    assert data.classes == tuple(CIFAR10_CLASSES)
    assert data.pool.y.tolist() == [*range(10), 0, 1]
    theirs = np.asarray(Image.open(BytesIO(encoded(noise(102, 32, 32, 3)))))
    assert np.array_equal(data.test.x[2], theirs.transpose(2, 0, 1))


def test_a_part_of_it_is_what_the_whole_says_of_the_same_ids(tmp_path: Path) -> None:
    write_cifar10_jpeg(tmp_path)
    data = DATASETS.create("cifar10_jpeg", root=tmp_path)
    part = DATASETS.create("cifar10_jpeg", root=tmp_path, pool=5, test=0.5, validation=2)
    assert (len(part), len(part.test.ids), len(part.validation.ids)) == (5, 6, 2)
    rows = [data.pool.ids.index(item) for item in part.pool.ids]
    assert np.array_equal(part.pool.x, data.pool.x[rows])
    assert np.array_equal(part.pool.y, data.pool.y[rows])


def rewritten(path: Path, change: str) -> None:
    table = pq.read_table(path)
    if change == "column":
        table = table.drop_columns(["label"])
    elif change == "classes":
        table = table.replace_schema_metadata({"classes": '["cat"]'})
    elif change == "twins":
        table = table.replace_schema_metadata({"classes": json.dumps(["cat"] * 10)})
    elif change == "numbers":
        table = table.replace_schema_metadata({"classes": json.dumps([*range(10)])})
    elif change == "labels":
        table = table.set_column(2, "label", pa.array([11] * len(table), pa.int8()))
    elif change == "nothing":
        table = table.set_column(2, "label", pa.nulls(len(table), pa.int8()))
    elif change == "image":
        table = table.set_column(1, "image", pa.array([encoded(noise(1, 28, 28, 3))] * len(table)))
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "column",
            "train.parquet .* must be as published, but it lacks the column 'label'; remove it and make",
        ),
        ("twins", "it names these classes more than once: 'cat'"),
        ("numbers", "its class name 0 is not text"),
        ("classes", "it must name 10 classes, got 1"),
        ("labels", "must be in \\[0, 10\\), got 11 for item 'train/cat/0000.jpg'"),
        ("nothing", "its column 'label' holds something else than int"),
        ("image", "32 x 32 pixels, but item 'train/cat/0000.jpg' has 28 x 28"),
    ],
)
def test_a_table_that_is_laid_out_otherwise_is_refused(tmp_path: Path, change: str, said: str) -> None:
    write_cifar10_jpeg(tmp_path)
    rewritten(tmp_path / "train.parquet", change)
    with pytest.raises(DataError, match=said):
        DATASETS.create("cifar10_jpeg", root=tmp_path)


def test_a_truncated_table_is_named(tmp_path: Path) -> None:
    write_cifar10_jpeg(tmp_path)
    path = tmp_path / "test.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=rf"{path} .* must be as published, but it cannot be read as Parquet"):
        DATASETS.create("cifar10_jpeg", root=tmp_path)


def test_a_missing_table_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not found: .*train.parquet'; make train.parquet and test.par"):
        DATASETS.create("cifar10_jpeg", root=tmp_path)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar10_jpeg(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading the data set 'cifar10_jpeg' needs .*\[parquet\]"):
        DATASETS.create("cifar10_jpeg", root=tmp_path)


@pytest.mark.skipif("NEXTLABEL_DATA" not in os.environ, reason="the environment has no NEXTLABEL_DATA")
def test_the_real_tables_hold_colour_photographs_of_every_class() -> None:
    data = DATASETS.create("cifar10_jpeg", pool=1000, test=500)
    assert np.bincount(data.pool.y, minlength=10).min() > 60
    # means and deviations of CIFAR-10's colours, as they are published everywhere
    assert np.allclose(data.pool.x.mean((0, 2, 3)) / 255, (0.4914, 0.4822, 0.4465), atol=0.02)
    assert np.allclose(data.pool.x.std((0, 2, 3)) / 255, (0.2470, 0.2435, 0.2616), atol=0.02)
