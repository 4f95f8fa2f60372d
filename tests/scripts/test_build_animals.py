from __future__ import annotations

import gzip
import importlib.util
import pickle
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from nextlabel.errors import DataError

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_animals.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_animals", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pickled(array: object) -> bytes:
    return gzip.compress(pickle.dumps(array, protocol=4))  # the package's protocol


def test_a_pickled_array_is_read(script: ModuleType, tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    (tmp_path / "array.gz").write_bytes(pickled(array))
    np.testing.assert_array_equal(script.read_array(tmp_path / "array.gz"), array)


def test_a_pickle_that_names_other_code_is_refused_and_not_run(script: ModuleType, tmp_path: Path) -> None:
    marker = tmp_path / "made"

    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.mkdir, (str(marker),)

    (tmp_path / "array.gz").write_bytes(pickled(Attack()))
    with pytest.raises(pickle.UnpicklingError, match="expected a pickled array, but it asks for"):
        script.read_array(tmp_path / "array.gz")
    assert not marker.exists()


def test_a_pickle_that_holds_no_array_is_refused(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "array.gz").write_bytes(pickled([1, 2]))
    with pytest.raises(DataError, match="expected an array of integers"):
        script.read_array(tmp_path / "array.gz")


def test_the_first_of_equal_images_is_kept(script: ModuleType) -> None:
    images = np.array([[[1]], [[2]], [[1]], [[3]], [[2]]], dtype=np.uint8)
    assert script.first_positions(images, np.array([0, 1, 0, 1, 1])).tolist() == [0, 1, 3]


def test_equal_images_with_different_labels_are_refused(script: ModuleType) -> None:
    images = np.array([[[1]], [[2]], [[1]]], dtype=np.uint8)
    with pytest.raises(DataError, match="images 0 and 2 are equal"):
        script.first_positions(images, np.array([0, 0, 1]))
