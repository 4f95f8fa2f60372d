"""The shelf of data sets. A table of it loads no data; knows nothing of models and training."""

from __future__ import annotations

from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.registry import Card, Registry

__all__ = ["DATASETS"]

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
    ),
)
"""All data sets by name; ``DATASETS.create("digits")`` loads one."""
