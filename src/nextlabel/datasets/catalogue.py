"""The shelf of data sets. A table of it loads no data; knows nothing of models and training."""

from __future__ import annotations

from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.registry import Card, Registry

__all__ = ["DATASETS"]

TINY_IMAGES = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"

DATASETS: Registry[LabelledData] = Registry(
    "data set",
    "nextlabel.datasets",
    (
        Card(
            "digits",
            "nextlabel.datasets.digits:load",
            needs=("scikit-learn",),
            cost="1,437 to label, 360 to test; 1 x 8 x 8 grey, 10 classes",
            when="first trials: a fit takes under a second; ships with scikit-learn",
            citation="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, "
            "UCI Machine Learning Repository, 1998",
        ),
        Card(
            "animals",
            "nextlabel.datasets.animals:load",
            cost="7,716 to label, 2,000 to test; 1 x 28 x 28 grey, 10 classes",
            when="pictures that want a convolutional network; ships with nextlabel",
            citation="S. Mohammadi, animal-mnist 0.4 (Animal-Shape), Python package, 2025",
        ),
        Card(
            "cifar10",
            "nextlabel.datasets.cifar:load_cifar10",
            needs=("files",),
            cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 10 classes",
            when="the first benchmark of the TOD papers; no licence stated",
            citation=TINY_IMAGES,
        ),
        Card(
            "cifar100",
            "nextlabel.datasets.cifar:load_cifar100",
            needs=("files",),
            cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 100 classes",
            when="many classes with few pictures each; no licence stated",
            citation=TINY_IMAGES,
        ),
        Card(
            "cifar10_jpeg",
            "nextlabel.datasets.cifar10_jpeg:load",
            needs=("files", "pyarrow"),
            cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 10 classes",
            when="CIFAR-10 (JPEG), slightly lossy: where CIFAR-10 itself is not at hand; no licence stated",
            citation=TINY_IMAGES,
        ),
    ),
)
"""All data sets by name; ``DATASETS.create("digits")`` loads one."""
