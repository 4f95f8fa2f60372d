"""STL-10: 13,000 labelled colour photographs of 96 x 96 pixels; its 100,000 unlabelled ones are not read.

Read from its authors' binary files, which hold images column by column. Knows nothing of models and
training.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from PIL import Image

from nextlabel.datasets.cifar import RECIPE as CIFAR_RECIPE
from nextlabel.datasets.files import Place, Root, fetch, numbered, root_of
from nextlabel.datasets.labelled_data import Inputs, LabelledData, Split
from nextlabel.datasets.reduction import mapped, reduced
from nextlabel.errors import ConfigurationError

__all__ = ["load"]

NAME = "stl10"
SIDE = 96

# Huang et al., Temporal Output Discrepancy for Loss Estimation-Based Active Learning, 2022: as on CIFAR, in
# batches of 64, mirrored and not moved.
RECIPE: dict[str, object] = {**CIFAR_RECIPE, "batch_size": 64, "augment": ["horizontal_flip"]}


def load(
    *,
    root: Root = None,
    resize: int | None = None,
    validation: int | float = 0,
    pool: int | float | None = None,
    test: int | float | None = None,
    split_seed: int = 0,
) -> LabelledData:
    """Load the labelled part of STL-10 from ``stl10_binary``: 5,000 to label and 8,000 to test.

    Args:
        root: The folder in which ``stl10_binary`` lies, or that folder itself; None for
            ``$NEXTLABEL_DATA/stl10``, or ``~/.cache/nextlabel/stl10`` where that variable is not set.
        resize: Side in pixels, at least 96, to which images are scaled (bilinear) before their centre of
            96 x 96 is cut out; the TOD journal paper scales to 128. None for the images as they are.
        validation: Items to hold out of the pool: a count or a fraction.
        pool: Items to keep in the pool: a count or a fraction; None for all.
        test: Items to keep in the test part: a count or a fraction; None for all.
        split_seed: Draws the parts, see :func:`nextlabel.datasets.reduction.reduced`.

    Raises:
        DataError: A file is missing, damaged or not what was published.
        ConfigurationError: An option is out of range.
    """
    if resize is not None and (isinstance(resize, bool) or not isinstance(resize, int) or resize < SIDE):
        raise ConfigurationError(
            f"the data set '{NAME}' needs resize of at least {SIDE} pixels, but got {resize!r}"
        )
    place = Place(NAME, root_of(NAME, root), fetch(NAME, root), ("stl10_binary",))
    classes = _classes(place)
    train, tested = _part(place, "train"), _part(place, "test")
    data = LabelledData(
        name=NAME,
        x=train.x, y=train.y, ids=train.ids,
        test_x=tested.x, test_y=tested.y, test_ids=tested.ids,
        classes=classes,
        licence="none stated; the images come from ImageNet",
        source="A. Coates, H. Lee, A. Y. Ng, An Analysis of Single-Layer Networks in Unsupervised Feature "
        "Learning, AISTATS 2011; without the unlabelled part",
        recipe=RECIPE,
    )  # fmt: skip
    data = reduced(data, validation=validation, pool=pool, test=test, seed=split_seed)
    return data if resize is None else mapped(data, partial(_zoomed, side=resize))


def _part(place: Place, part: str) -> Split:
    images, labels = place.file(f"{part}_X.bin"), place.file(f"{part}_y.bin")
    y = np.fromfile(labels, np.uint8)
    place.check_labels(labels, y, 1, 10)
    x = np.fromfile(images, np.uint8)
    if len(x) != len(y) * 3 * SIDE * SIDE:
        place.damaged(
            images,
            f"it has {len(x):,} bytes, which is not 3 x {SIDE} x {SIDE} for each of the {len(y):,} labels in "
            f"{labels.name}",
        )
    upright = np.ascontiguousarray(x.reshape(-1, 3, SIDE, SIDE).transpose(0, 1, 3, 2))
    return Split(upright, y.astype(np.int64) - 1, numbered(f"{NAME}-{part}", len(y)))


def _classes(place: Place) -> tuple[str, ...]:
    path = place.file("class_names.txt")
    try:
        names = path.read_bytes().decode().split()
    except UnicodeDecodeError as error:
        place.damaged(path, f"it is no text ({error})", error)
    if len(names) != 10:
        place.damaged(path, f"it names {len(names)} classes instead of 10")
    return place.check_classes(path, names)


def _zoomed(x: Inputs, side: int) -> Inputs:
    """Return the (N, 3, 96, 96) centres of the images after scaling them to this side."""
    zoomed = np.empty(x.shape, np.uint8)
    start = (side - SIDE) // 2
    for row in range(len(x)):
        image = Image.fromarray(np.ascontiguousarray(x[row].transpose(1, 2, 0)))
        scaled = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        zoomed[row] = scaled[:, start : start + SIDE, start : start + SIDE]
    return zoomed
