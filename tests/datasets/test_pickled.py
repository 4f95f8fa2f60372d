"""Pickles of Python 2 and 3 and NumPy 1 and 2 are read; what asks for more than data is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from published import noise, python3_pickle, write_cifar10

from nextlabel.datasets.catalogue import DATASETS
from nextlabel.datasets.pickled import read_pickled
from nextlabel.errors import DataError


@pytest.mark.parametrize("numpy_major", [1, 2])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("keys", [str, str.encode])
def test_a_batch_that_python_3_wrote_again_is_read(tmp_path: Path, protocol, numpy_major, keys) -> None:
    folder, data = write_cifar10(tmp_path), noise(7, 4, 3072)
    labels = [3, 1, 4, 1] if protocol % 2 else np.array([3, 1, 4, 1])
    path = folder / "data_batch_1"
    content = {keys("data"): data, keys("labels"): labels, keys("filenames"): [b"s_0.png", "s_1.png"]}
    python3_pickle(path, content, protocol=protocol, numpy_major=numpy_major)
    core = b"numpy.core" if numpy_major == 1 else b"numpy._core"
    assert core + (b".numeric" if protocol == 5 else b".multiarray") in path.read_bytes()
    read = DATASETS.create("cifar10", root=tmp_path)
    assert read.pool.y[:4].tolist() == [3, 1, 4, 1]
    assert np.array_equal(read.pool.x[:4].reshape(4, -1), data)


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
        np.array(["cat", "tiger"]),
        np.float32(2.5),
        b"",
    ],
    ids=["big_endian", "by_columns", "transposed", "text", "scalar", "no_bytes"],
)
def test_what_is_read_is_what_was_written(tmp_path: Path, array: np.ndarray | bytes, protocol: int) -> None:
    path = tmp_path / "array"
    path.write_bytes(pickle.dumps([array, {"again": (array,)}], protocol=protocol))
    first, again = read_pickled(path)  # type: ignore[misc]
    assert np.asarray(first).dtype == np.asarray(array).dtype
    assert np.array_equal(first, array)
    assert np.array_equal(again["again"][0], array)


def bytes_of(thing: object) -> bytes:
    return pickle.dumps(thing, protocol=2)[2:-1]


DTYPE = b"cnumpy\ndtype\n"
U1 = DTYPE + bytes_of(("u1", 0, 1)) + b"R"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (b"cos\nsystem\n" + bytes_of(("true",)) + b"R", "it asks to run 'os.system'"),
        (b"cnumpy.core.multiarray\nfromfile\n", "asks to run 'numpy.core.multiarray.fromfile'"),
        (b"c__builtin__\ngetattr\n", "it asks to run '__builtin__.getattr'"),
        (DTYPE + bytes_of(("O", 0, 1)) + b"R", r"an array of Python objects \('O'\)"),
        (DTYPE + bytes_of((["u1"], 0, 1)) + b"R", r"an array of \['u1'\]"),
        (U1 + bytes_of((3, "|", None, ("a",), {}, 8, 1, 63)) + b"b", "an array of records"),
        (b"c_codecs\nencode\n" + bytes_of(("a", "rot13")) + b"R", "asks to encode text as 'rot13'"),
        (DTYPE + bytes_of({"make": 1}) + b"b", "asks to change a function"),
        (b"cnumpy.core.multiarray\n_reconstruct\n" + DTYPE + b"\x85R", "an array of the kind"),
    ],
)
def test_a_pickle_that_asks_for_more_than_data_is_refused(tmp_path: Path, asked: bytes, said: str) -> None:
    path = tmp_path / "pickle"
    path.write_bytes(b"\x80\x02" + asked + b".")
    with pytest.raises(DataError, match=f"({said}).*which data do not need and nextlabel refuses"):
        read_pickled(path)


def test_flags_that_a_file_gives_to_a_type_are_not_believed(tmp_path: Path) -> None:
    flagged = U1 + bytes_of((3, "|", None, None, None, -1, -1, 63)) + b"b"  # "its items are Python objects"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + bytes_of((0,)) + bytes_of(b"b")
    (tmp_path / "pickle").write_bytes(
        b"\x80\x02"
        + array
        + b"\x87R("
        + bytes_of(1)
        + bytes_of((8,))
        + flagged
        + b"\x89"
        + bytes_of(b"12345678")
        + b"tb."
    )
    read = read_pickled(tmp_path / "pickle")
    assert isinstance(read, np.ndarray)
    assert not read.dtype.hasobject
    assert read.tobytes() == b"12345678"


def test_a_small_file_that_names_its_parts_over_and_over_is_read_at_once(tmp_path: Path) -> None:
    doubled = b"".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(60))  # 2 to the power of 60 ends
    (tmp_path / "pickle").write_bytes(b"\x80\x02]q\x00" + doubled + b".")
    assert isinstance(read_pickled(tmp_path / "pickle"), list)


@pytest.mark.parametrize("endless", [b"]q\x00h\x00a", b"(" * 99_999 + b"t" * 99_999], ids=["loop", "deep"])
def test_a_file_without_an_end_is_damaged(tmp_path: Path, endless: bytes) -> None:
    (tmp_path / "pickle").write_bytes(b"\x80\x02" + endless + b".")
    with pytest.raises(DataError, match="cannot be read to its end"):
        read_pickled(tmp_path / "pickle")
