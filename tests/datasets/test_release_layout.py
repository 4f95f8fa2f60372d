"""The folders of the TOD papers' released code are found below the current directory, before any other."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from published import write_cifar10, write_cifar100, write_image, write_svhn

from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.download import download
from nextlabel.datasets.images import StreamedImages
from nextlabel.errors import DataError


def write_caltech(root: Path) -> None:
    for number in range(101):
        for image in "12":
            write_image(
                root / "101_ObjectCategories" / f"class_{number:03d}" / f"{image}.png", number, (3, 4)
            )


WRITERS = {
    "cifar10": (write_cifar10, ""),
    "cifar100": (write_cifar100, ""),
    "svhn": (write_svhn, "svhn"),
    "caltech101": (write_caltech, ""),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current directory; every other place of data sets is empty."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path / "shared"))
    return tmp_path / "here"


@pytest.mark.parametrize("name", WRITERS)
def test_the_layout_of_the_release_is_read(here: Path, name: str) -> None:
    write, folder = WRITERS[name]
    write(here / "data" / folder)
    assert len(DATASETS.create(name)) > 0


def test_svhn_may_lie_in_the_folder_of_all_data_too(here: Path) -> None:
    write_svhn(here / "data")
    assert len(DATASETS.create("svhn")) == 11


def test_it_comes_before_the_environment_and_after_the_option_root(here: Path, tmp_path: Path) -> None:
    write_cifar100(tmp_path / "shared" / "cifar100", items=5)
    assert len(DATASETS.create("cifar100")) == 5
    write_cifar100(here / "data", items=7)
    assert len(DATASETS.create("cifar100")) == 7
    write_cifar100(tmp_path / "own", items=9)
    assert len(DATASETS.create("cifar100", root="../own")) == 9


def test_images_that_were_found_are_read_from_another_directory_too(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_caltech(here / "data")
    found = DATASETS.create("caltech101", pool=2, test=2).pool.x
    given = DATASETS.create("caltech101", root="data", pool=2, test=2).pool.x
    monkeypatch.chdir(tmp_path)
    for images in (found, given):
        assert isinstance(images, StreamedImages)
        assert images[0].shape == (3, 224, 224)


@pytest.mark.parametrize(
    "clutter", ["data/notes.txt", "data/svhn/train.tar.gz", "data/cifar-10/data_batch_1", "data"]
)
def test_a_folder_that_has_nothing_to_do_with_the_data_set_is_passed_over(
    here: Path, tmp_path: Path, clutter: str
) -> None:
    (here / clutter).parent.mkdir(parents=True, exist_ok=True)
    (here / clutter).touch()
    write_cifar10(tmp_path / "shared" / "cifar10")
    write_svhn(tmp_path / "shared" / "svhn")
    assert len(DATASETS.create("cifar10")) == 20
    assert len(DATASETS.create("svhn")) == 11


@pytest.mark.parametrize(
    ("name", "gone", "root"),
    [
        ("cifar10", "cifar-10-batches-py/data_batch_3", "data"),
        ("cifar100", "cifar-100-python/meta", "data"),
        ("svhn", "svhn/test_32x32.mat", "data/svhn"),
    ],
)
def test_half_of_a_layout_names_the_missing_file_and_what_completes_it(
    here: Path, tmp_path: Path, name: str, gone: str, root: str
) -> None:
    write, folder = WRITERS[name]
    write(here / "data" / folder)
    write(tmp_path / "shared" / name)  # which a half layout hides, and says so
    (here / "data" / gone).unlink()
    with pytest.raises(DataError) as error:
        DATASETS.create(name)
    assert str(error.value) == (
        f"files of the data set '{name}' not found: '{here}/data/{gone}'; fetch it with: nextlabel "
        f"datasets download {name} --root {here / root}, or set root to where they are"
    )


def test_of_two_layouts_the_whole_one_counts(here: Path) -> None:
    write_svhn(here / "data", items=10)
    write_svhn(here / "data" / "svhn", items=12)
    assert len(DATASETS.create("svhn")) == 12
    (here / "data" / "svhn" / "test_32x32.mat").unlink()
    assert len(DATASETS.create("svhn")) == 10


def test_caltech_without_some_of_its_classes_is_reported_with_their_number(here: Path) -> None:
    write_caltech(here / "data")
    shutil.rmtree(here / "data" / "101_ObjectCategories" / "class_007")
    with pytest.raises(
        DataError, match=r"/data/101_ObjectCategories has 100; put all folders of its archive"
    ):
        DATASETS.create("caltech101")


@pytest.mark.parametrize("name", WRITERS)
def test_missing_data_are_reported_with_every_place_searched(here: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"not found: '{tmp_path}/shared/{name}/.*' or \./data/"):
        DATASETS.create(name)


def test_a_file_where_a_folder_should_be_is_reported(here: Path) -> None:
    (here / "data").mkdir()
    (here / "data" / "cifar-10-batches-py").touch()
    (here / "data" / "101_ObjectCategories").touch()
    with pytest.raises(DataError, match="data/cifar-10-batches-py is a file, not a folder; fetch it"):
        DATASETS.create("cifar10")
    with pytest.raises(DataError, match="data/101_ObjectCategories', which is a file"):
        DATASETS.create("caltech101")


def test_a_link_to_nowhere_is_not_passed_over(here: Path, tmp_path: Path) -> None:
    write_cifar10(tmp_path / "shared" / "cifar10")
    (here / "data").mkdir()
    (here / "data" / "cifar-10-batches-py").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"not found: .*data/cifar-10-batches-py/batches\.meta'; fetch"):
        DATASETS.create("cifar10")


def test_an_archive_that_was_not_unpacked_is_reported(here: Path, tmp_path: Path) -> None:
    (here / "data").mkdir()
    archive = here / "data" / "cifar-10-python.tar.gz"
    archive.touch()
    with pytest.raises(DataError, match=f"only the packed '{re.escape(str(archive))}'; unpack it"):
        DATASETS.create("cifar10")
    write_cifar10(tmp_path / "shared" / "cifar10")
    assert len(DATASETS.create("cifar10")) == 20


def test_a_folder_that_may_not_be_searched_is_passed_over(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_svhn(here / "data")
    write_svhn(tmp_path / "shared" / "svhn", items=13)
    plain = Path.is_file

    def is_file(path: Path) -> bool:
        if path.parts[0] == "data":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(Path, "is_file", is_file)
    assert len(DATASETS.create("svhn")) == 13


def test_a_download_completes_the_layout(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import SimpleNamespace

    asked = []
    fake = SimpleNamespace(CIFAR10=lambda root, **_: asked.append(root))
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(datasets=fake))
    write_cifar10(here / "data")
    assert download("cifar10") == here / "data"
    assert asked == [here / "data"]
    write_caltech(here / "data")  # torchvision would begin a second one
    assert download("caltech101") == here / "data"
