"""Segmentation: one class per pixel. In the ledger a label is a mask: a path, or a run-length string."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nextlabel.errors import ConfigurationError, DataError, LabelsError, UnknownNameError, brief
from nextlabel.ledger.events import ItemId, Label
from nextlabel.maths.masks import NO_CLASS, checked_mask
from nextlabel.maths.run_length import PREFIX, from_run_length, run_length
from nextlabel.registry import check_fields
from nextlabel.tasks.classification import class_names
from nextlabel.tasks.task import Meter, Metric, Targets, Task

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["IGNORED", "MOVES", "Masks", "Segmentation", "read_mask"]

IGNORED = -100
"""The class index of pixels without a class in tensors, which torch's cross-entropy leaves out."""

MOVES = frozenset({"mean_discrepancy", "max_discrepancy", "mean_distance", "max_distance"})
"""The fields that compare two states of a model."""


@dataclass(frozen=True)
class Segmentation(Task):
    """One class per pixel; a label is a mask, (height, width) class indices or the path of an image of them.

    The ledger keeps a mask file as its path, relative to ``root`` if it is below it, and any other mask as a
    run-length string. Masks are read and decoded one at a time, when needed. Methods raise the errors of
    :class:`~nextlabel.tasks.task.Task`.

    Attributes:
        classes: The names of the C classes, 2 to 255.
        ignored: What masks hold at pixels without a class; None if all pixels have one.
        root: The folder of relative paths; None for the working directory.
        stored: The number of each class in mask files, if it differs from the class index; all other numbers
            up to ``known`` are pixels without a class.
        known: The largest number that a file may hold, if ``stored`` is given.

    Raises:
        ConfigurationError: The class names are wrong, or ``ignored`` is a class index.

    >>> task = Segmentation(("ground", "cell"))
    >>> task.encode(np.array([[0, 1], [1, 1]]))
    'rle:2x2:0*1,1*3'
    """

    classes: tuple[str, ...] = ()
    ignored: int | None = NO_CLASS
    root: Path | str | None = None
    stored: tuple[int, ...] | None = None
    known: int = NO_CLASS

    name: ClassVar[str] = "segmentation"
    output: ClassVar[None] = None
    fields: ClassVar[frozenset[str]] = MOVES | {
        "mean_entropy", "max_entropy", "mean_gini", "max_gini", "mean_margin"
    }  # fmt: skip
    metric: ClassVar[Metric] = Metric("mean IoU")

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", class_names(self.classes))
        check_fields(self)
        if not 2 <= len(self.classes) <= NO_CLASS:
            raise ConfigurationError(
                f"segmentation must have 2 to {NO_CLASS} classes, got {len(self.classes)}; give "
                "Segmentation its classes"
            )
        if self.ignored is not None and 0 <= self.ignored < len(self.classes):
            raise ConfigurationError(
                f"ignored must not be a class index, got {self.ignored}, which is "
                f"'{self.classes[self.ignored]}'; choose a value such as {NO_CLASS}"
            )

    @property
    def width(self) -> int:
        """C."""
        return len(self.classes)

    def parse(self, text: str) -> Path | NDArray[np.uint8]:
        """Return the path of a mask that exists, or the mask of a run-length string."""
        if text.startswith(PREFIX):
            try:
                return from_run_length(text)
            except DataError as error:
                raise LabelsError(str(error)) from error
        path = self._path(text)
        if not path.is_file():
            raise LabelsError(f"mask not found: '{path}'; give the path of an image of class indices")
        return path

    def encode(self, value: Any) -> str:  # Any: whatever a user gives as a label
        """Return a path as text, relative to ``root`` if below it, and a mask as its run-length string."""
        if isinstance(value, (str, Path)):
            value = self.parse(str(value))
        if isinstance(value, Path):
            below = self.root is not None and value.is_relative_to(self.root)
            return (value.relative_to(self.root) if below and self.root else value).as_posix()
        try:
            return run_length(self._valid(np.asarray(value), ""))
        except DataError as error:
            raise LabelsError(str(error)) from error
        except (ValueError, RuntimeError) as error:  # rows of several lengths; a tensor with gradients
            raise LabelsError(f"a mask must be (height, width) whole numbers, got {brief(value)}") from error

    def decode(self, label: Label) -> NDArray[np.uint8]:
        """Return the (height, width) class indices, 255 at pixels without a class."""
        return self.mask(label, str(label)[:40])

    def mask(self, label: Label, item: ItemId) -> NDArray[np.uint8]:
        """Return the same as :meth:`decode`; messages name the item."""
        text = str(label)
        if text.startswith(PREFIX):
            return checked_mask(from_run_length(text), item, classes=self.width, ignored=NO_CLASS)
        mask = read_mask(self._path(text))
        if self.stored is not None:  # the class index of every number; no class for one that is not known
            table = np.full(256, NO_CLASS, dtype=np.uint8)
            table[self.known + 1 :] = NO_CLASS - 1
            table[list(self.stored)] = np.arange(len(self.stored), dtype=np.uint8)
            mask = table[mask]
        return self._valid(mask, item)

    def targets(self, labels: Mapping[ItemId, Label]) -> Masks:
        """Return N masks, each read and decoded when accessed."""
        return Masks(self, tuple(labels.items()))

    def check_split(self, shape: tuple[int, ...], dtype: np.dtype[Any], labels: Any, ids: Any) -> None:
        """Refuse images that are not uint8, and arrays of masks that do not fit them."""
        if len(shape) != 4 or dtype != np.uint8:
            raise DataError(f"images must be (channels, height, width) uint8, got {shape[1:]} of {dtype}")
        if not isinstance(labels, np.ndarray):
            return
        if labels.shape[1:] != shape[2:]:
            raise DataError(
                f"masks must have the height and width of their images, {shape[2:]}, got {labels.shape[1:]}"
            )
        for item, mask in zip(ids, labels, strict=True):
            self._valid(mask, item)

    def item_loss(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Return (B,) mean cross-entropies in nats of (B, C, height, width) raw outputs.

        The mean is over the pixels with a class.
        """
        return _pixel_losses(outputs, _truth(targets, outputs))[0]

    def meter(self) -> Meter:
        """Return a meter of ``mean IoU``, ``loss``, ``pixel_accuracy`` and ``class_iou`` over all pixels."""
        return _SegmentationMeter(self)

    def reduce(self, fields: Iterable[str], now: Tensor, before: Tensor | None = None) -> dict[str, Tensor]:
        """Return (B,) numbers by field, over all pixels: those without a class are not known yet.

        Args:
            fields: ``mean_`` or ``max_`` and the quantity of a pixel: ``discrepancy``, 1/2 ||p - q||^2 in
                [0, 1]; ``distance``, ||p - q|| in [0, sqrt(2)]; ``entropy`` in nats; ``gini``,
                1 - SUM_c p_c^2; ``margin``, the gap between the two largest p_c.
            now: (B, C, height, width) raw outputs, whose softmax is p.
            before: Those of an earlier state, q; only :data:`MOVES` need them.
        """
        log_probs = now.float().log_softmax(1)
        earlier = None if before is None else before.float().log_softmax(1)
        return {field: self._reduced(field, log_probs, earlier) for field in fields}

    def _reduced(self, field: str, now: Tensor, before: Tensor | None) -> Tensor:
        from nextlabel.discrepancy import output_discrepancy
        from nextlabel.maths.entropy import entropy, gini, margin

        if field not in self.fields:
            raise UnknownNameError("field of pixels", field, self.fields)
        aggregate, quantity = field.split("_")
        if field in MOVES:
            assert before is not None, "the caller passes it for MOVES"
            form: Literal["half_squared", "l2"] = "half_squared" if quantity == "discrepancy" else "l2"
            reduce: Literal["mean", "max"] = "mean" if aggregate == "mean" else "max"
            return output_discrepancy(now.exp(), before.exp(), form=form, reduce=reduce)
        log_probs_bpc = now.flatten(2).transpose(1, 2)
        values: Tensor = {"entropy": entropy, "gini": gini, "margin": margin}[quantity](log_probs_bpc)
        return values.mean(1) if aggregate == "mean" else values.amax(1)

    def corrupt(self, label: Label, rng: np.random.Generator) -> str:
        """Return the mask with every class replaced by another, all by the same uniform draw."""
        mask = self.decode(label)
        wrong = (mask.astype(np.int64) + 1 + rng.integers(self.width - 1)) % self.width
        return run_length(np.where(mask == NO_CLASS, NO_CLASS, wrong).astype(np.uint8))

    def _valid(self, mask: NDArray[Any], item: ItemId) -> NDArray[np.uint8]:
        ignored = NO_CLASS if self.stored is not None else self.ignored
        return checked_mask(mask, item, classes=self.width, ignored=ignored)

    def _path(self, text: str) -> Path:
        return Path(self.root or "", text)


class Masks(Sequence["NDArray[np.uint8]"]):
    """N masks that are decoded one at a time; a slice of them decodes none.

    Args:
        task: Their task.
        labels: The id and the label of each in the ledger's form.
    """

    def __init__(self, task: Segmentation, labels: tuple[tuple[ItemId, Label], ...]) -> None:
        self.task, self.labels = task, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: Any) -> Any:  # Any: an index gives a mask, a slice gives masks
        """Return a mask, (height, width) class indices, or the masks of a slice."""
        if isinstance(row, slice):
            return Masks(self.task, self.labels[row])
        item, label = self.labels[row]
        return self.task.mask(label, item)


class _SegmentationMeter:
    def __init__(self, task: Segmentation) -> None:
        self.task = task
        self.confusion: Any = 0  # Any: 0, then a tensor
        self.losses: list[tuple[Tensor, Tensor]] = []

    def update(self, outputs: Tensor, targets: Targets) -> None:
        from nextlabel.maths.overlap import confusion_matrix

        truth = _truth(targets, outputs)
        self.confusion += confusion_matrix(outputs.argmax(1), truth, self.task.width).cpu()
        losses, pixels = _pixel_losses(outputs, truth)
        self.losses.append((losses.cpu(), pixels.cpu()))

    def compute(self) -> dict[str, Any]:  # Any: JSON
        """Return the metrics; the overlap of a class that is neither labelled nor predicted is None."""
        import torch

        from nextlabel.maths.overlap import intersection_over_union, mean_iou, pixel_accuracy

        losses, pixels = map(torch.cat, zip(*self.losses, strict=True))
        overlap = intersection_over_union(self.confusion).tolist()
        classes = zip(self.task.classes, overlap, strict=True)
        return {
            self.task.metric.name: mean_iou(self.confusion),
            "loss": float((losses.double() * pixels).sum() / pixels.sum()),
            "pixel_accuracy": pixel_accuracy(self.confusion),
            "class_iou": {name: None if math.isnan(iou) else iou for name, iou in classes},
        }


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Return the (height, width) numbers of an image of one channel, grey or with a palette.

    Raises:
        DataError: The file is missing, damaged, or not an image of one uint8 channel.
    """
    from PIL import Image

    # what pillow was seen to raise for damaged files
    damaged = OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError
    try:
        with Image.open(path) as image:
            mask = np.asarray(image)
    except damaged as error:
        raise DataError(f"the image {path} cannot be read ({error}); fetch or copy it again") from error
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise DataError(
            f"a mask must be an image of one channel with a class index of 0 to 255 per pixel, got {path} "
            f"with shape {mask.shape} and type {mask.dtype}; convert it"
        )
    return mask


def _truth(targets: Targets, outputs: Tensor) -> Tensor:
    """Return (B, height, width) int64 class indices on the device of the outputs, IGNORED for no class."""
    import torch

    masks = [torch.from_numpy(np.asarray(mask)) for mask in targets]
    size = outputs.shape[-2:]
    if wrong := [tuple(mask.shape) for mask in masks if mask.shape != size]:
        raise DataError(f"a mask must have its image's height and width, {tuple(size)}, got {wrong[0]}")
    truth = torch.stack(masks).to(outputs.device).long()
    return torch.where(truth == NO_CLASS, IGNORED, truth)


def _pixel_losses(outputs: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (B,) mean cross-entropies over the pixels with a class, and how many these are."""
    from torch.nn.functional import cross_entropy

    lost = cross_entropy(outputs.float(), truth, ignore_index=IGNORED, reduction="none")
    pixels = (truth != IGNORED).sum((1, 2))
    return lost.sum((1, 2)) / pixels, pixels
