"""Tiny files in just the formats in which the data sets were published."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image


class _Python2Pickler(pickle._Pickler):
    """Writes protocol 2 as Python 2 with NumPy 1.6 did: byte strings, old module names, flags as numbers."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, text: str | bytes) -> None:
        content = text if isinstance(text, bytes) else text.encode("latin-1")
        short = len(content) < 256
        self.write(b"U" + bytes([len(content)]) if short else b"T" + struct.pack("<i", len(content)))
        self.write(content)
        self.memoize(text)

    def save_array_builder(self, builder: Any) -> None:
        self.write(b"cnumpy.core.multiarray\n_reconstruct\n")
        self.memoize(builder)

    def save_type(self, kind: type) -> None:
        if kind not in (np.ndarray, np.dtype):
            pickle._Pickler.save_type(self, kind)
            return
        self.write(f"cnumpy\n{kind.__name__}\n".encode())
        self.memoize(kind)

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, np.dtype):
            return np.dtype, (thing.str[1:], 0, 1), (3, "|", None, None, None, -1, -1, 0)
        return NotImplemented

    dispatch[str] = dispatch[bytes] = save_string
    dispatch[type] = save_type
    dispatch[type(np.empty(0).__reduce__()[0])] = save_array_builder


def python2_pickle(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        _Python2Pickler(file, protocol=2).dump(content)


class _Python3Pickler(pickle._Pickler):
    """Writes as Python 3 does with NumPy 1 or 2, whichever of them is here."""

    def __init__(self, file: Any, protocol: int, numpy_major: int) -> None:
        super().__init__(file, protocol)
        self.core = {1: "numpy.core", 2: "numpy._core"}[numpy_major]

    def save_global(self, thing: Any, name: str | None = None) -> None:
        module = getattr(thing, "__module__", None) or ""
        if not module.startswith(("numpy.core", "numpy._core")):
            super().save_global(thing, name)
            return
        module = f"{self.core}.{module.rsplit('.', 1)[1]}"
        if self.proto >= 4:
            self.save(module)
            self.save(thing.__name__)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{thing.__name__}\n".encode())
        self.memoize(thing)

    dispatch: ClassVar = {
        **pickle._Pickler.dispatch,
        type(len): save_global,
        type(python2_pickle): save_global,
    }


def python3_pickle(path: Path, content: object, *, protocol: int, numpy_major: int) -> None:
    with path.open("wb") as file:
        _Python3Pickler(file, protocol, numpy_major).dump(content)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def write_cifar10(root: Path, per_batch: int = 4) -> Path:
    """Write the six batches and the meta file below ``cifar-10-batches-py``; return that folder."""
    folder = root / "cifar-10-batches-py"
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        labels = [(number + position) % 10 for position in range(per_batch)]
        content = {
            "batch_label": f"training batch {number + 1} of 5",
            "labels": labels,
            "data": noise(number, per_batch, 3072),
            "filenames": [f"s_{position:06d}.png" for position in range(per_batch)],
        }
        python2_pickle(folder / name, content)
    meta = {"num_cases_per_batch": per_batch, "label_names": CIFAR10_CLASSES, "num_vis": 3072}
    python2_pickle(folder / "batches.meta", meta)
    return folder


def write_cifar100(root: Path, items: int = 6) -> Path:
    folder = root / "cifar-100-python"
    for number, name in enumerate(["train", "test"]):
        content = {
            "filenames": [f"s_{position:06d}.png" for position in range(items)],
            "batch_label": f"{name}ing batch 1 of 1",
            "fine_labels": [99 - position for position in range(items)],
            "coarse_labels": list(range(items)),
            "data": noise(number, items, 3072),
        }
        python2_pickle(folder / name, content)
    names = [f"fine_{number}" for number in range(100)]
    python2_pickle(folder / "meta", {"fine_label_names": names, "coarse_label_names": names[:20]})
    return folder


def encoded(image: np.ndarray, kind: str = "JPEG") -> bytes:
    """Return a (height, width, 3) image as the bytes of a file."""
    import io

    with io.BytesIO() as file:
        Image.fromarray(image).save(file, kind)
        return file.getvalue()


def write_cifar10_jpeg(root: Path, items: int = 12) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(["train", "test"]):
        columns = {
            "id": [f"cat/{position:04d}.jpg" for position in range(items)],
            "image": [encoded(noise(100 * number + p, 32, 32, 3)) for p in range(items)],
            "label": pa.array([position % 10 for position in range(items)], pa.int8()),
        }
        table = pa.table(columns).replace_schema_metadata({"classes": json.dumps(CIFAR10_CLASSES)})
        pq.write_table(table, root / f"{part}.parquet")


def write_svhn(root: Path, items: int = 11) -> None:
    """Write both .mat files: images by their last axis, labels 1 to 10, where 10 is the digit 0."""
    from scipy.io import savemat

    root.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(["train", "test"]):
        labels = np.array([[1 + position % 10] for position in range(items)], dtype=np.uint8)
        savemat(
            root / f"{part}_32x32.mat",
            {"X": noise(number, 32, 32, 3, items), "y": labels},
            do_compression=True,
        )


def idx(array: np.ndarray) -> bytes:
    """Return bytes as an idx file: magic number, big-endian sizes, data."""
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def write_fashion_mnist(root: Path, items: int = 12) -> Path:
    folder = root / "FashionMNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(["train", "t10k"]):
        labels = np.arange(items, dtype=np.uint8) % 10
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(idx(noise(number, items, 28, 28)))
        )
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return folder


STL10_CLASSES = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]


def write_stl10(root: Path, items: int = 3) -> Path:
    """Write images channel by channel and column by column, labels from 1."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(["train", "test"]):
        noise(number, items, 3, 96, 96).transpose(0, 1, 3, 2).tofile(folder / f"{part}_X.bin")
        (1 + 7 * np.arange(items, dtype=np.uint8) % 10).tofile(folder / f"{part}_y.bin")
    (folder / "class_names.txt").write_text("\n".join(STL10_CLASSES) + "\n")
    return folder


def write_image(path: Path, seed: int, size: Sequence[int] = (20, 30)) -> None:
    """Write one colour image of (height, width) in the format that its suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed, *size, 3)).save(path)
