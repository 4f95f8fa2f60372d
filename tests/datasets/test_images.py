"""Images that are decoded one by one: their size, their pixels and what is said of those that cannot be."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from published import encoded, noise, write_image

from nextlabel.datasets.benchmark_dataset import Streamed
from nextlabel.datasets.images import StreamedImages, image_size
from nextlabel.errors import DataError
from nextlabel.pool import Pool


def test_an_image_is_scaled_to_a_square_and_its_centre_cut_out(tmp_path: Path) -> None:
    # 4 x 8 pixels to 4 x 4: the proportions go, a pixel takes the mean of those near it along the width only
    columns = np.array([0, 0, 80, 80, 160, 160, 240, 240], np.uint8)
    rows = np.array([0, 1, 2, 3], np.uint8)[:, None]
    Image.fromarray(np.repeat((columns + rows)[:, :, None], 3, axis=2)).save(tmp_path / "a.png")
    image = StreamedImages([tmp_path / "a.png"], ("a",), (2, 2), resize=4)[0]
    # bilinear weights of a pixel twice as wide: 1/8, 3/8, 3/8, 1/8
    assert image[0].tolist() == [[81, 161], [82, 162]]


def test_grey_and_palette_images_come_in_colours(tmp_path: Path) -> None:
    grey = noise(1, 4, 5)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(StreamedImages([tmp_path / "grey.png"], ("g",), (4, 5))[0], np.stack([grey] * 3))
    flat = Image.new("RGB", (5, 4), (255, 0, 0)).quantize(4)
    flat.save(tmp_path / "palette.gif")
    red = StreamedImages([tmp_path / "palette.gif"], ("p",), (4, 5))[0]
    assert red[:, 0, 0].tolist() == [255, 0, 0]


def test_streamed_images_are_a_pool_and_travel_to_worker_processes(tmp_path: Path) -> None:
    images = StreamedImages(
        [encoded(noise(row, 4, 4, 3), "PNG") for row in range(3)], ("a", "b", "c"), (4, 4)
    )
    assert isinstance(images, Streamed)
    assert (len(images), images.shape, images.dtype) == (3, (3, 3, 4, 4), np.uint8)
    assert Pool(images, images.ids).subset(["c", "a"]).tensor().shape == (2, 3, 4, 4)
    assert np.array_equal(pickle.loads(pickle.dumps(images))[2], images[2])


def test_an_image_of_another_size_is_named(tmp_path: Path) -> None:
    images = StreamedImages([encoded(noise(1, 4, 6, 3))], ("cat/7.jpg",), (4, 4))
    with pytest.raises(DataError, match=r"one size, 4 x 4 pixels, but item 'cat/7.jpg' has 6 x 4; resize"):
        images[0]


def test_what_is_no_image_is_found_by_its_head_and_named_with_its_path(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", 1)
    (tmp_path / "b.jpg").write_text("not found")
    assert image_size(tmp_path / "a.jpg", "a.jpg") == (20, 30)
    with pytest.raises(
        DataError, match=rf"item 'b.jpg' \({tmp_path}/b.jpg\) must be .* \(not an image\); fetch"
    ):
        image_size(tmp_path / "b.jpg", "b.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_truncated_image_is_named(kind: str) -> None:
    damaged = encoded(noise(1, 40, 40, 3), kind)[:900]
    with pytest.raises(DataError, match="item 'x' must be an image, but it cannot be decoded"):
        StreamedImages([damaged], ("x",), (40, 40))[0]
