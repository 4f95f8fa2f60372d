"""The registry of data sets. A table of it loads no data; knows nothing of models and training."""

from __future__ import annotations

from collections.abc import Callable

from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.datasets.reduction import reducible
from nextlabel.registry import Card, Registry

__all__ = ["DATASETS"]

TINY_IMAGES = "A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"


class _Datasets(Registry[BenchmarkDataset]):
    """The data sets; every one takes the options of :func:`~nextlabel.datasets.reduction.reduced`."""

    def factory(self, name: str) -> Callable[..., BenchmarkDataset]:
        return reducible(super().factory(name))


DATASETS = _Datasets(
    "data set",
    "nextlabel.datasets",
    (
        Card(
            "digits",
            "nextlabel.datasets.digits:load",
            needs=("scikit-learn",),
            cost="1,437 to label, 360 to test; 1 x 8 x 8 grey, 10 classes",
            use_when="first trials: a fit takes under a second; ships with scikit-learn",
            citation="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, "
            "UCI Machine Learning Repository, 1998",
        ),
        Card(
            "animals",
            "nextlabel.datasets.animals:load",
            cost="7,716 to label, 2,000 to test; 1 x 28 x 28 grey, 10 classes",
            use_when="images that want a convolutional network; ships with nextlabel",
            citation="S. Mohammadi, animal-mnist 0.4 (Animal-Shape), Python package, 2025",
        ),
        Card(
            "cifar10",
            "nextlabel.datasets.cifar:load_cifar10",
            needs=("files",),
            cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 10 classes",
            use_when="the first benchmark of the TOD papers; no licence stated",
            citation=TINY_IMAGES,
        ),
        Card(
            "cifar100",
            "nextlabel.datasets.cifar:load_cifar100",
            needs=("files",),
            cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 100 classes",
            use_when="many classes with few images each; no licence stated",
            citation=TINY_IMAGES,
        ),
        Card(
            "cifar10_jpeg",
            "nextlabel.datasets.cifar10_jpeg:load",
            needs=("files", "pyarrow"),
            cost="50,000 to label, 10,000 to test; 3 x 32 x 32 colour, 10 classes",
            use_when="CIFAR-10 (JPEG), slightly lossy: where CIFAR-10 itself is not at hand; no licence "
            "stated",
            citation=TINY_IMAGES,
        ),
        Card(
            "svhn",
            "nextlabel.datasets.svhn:load",
            needs=("files",),
            cost="73,257 to label, 26,032 to test; 3 x 32 x 32 colour, 10 classes",
            use_when="digits in colour, of unequal number; for non-commercial use only",
            citation="Netzer, Wang, Coates, Bissacco, Wu, Ng. Reading Digits in Natural Images with "
            "Unsupervised Feature Learning. NIPS Workshop 2011",
        ),
        Card(
            "fashion_mnist",
            "nextlabel.datasets.fashion_mnist:load",
            needs=("files",),
            cost="60,000 to label, 10,000 to test; 1 x 28 x 28 grey, 10 classes",
            use_when="many small grey images that are harder than digits; MIT",
            citation="Xiao, Rasul, Vollgraf. Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
            "Learning Algorithms. arXiv 1708.07747, 2017",
        ),
        Card(
            "stl10",
            "nextlabel.datasets.stl10:load",
            needs=("files",),
            cost="5,000 to label, 8,000 to test; 3 x 96 x 96 colour, 10 classes",
            use_when="few labels on larger images; no licence stated",
            citation="Coates, Lee, Ng. An Analysis of Single-Layer Networks in Unsupervised Feature "
            "Learning. AISTATS 2011",
        ),
        Card(
            "caltech101",
            "nextlabel.datasets.caltech101:load",
            needs=("files",),
            cost="7,766 to label, 911 to test; 3 x 224 x 224 colour, 101 classes",
            use_when="large images of classes of very unequal size, read one by one; CC BY 4.0",
            citation="Fei-Fei, Fergus, Perona. Learning Generative Visual Models from Few Training Examples. "
            "CVPR Workshop 2004",
        ),
        Card(
            "image_folder",
            "nextlabel.datasets.image_folder:load",
            needs=("files",),
            cost="as many as there are; 3 x size x size colour",
            use_when="your own images in one folder per class, read one by one",
        ),
        Card(
            "nuclei",
            "nextlabel.datasets.nuclei:load",
            needs=("files",),
            cost="500 to label, 164 to test; 3 x 128 x 128 colours, masks of 2 classes",
            use_when="segmentation on a CPU; its file is to be laid out by hand",
            citation="J. C. Caicedo and others, Nucleus Segmentation across Imaging Experiments: the 2018 "
            "Data Science Bowl, Nature Methods, 2019",
        ),
        Card(
            "cityscapes",
            "nextlabel.datasets.cityscapes:load",
            needs=("files",),
            cost="2,975 to label, 500 to test; 3 x 1,024 x 2,048 colours, masks of 19 classes",
            use_when="segmentation on a GPU, as in the TOD papers; registration is needed to fetch it",
            citation="M. Cordts and others, The Cityscapes Dataset for Semantic Urban Scene Understanding, "
            "CVPR 2016",
        ),
        Card(
            "mask_folder",
            "nextlabel.datasets.mask_folder:load",
            needs=("files",),
            cost="a fifth to test; images of one size, masks as PNG files of class indices",
            use_when="segmentation of your own images: folders images and masks, option classes",
        ),
    ),
)
"""All data sets by name; ``DATASETS.create("digits")`` loads one."""
