"""Convert the animals of the package animal-mnist 0.4 into the archive that nextlabel ships.

The package keeps its arrays as two gzipped pickles, ``animal_data_version_3.gz`` with (10000, 28, 28) bytes
and ``animal_label_version_3.gz`` with (10000,) classes. Run once, on the package's unpacked wheel:

    pip download --no-deps animal-mnist==0.4
    python -m zipfile -e animal_mnist-0.4-py3-none-any.whl unpacked
    python scripts/build_animals.py unpacked src/nextlabel/datasets/data

It writes ``animals.npz`` and ``animals.LICENSE``; the same wheel always gives the same arrays. Of exact
duplicates the first is kept; they are removed before the test split is drawn, so that none crosses it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import pickle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nextlabel.datasets.animals import animal_id
from nextlabel.datasets.reduction import stratified_test_rows
from nextlabel.errors import DataError

TEST_SIZE = 2_000
SHAPE = (10_000, 28, 28)
RECONSTRUCT = np.zeros(0).__reduce__()[0]  # NumPy's own; its module moved in NumPy 2
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays of numbers and nothing else: a pickle can name no other code to run."""

    def find_class(self, module: str, name: str) -> object:
        """Return one of the few names that a pickled array needs.

        Raises:
            UnpicklingError: The pickle names anything else.
        """
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"expected a pickled array, but it asks for {module}.{name}")
        return ALLOWED[module, name]


def read_array(path: Path) -> NDArray[np.integer]:
    """Read one gzipped, pickled array."""
    array = ArrayUnpickler(io.BytesIO(gzip.decompress(path.read_bytes()))).load()
    if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"expected an array of integers in {path}, but got {type(array).__name__}")
    return array


def first_positions(images: NDArray[np.integer], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the ascending positions of the first of every set of equal images.

    Raises:
        DataError: Equal images have different labels.
    """
    first: dict[bytes, int] = {}
    for position, image in enumerate(images):
        kept = first.setdefault(hashlib.sha256(image.tobytes()).digest(), position)
        if labels[kept] != labels[position]:
            raise DataError(f"images {kept} and {position} are equal, but their labels are not")
    return np.array(sorted(first.values()), dtype=np.int64)


def build(unpacked: Path, target: Path) -> None:
    """Write ``animals.npz`` and ``animals.LICENSE`` into the folder ``target``."""
    folder = unpacked / "animal_mnist" / "data" / "Animal_MNIST"
    images = read_array(folder / "animal_data_version_3.gz")
    labels = read_array(folder / "animal_label_version_3.gz")
    if images.shape != SHAPE or images.dtype != np.uint8 or labels.shape != SHAPE[:1]:
        raise DataError(f"expected bytes of shape {SHAPE}, but got {images.shape} {images.dtype}")
    positions = first_positions(images, labels)
    kept = labels[positions]
    is_test = np.zeros(len(positions), dtype=np.bool_)
    is_test[stratified_test_rows(kept, [animal_id(position) for position in positions], TEST_SIZE)] = True
    np.savez_compressed(
        target / "animals.npz",
        images=images[positions],
        labels=kept.astype(np.uint8),
        positions=positions.astype(np.uint16),
        is_test=is_test,
    )
    licence = unpacked / "animal_mnist-0.4.dist-info" / "licenses" / "LICENSE"
    (target / "animals.LICENSE").write_text(
        licence.read_text(encoding="utf-8").rstrip() + "\n", encoding="utf-8"
    )
    print(f"{len(positions)} of {len(images)} images, {is_test.sum()} of them to test, in {target}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("unpacked", type=Path, help="folder with the unpacked wheel of animal-mnist 0.4")
    parser.add_argument("target", type=Path, help="folder to write into")
    arguments = parser.parse_args()
    build(arguments.unpacked, arguments.target)
