"""CIFAR-10 and CIFAR-100 in their published format, and what is said of files that are not."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from published import CIFAR10_CLASSES, noise, python2_pickle, write_cifar10, write_cifar100

from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError, DataError


def test_the_five_batches_come_in_order_as_channels_first_images_with_stable_ids(tmp_path: Path) -> None:
    write_cifar10(tmp_path, per_batch=4)
    data = DATASETS.create("cifar10", root=tmp_path)
    assert (data.pool.x.shape, data.test.x.shape) == ((20, 3, 32, 32), (4, 3, 32, 32))
    assert data.classes == tuple(CIFAR10_CLASSES)
    assert (data.pool.ids[0], data.pool.ids[17], data.test.ids[3]) == (
        "cifar10-train-00000",
        "cifar10-train-00017",
        "cifar10-test-00003",
    )
    rows = noise(2, 4, 3072)  # of the third batch, whose first item is the ninth: reds, greens, blues by row
    assert [
        data.pool.x[8, 0, 0, 0],
        data.pool.x[8, 0, 1, 0],
        data.pool.x[8, 1, 0, 0],
        data.pool.x[8, 2, 31, 31],
    ] == [
        rows[0, 0],
        rows[0, 32],
        rows[0, 1024],
        rows[0, 3071],
    ]
    assert data.pool.y[8:12].tolist() == [2, 3, 4, 5]
    assert data.test.y.tolist() == [5, 6, 7, 8]


def test_cifar100_has_its_fine_classes(tmp_path: Path) -> None:
    write_cifar100(tmp_path)
    data = DATASETS.create("cifar100", root=tmp_path)
    assert data.pool.y.tolist() == [99, 98, 97, 96, 95, 94]
    assert (len(data.classes), data.classes[99]) == (100, "fine_99")
    assert data.pool.ids[5] == "cifar100-train-00005"


def test_the_folder_of_the_batches_may_be_the_root_itself(tmp_path: Path) -> None:
    assert len(DATASETS.create("cifar10", root=str(write_cifar10(tmp_path)))) == 20


def test_without_a_root_the_environment_names_the_folder_of_all_data_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar100(tmp_path / "cifar100")
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path))
    assert len(DATASETS.create("cifar100")) == 6


def test_without_root_and_environment_the_cache_of_the_user_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEXTLABEL_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    write_cifar100(tmp_path / ".cache" / "nextlabel" / "cifar100")
    assert len(DATASETS.create("cifar100")) == 6


def test_files_that_python_3_wrote_again_are_read_too(tmp_path: Path) -> None:
    folder = write_cifar10(tmp_path)
    content = {b"data": noise(0, 4, 3072), b"labels": [0, 1, 2, 3]}
    (folder / "data_batch_1").write_bytes(pickle.dumps(content, protocol=4))
    assert DATASETS.create("cifar10", root=tmp_path).pool.y[:4].tolist() == [0, 1, 2, 3]


def test_a_missing_file_is_named_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        DATASETS.create("cifar10", root=tmp_path)
    assert str(error.value) == (
        f"files of the data set 'cifar10' not found: '{tmp_path}/batches.meta'; fetch it with: "
        f"nextlabel datasets download cifar10 --root {tmp_path}, or set root or the environment variable "
        "NEXTLABEL_DATA to where they are"
    )


def test_an_archive_that_was_not_unpacked_is_distinguished_from_a_missing_file(tmp_path: Path) -> None:
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.touch()
    with pytest.raises(DataError, match=f"only the packed '{re.escape(str(archive))}'; unpack it"):
        DATASETS.create("cifar10", root=tmp_path)


def test_a_truncated_batch_is_named(tmp_path: Path) -> None:
    path = write_cifar10(tmp_path) / "data_batch_3"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(
        DataError, match=rf"{path} .* must be as published, but it cannot be read to its end \("
    ):
        DATASETS.create("cifar10", root=tmp_path)


class Evil:
    def __reduce__(self) -> object:
        return Path.touch, (Path("/tmp/nextlabel-was-here"),)


@pytest.mark.parametrize("content", [Evil(), {"data": Evil()}, np.array([Evil()], dtype=object)])
def test_a_pickle_that_asks_to_run_something_is_refused_and_runs_nothing(
    tmp_path: Path, content: object
) -> None:
    path = write_cifar10(tmp_path) / "test_batch"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match="which data do not need and nextlabel refuses") as error:
        DATASETS.create("cifar10", root=tmp_path)
    assert "asks" in str(error.value)
    assert not Path("/tmp/nextlabel-was-here").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "it holds list instead of a dictionary"),
        ({"data": noise(0, 4, 3072)}, "it lacks 'data' of 3 x 32 x 32 bytes per image with as many 'labels'"),
        ({"data": noise(0, 4, 3000), "labels": [0] * 4}, "it lacks 'data' of 3 x 32 x 32 bytes"),
        ({"data": noise(0, 4, 3072), "labels": [0] * 3}, "it lacks 'data' of 3 x 32 x 32 bytes"),
        ({"data": noise(0, 2, 3072), "labels": [0, 10]}, r"its labels must be 0 to 9, got 10"),
        ({"data": noise(0, 2, 3072), "labels": [0, "1"]}, r"its labels must be 0 to 9, got '1'"),
    ],
)
def test_a_batch_that_holds_something_else_is_refused(tmp_path: Path, content: object, said: str) -> None:
    folder = write_cifar10(tmp_path)
    python2_pickle(folder / "data_batch_2", content)
    with pytest.raises(DataError, match=f"data_batch_2 .* must be as published, but {said}"):
        DATASETS.create("cifar10", root=tmp_path)


def test_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    folder = write_cifar10(tmp_path)
    python2_pickle(folder / "batches.meta", {"label_names": CIFAR10_CLASSES[:9]})
    with pytest.raises(DataError, match="it must name 10 classes, got 9"):
        DATASETS.create("cifar10", root=tmp_path)
    python2_pickle(folder / "batches.meta", {"label_names": [*CIFAR10_CLASSES[:9], "cat"]})
    with pytest.raises(DataError, match="it names these classes more than once: 'cat'"):
        DATASETS.create("cifar10", root=tmp_path)


def test_an_unknown_option_offers_those_there_are() -> None:
    with pytest.raises(
        ConfigurationError, match="option of the data set 'cifar10' not found: 'roots'; did you mean 'root'"
    ):
        DATASETS.create("cifar10", roots="x")


def test_a_root_that_is_no_path_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="root of the data set 'cifar10' must be a path, got 3"):
        DATASETS.create("cifar10", root=3)
