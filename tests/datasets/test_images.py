"""Pictures that are decoded one by one: their size, their pixels and what is said of those that cannot be."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published import encoded, noise, write_picture

from nextlabel.datasets.images import StreamedPictures
from nextlabel.datasets.labelled_data import Streamed
from nextlabel.errors import DataError
from nextlabel.pool import Pool


def test_a_picture_is_scaled_to_a_square_and_its_centre_cut_out(tmp_path: Path) -> None:
    # 4 x 8 pixels to 4 x 4: the proportions go, a pixel takes the mean of those near it along the width only
    columns = np.array([0, 0, 80, 80, 160, 160, 240, 240], np.uint8)
    rows = np.array([0, 1, 2, 3], np.uint8)[:, None]
    Image.fromarray(np.repeat((columns + rows)[:, :, None], 3, axis=2)).save(tmp_path / "a.png")
    picture = StreamedPictures([tmp_path / "a.png"], ("a",), (2, 2), resize=4)[0]
    # bilinear weights of a pixel twice as wide: 1/8, 3/8, 3/8, 1/8
    assert picture[0].tolist() == [[81, 161], [82, 162]]


def test_grey_and_palette_pictures_come_in_colours(tmp_path: Path) -> None:
    grey = noise(1, 4, 5)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(StreamedPictures([tmp_path / "grey.png"], ("g",), (4, 5))[0], np.stack([grey] * 3))
    flat = Image.new("RGB", (5, 4), (255, 0, 0)).quantize(4)
    flat.save(tmp_path / "palette.gif")
    red = StreamedPictures([tmp_path / "palette.gif"], ("p",), (4, 5))[0]
    assert red[:, 0, 0].tolist() == [255, 0, 0]


def test_streamed_pictures_are_a_pool_and_travel_to_worker_processes(tmp_path: Path) -> None:
    pictures = StreamedPictures(
        [encoded(noise(row, 4, 4, 3), "PNG") for row in range(3)], ("a", "b", "c"), (4, 4)
    )
    assert isinstance(pictures, Streamed)
    assert (len(pictures), pictures.shape, pictures.dtype) == (3, (3, 3, 4, 4), np.uint8)
    assert Pool(pictures, pictures.ids).subset(["c", "a"]).tensor().shape == (2, 3, 4, 4)
    assert np.array_equal(pickle.loads(pickle.dumps(pictures))[2], pictures[2])


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    pictures = StreamedPictures([encoded(noise(1, 4, 6, 3))], ("cat/7.jpg",), (4, 4))
    with pytest.raises(DataError, match=r"one size, 4 x 4 pixels, but item 'cat/7.jpg' has 6 x 4; resize"):
        pictures[0]


def test_what_is_no_picture_is_found_by_a_check_and_named_with_its_path(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", 1)
    (tmp_path / "b.jpg").write_text("not found")
    pictures = StreamedPictures(
        [tmp_path / "a.jpg", tmp_path / "b.jpg"], ("a.jpg", "b.jpg"), (8, 8), resize=8
    )
    with pytest.raises(DataError, match=rf"item 'b.jpg' \({tmp_path}/b.jpg\), but .* \(no picture\); fetch"):
        pictures.check()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_picture_is_named(kind: str) -> None:
    damaged = encoded(noise(1, 40, 40, 3), kind)[:900]
    with pytest.raises(DataError, match="expected a picture as item 'x', but it cannot be decoded"):
        StreamedPictures([damaged], ("x",), (40, 40))[0]
