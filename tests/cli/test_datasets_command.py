"""``nextlabel datasets``: the list, and the download with a stand-in for torchvision, without network."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import pytest

DATA = Path(__file__).parents[1] / "datasets"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DATA)
    import published

    return published


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Put an empty torchvision in place of the real one; a test gives it the classes that it needs."""
    fake, inner = ModuleType("torchvision"), ModuleType("torchvision.datasets")
    fake.datasets = inner  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", fake)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", inner)
    return inner


def test_a_download_goes_into_the_folder_where_the_data_set_is_then_read(
    nextlabel, torchvision, published, tmp_path, monkeypatch
):
    calls = []

    def svhn(root, *, split, download):
        calls.append((root, split, download))
        published.write_svhn(root)

    torchvision.SVHN = svhn
    monkeypatch.setenv("NEXTLABEL_DATA", str(tmp_path))
    done = nextlabel("datasets", "--json", "download", "svhn")
    assert nextlabel("datasets", "download", "svhn", "--json").json() == done.json()
    assert done.json() == {
        "ok": True,
        "dataset": "svhn",
        "root": str(tmp_path / "svhn"),
        "pool": 11,
        "test": 11,
        "classes": 10,
        "licence": "for non-commercial use only, as its authors' page says",
    }
    assert calls == [(tmp_path / "svhn", part, True) for part in ("train", "test")] * 2


def test_the_text_names_sizes_folder_and_licence(nextlabel, torchvision, published, tmp_path):
    torchvision.CIFAR10 = lambda root, **_: published.write_cifar10(root)
    done = nextlabel("datasets", "download", "cifar10", "--root", tmp_path)
    assert done.code == 0
    assert done.out == (
        f"cifar10: 20 items in the pool, 4 to test, 10 classes, in {tmp_path}\n"
        "licence: none stated; the authors ask to cite their report\n"
    )


@pytest.mark.parametrize(
    "error", [URLError("no route to host"), RuntimeError("Error downloading x"), ModuleNotFoundError("gdown")]
)
def test_without_a_connection_there_is_one_sentence_and_exit_code_1(nextlabel, torchvision, tmp_path, error):
    def fails(root, **_):
        raise error

    torchvision.Caltech101 = fails
    done = nextlabel("datasets", "download", "caltech101", "--root", tmp_path)
    assert done.code == 1
    assert done.err == (
        f"Error: the data set 'caltech101' could not be downloaded to {tmp_path} ({error}); check the "
        "connection and the free disk space, and run the same command again\n"
    )
    assert not nextlabel("datasets", "download", "caltech101", "--root", tmp_path, "--json").json()["ok"]


@pytest.mark.parametrize("root", ["file", "file/below"])
def test_a_root_that_cannot_be_written_is_refused_before_any_download(nextlabel, torchvision, tmp_path, root):
    def svhn(root, *, split, download):
        assert not download
        raise RuntimeError("Dataset not found")

    torchvision.SVHN = svhn
    (tmp_path / "file").write_text("")
    done = nextlabel("datasets", "download", "svhn", "--root", tmp_path / root)
    assert done.code == 1
    assert f"must be writable, but {tmp_path / root} is not (" in done.err
    assert done.err.endswith("choose another one with --root\n")
    assert "connection" not in done.err


def test_a_read_only_folder_that_holds_the_files_needs_no_download(
    nextlabel, torchvision, published, tmp_path, monkeypatch
):
    published.write_svhn(tmp_path)
    calls = []
    torchvision.SVHN = lambda root, *, split, download: calls.append(download)
    monkeypatch.setattr("nextlabel.datasets.download._refused", lambda _: PermissionError(13, "denied"))
    assert nextlabel("datasets", "download", "svhn", "--root", tmp_path).code == 0
    assert calls == [False, False]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("digits", "it comes with scikit-learn"),
        ("cifar10_jpeg", "make train.parquet"),
        ("image_folder", "a folder CLASS"),
    ],
)
def test_what_has_to_be_got_by_hand_says_how(nextlabel, name, said):
    done = nextlabel("datasets", "download", name)
    assert done.code == 1
    assert f"the data set '{name}' cannot be downloaded by this command; " in done.err
    assert said in done.err
    assert ("(folder: " in done.err) == (name != "digits")  # which needs no file


def test_an_unknown_name_offers_the_nearest(nextlabel):
    done = nextlabel("datasets", "download", "cifar")
    assert done.code == 1
    assert "did you mean 'cifar10'" in done.err


def test_without_torchvision_the_extra_is_named(nextlabel, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    done = nextlabel("datasets", "download", "stl10", "--root", tmp_path)
    assert done.code == 1
    assert "pip install 'nextlabel[vision]'" in done.err


def test_every_data_set_says_how_it_is_got():
    from nextlabel.datasets.catalogue import DATASETS
    from nextlabel.datasets.download import BY_TORCHVISION
    from nextlabel.datasets.files import fetch

    remedies = {card.name: card.remedy for card in DATASETS if card.target.startswith("nextlabel.")}
    assert all(remedies.values())
    assert {name for name, remedy in remedies.items() if remedy == fetch(name)} == BY_TORCHVISION.keys()


def test_torchvision_has_every_class_that_a_download_asks_for():
    import inspect

    from nextlabel.datasets.download import BY_TORCHVISION

    datasets = pytest.importorskip("torchvision.datasets")
    for name, calls in BY_TORCHVISION.values():
        parameters = inspect.signature(getattr(datasets, name)).parameters
        assert all({"root", "download", *call} <= parameters.keys() for call in calls)
