"""SVHN, Fashion-MNIST and STL-10 in their published formats, and what is said of files that are not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published import STL10_CLASSES, idx, noise, write_fashion_mnist, write_stl10, write_svhn

from nextlabel.datasets.catalogue import DATASETS
from nextlabel.errors import ConfigurationError, DataError


def test_svhn_comes_channels_first_with_the_label_10_as_the_digit_0(tmp_path: Path) -> None:
    write_svhn(tmp_path, items=11)
    data = DATASETS.create("svhn", root=tmp_path)
    raw = noise(1, 32, 32, 3, 11)
    assert np.array_equal(data.test.x, np.stack([raw[..., n].transpose(2, 0, 1) for n in range(11)]))
    assert data.pool.y.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert data.classes[data.pool.y[9]] == "0"
    assert (data.pool.ids[10], data.test.ids[0]) == ("svhn-train-00010", "svhn-test-00000")


def svhn_file(tmp_path: Path, **variables: np.ndarray) -> None:
    from scipy.io import savemat

    write_svhn(tmp_path)
    savemat(tmp_path / "test_32x32.mat", variables)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"X": noise(0, 32, 32, 3, 2)}, "it lacks the variables 'X' and 'y'"),
        (
            {"X": noise(0, 2, 32, 32, 3), "y": np.ones((2, 1), np.uint8)},
            r"bytes of shape \(32, 32, 3, 2\)",
        ),
        (
            {"X": noise(0, 32, 32, 3, 2), "y": np.array([[1], [11]])},
            "its labels must be 1 to 10, got 11",
        ),
        ({"X": noise(0, 32, 32, 3, 2), "y": np.array([[0], [1]])}, "its labels must be 1 to 10, got 0"),
    ],
)
def test_an_svhn_file_with_something_else_in_it_is_refused(
    tmp_path: Path, variables: dict[str, np.ndarray], said: str
) -> None:
    svhn_file(tmp_path, **variables)
    with pytest.raises(DataError, match=rf"test_32x32.mat .* must be as published, but .*{said}"):
        DATASETS.create("svhn", root=tmp_path)


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_svhn_file_is_named(tmp_path: Path, fraction: float) -> None:
    write_svhn(tmp_path)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(DataError, match=f"{path} .* must be as published, but"):
        DATASETS.create("svhn", root=tmp_path)


def test_an_svhn_file_that_may_not_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_svhn(tmp_path)

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError, match="Permission denied"):
        DATASETS.create("svhn", root=tmp_path)


def test_an_svhn_file_of_matlab_7_3_is_recognised_by_its_header(tmp_path: Path) -> None:
    write_svhn(tmp_path)
    text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan 1 2024 HDF5 schema 1.00 ."
    header = text.ljust(124) + b"\x00\x02IM"
    (tmp_path / "train_32x32.mat").write_bytes(header.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(
        DataError, match=r"train_32x32.mat .* must be as published, but it is a MATLAB file of version 7\.3"
    ):
        DATASETS.create("svhn", root=tmp_path)


@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_is_read_packed_or_unpacked(tmp_path: Path, packed: bool) -> None:
    folder = write_fashion_mnist(tmp_path, items=12)
    if not packed:
        for path in list(folder.iterdir()):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    data = DATASETS.create("fashion_mnist", root=tmp_path if packed else folder)
    assert np.array_equal(data.pool.x, noise(0, 12, 28, 28)[:, None])
    assert np.array_equal(data.test.x, noise(1, 12, 28, 28)[:, None])
    assert data.pool.y.tolist() == [*range(10), 0, 1]
    assert (data.classes[9], data.pool.ids[0]) == ("Ankle boot", "fashion_mnist-train-00000")


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed(idx(noise(0, 12, 28, 28)))[:-50], "it cannot be unpacked"),
        (b"<html>not found</html>", "it cannot be unpacked"),
        (packed(b"\0\0"), "does not begin as an idx file of bytes with 3 axes does"),
        (packed(idx(noise(0, 12, 28))), "does not begin as an idx file of bytes with 3 axes does"),
        (
            packed(idx(noise(0, 12, 28, 28))[:-1]),
            r"9,407 bytes of data, while its head states \(12, 28, 28\)",
        ),
        (
            packed(idx(noise(0, 11, 28, 28))),
            r"it holds images of shape \(11, 28, 28\) for 12 labels",
        ),
    ],
    ids=["cut off", "a web page", "too short", "labels", "a byte short", "an item short"],
)
def test_a_damaged_idx_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    folder = write_fashion_mnist(tmp_path)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=f"train-images-idx3-ubyte.gz .* must be as published, but .*{said}"):
        DATASETS.create("fashion_mnist", root=tmp_path)


def test_an_idx_label_outside_the_classes_is_refused(tmp_path: Path) -> None:
    folder = write_fashion_mnist(tmp_path, items=2)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.array([1, 10], np.uint8))))
    with pytest.raises(DataError, match="its labels must be 0 to 9, got 10"):
        DATASETS.create("fashion_mnist", root=tmp_path)


def test_stl10_stands_upright_with_labels_from_0(tmp_path: Path) -> None:
    folder = write_stl10(tmp_path, items=3)
    data = DATASETS.create("stl10", root=tmp_path)
    assert np.array_equal(data.test.x, noise(1, 3, 3, 96, 96))
    raw = (folder / "train_X.bin").read_bytes()
    assert data.pool.x[0, 0, 1, 0] == raw[1]  # the second byte lies below the first
    assert data.pool.y.tolist() == [0, 7, 4]
    assert data.classes == tuple(STL10_CLASSES)


def test_stl10_can_be_scaled_before_its_centre_is_cut_out(tmp_path: Path) -> None:
    write_stl10(tmp_path, items=2)
    data = DATASETS.create("stl10", root=tmp_path, resize=128)
    image = Image.fromarray(noise(0, 2, 3, 96, 96)[1].transpose(1, 2, 0).copy())
    theirs = np.asarray(image.resize((128, 128), Image.Resampling.BILINEAR).crop((16, 16, 112, 112)))
    assert np.array_equal(data.pool.x[1], theirs.transpose(2, 0, 1))
    with pytest.raises(ConfigurationError, match="resize must be at least 96 pixels, got 64"):
        DATASETS.create("stl10", root=tmp_path / "absent", resize=64)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("test_X.bin", b"\0" * 100, "it has 100 bytes, which is not 3 x 96 x 96 for each of the 3 labels"),
        ("train_y.bin", b"\1\2\0", "its labels must be 1 to 10, got 0"),
        ("class_names.txt", b"airplane\nbird\n", "it must name 10 classes, got 2"),
        ("class_names.txt", b"\xff\xfe\n" * 10, "it is not text"),
        ("class_names.txt", b"a b c d e f g h i \0", r"its class name '\\x00' is not text"),
        ("class_names.txt", b"cat\n" * 9 + b"dog\n", "it names these classes more than once: 'cat'"),
    ],
)
def test_a_damaged_stl10_file_is_refused(tmp_path: Path, file: str, content: bytes, said: str) -> None:
    (write_stl10(tmp_path) / file).write_bytes(content)
    with pytest.raises(DataError, match=f"{file} .* must be as published, but {said}"):
        DATASETS.create("stl10", root=tmp_path)


@pytest.mark.parametrize(
    ("name", "write", "file"),
    [
        ("svhn", write_svhn, "test_32x32.mat"),
        ("fashion_mnist", write_fashion_mnist, "FashionMNIST/raw/t10k-labels-idx1-ubyte.gz"),
        ("stl10", write_stl10, "stl10_binary/train_y.bin"),
    ],
)
def test_a_missing_file_is_named_with_the_command(
    tmp_path: Path, name: str, write: Callable[[Path], object], file: str
) -> None:
    write(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(DataError, match=f"not found: .*{file}'; fetch .* nextlabel datasets download {name}"):
        DATASETS.create(name, root=tmp_path)


@pytest.mark.parametrize(
    ("name", "write"), [("svhn", write_svhn), ("fashion_mnist", write_fashion_mnist), ("stl10", write_stl10)]
)
def test_parts_can_be_held_out_and_reduced(tmp_path: Path, name: str, write: Callable[..., object]) -> None:
    write(tmp_path, items=10)
    data = DATASETS.create(name, root=tmp_path, validation=2, pool=5, test=0.5)
    assert (len(data.validation.ids), len(data), len(data.test.ids)) == (2, 5, 5)
