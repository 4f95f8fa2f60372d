"""The learner of segmentation: a network with outputs for every pixel, masks by item, one row per item back.

The maps of a prediction are reduced while they stream and never pile up. Trains by means of a
:class:`TorchLearner`; knows nothing of cycles, strategies or budgets.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nextlabel.errors import ConfigurationError, ContractError, DataError, listed
from nextlabel.learners.torch import TorchLearner
from nextlabel.ledger.events import ItemId
from nextlabel.maths.overlap import confusion_matrix
from nextlabel.objectives.masked import Masked
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.training.augment import Augment
from nextlabel.training.batches import DeviceCache, sequential
from nextlabel.training.checkpoint import check_fits, part, read_json, read_tensors, write_json
from nextlabel.training.config import TrainingConfig
from nextlabel.training.device import Engine
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.pairs import IGNORED, RandomWindow, check_crop, mask_digests, paired, split
from nextlabel.training.pixels import PIXEL_FIELDS, PIXEL_MOVES, pixel_field
from nextlabel.training.preprocess import Normalise, Preparation
from nextlabel.training.randomness import isolated_rng
from nextlabel.training.setup import new_objective
from nextlabel.types import Forward, Objective, Outputs

__all__ = ["SEGMENTATION_FIELDS", "SegmentationLearner", "SegmentationMetrics"]

EXTRA = "extra:"

SEGMENTATION_FIELDS = PIXEL_FIELDS | {"has_previous"}
"""The extra fields of a segmentation learner."""

BEGINNING = "beginning.json"
"""Says whether a training run began with the weights of a cycle before it."""

# Huang et al., Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021, table of
# hyper-parameters, column Cityscapes; a drop of the learning rate is not named there.
TRAINING = TrainingConfig(
    epochs=40,
    batch_size=4,
    optimizer="adam",
    lr=5e-4,
    weight_decay=0.0,
    schedule="constant",
    predict_batch_size=8,
)


@dataclass(frozen=True, eq=False)
class SegmentationMetrics:
    """How a model's outputs compare with true masks.

    Attributes:
        confusion: (C, C) counts of pixels, true class by predicted class, over all items.
        losses: (N,) each item's mean cross-entropy over its pixels with a class, in nats.
        pixels: (N,) how many these are.
    """

    confusion: Int[Tensor, "classes classes"]
    losses: Float[Tensor, " items"]
    pixels: Int[Tensor, " items"]

    @property
    def loss(self) -> float:
        """The mean cross-entropy over all pixels with a class, in nats."""
        return float((self.losses.double() * self.pixels).sum() / self.pixels.sum())


class SegmentationLearner:
    """Train a network on images and masks, and reduce what it says of every pixel to one row per item.

    The labels that ``fit`` is given only say which items are labelled; what is learnt are their masks.
    Everything that :class:`TorchLearner` promises of fits holds: the same seed gives the same weights, a
    killed fit goes on, nothing is pickled.

    ``predict`` gives ``embeddings``, the mean features over positions, and extra fields over all pixels of an
    item: ``mean_entropy``, ``max_entropy``, ``mean_gini``, ``max_gini``, ``mean_margin``, and the moves
    ``mean_discrepancy`` (1/2 ||p - q||^2), ``mean_distance`` (||p - q||) and ``max_`` of both, where q are
    the probabilities under the weights that the last training began with: on a warm start those at the end of
    the previous cycle. For moves both models pass over the pool, side by side: two passes.
    ``has_previous`` is 1 where these weights are of a cycle before, and 0 after a first training. A cold
    start has neither.

    Args:
        model: A function that returns a module, or a module, as of :class:`TorchLearner`; a call maps (B,
            channels, height, width) to (B, C, height, width) raw outputs.
        masks: (height, width) class indices in [0, C) by item, 255 at pixels without a class; looked up when
            they are needed, so more may come while people label.
        classes: C.
        objective: ``"supervised"``, ``"tod"`` in its form ``paper``, or a function that returns an objective
            of classification without features of whole items.
        crop: Side in pixels of the random square window that is trained on, the same of image and mask;
            None trains on whole images. Predictions are of whole images.
        normalise: Mean and standard deviation of each channel, of images in [0, 1], or None.
        augment: ``"horizontal_flip"``, callables that treat all channels of a (B, channels, height, width)
            batch alike (the mask is one of them) and a generator, or a sequence of them, for training only.
        training: How the model is trained. The default is that of Huang et al., Semi-Supervised Active
            Learning with Temporal Output Discrepancy, ICCV 2021, for Cityscapes: Adam with lr 5e-4, 40
            epochs, batches of 4, no decay, here at a constant learning rate. ``predict_batch_size`` images of
            C classes and P pixels each take some 16 C P bytes.
        snapshots: As of :class:`TorchLearner`.
        options: Further options of :class:`TorchLearner`: ``epochs``, ``device``, ``warm_start``, ...

    Raises:
        ConfigurationError: An option is unknown or out of range, or the objective is not for pixels.
    """

    def __init__(
        self,
        model: Callable[[], nn.Module] | nn.Module,
        masks: Mapping[ItemId, NDArray[Any]],  # Any: whole numbers of any type
        *,
        classes: int,
        objective: str | Part | Callable[[], Objective] = "supervised",
        crop: int | None = None,
        normalise: Normalise | None = None,
        augment: Augment | Sequence[Augment] | None = None,
        training: TrainingConfig = TRAINING,
        snapshots: Sequence[str] = ("initial",),
        **options: Any,  # Any: as TorchLearner has them
    ) -> None:
        if crop is not None and crop < 1:
            raise ConfigurationError(f"crop must be at least 1 pixel, but is {crop}")
        if training.progressive_resize is not None:
            raise ConfigurationError(
                "progressive_resize must be left out of segmentation, as smaller images would blur masks, "
                f"got {training.progressive_resize}; use a smaller crop"
            )
        self.masks, self.classes, self.crop = masks, classes, crop
        self.preparation = Preparation.checked(normalise, channels_last=training.channels_last)
        self.learner = TorchLearner(
            model,
            objective=partial(masked, objective=objective, classes=classes),
            task="segmentation",
            augment=_augmentations(crop, augment),
            normalise=_of_pairs(self.preparation),
            training=training,
            snapshots=snapshots,
            **options,
        )  # fmt: skip
        self._folder: Path | None = None
        self._before: ModuleNetwork | None = None
        self._cache = DeviceCache()

    @property
    def warm_start(self) -> bool:
        """Whether a fit goes on from the weights that the last one left."""
        return self.learner.warm_start

    @property
    def progress(self) -> Callable[[int, int], None] | None:
        """A function of steps done and steps in all, called during ``fit``."""
        return self.learner.progress

    @progress.setter
    def progress(self, function: Callable[[int, int], None] | None) -> None:
        self.learner.progress = function

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train on the labelled images and their masks; return what :class:`TorchLearner` returns.

        Args:
            x: The L labelled images, (channels, height, width) bytes each.
            y: (L,) anything: what is learnt are the items' masks.
            unlabelled: The other images.
            seed: All randomness is derived from it.
            workdir: An existing folder for this training alone.

        Raises:
            LabelsError: A labelled item has no mask, or there is none.
            DataError: An image or mask cannot be used, or the folder holds another training.
            ConfigurationError: The images are smaller than the crop.
            ContractError: The model does not give C outputs for every pixel.
        """
        if len(x) and self.crop is not None:
            check_crop(self.crop, *np.shape(x[0])[-2:])
        continues = self.warm_start and self._folder is not None
        if read_json(workdir / BEGINNING) is None:  # a killed fit may be called again by another learner
            write_json(workdir / BEGINNING, {"continues": continues})
        metrics = self.learner.fit(
            paired(x, self.masks, self.classes),
            mask_digests(x, self.masks, self.classes),
            paired(unlabelled, None, self.classes),
            seed=seed,
            workdir=workdir,
        )
        self._folder, self._before = workdir, None
        return metrics

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Become the model that ``fit`` left in ``workdir``; see :meth:`TorchLearner.load`.

        Raises:
            DataError: The folder holds no such state, or a damaged one.
            ConfigurationError: The word means no snapshot, or the state does not fit the model.
        """
        self.learner.load(workdir, snapshot=snapshot)
        self._folder, self._before = workdir, None

    def reset(self) -> None:
        """Forget every training: the next fit starts from initial weights, also on a warm start."""
        self.learner.reset()
        self._folder = self._before = None

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return one row per item, of whole images, in evaluation mode and on the CPU.

        The maps of ``predict_batch_size`` images are there at a time, and none is kept.

        Args:
            x: The N images.
            needs: ``embeddings``, (N, D); ``extra:NAME`` with a name of :data:`SEGMENTATION_FIELDS`, (N,)
                each.
            seed: Only matters to data sets that draw while they load an item.

        Raises:
            ContractError: The model was not trained, or cannot give what is needed.
            DataError: There are no items, or the weights that the training began with were not kept.
        """
        network = self._checked(x, needs)
        names = sorted(need.removeprefix(EXTRA) for need in needs - {"embeddings"})
        before = self._network_before(network) if PIXEL_MOVES & set(names) else None
        continues = float(self._continues()) if "has_previous" in names else 0.0
        network.with_embeddings = "embeddings" in needs
        fields: dict[str, list[Tensor]] = {need: [] for need in needs}
        with closing(self._passes(paired(x, None, self.classes), (network, before), seed)) as passes:
            for _, forward, earlier in passes:
                now = forward.outputs.float().log_softmax(1)
                then = None if earlier is None else earlier.outputs.float().log_softmax(1)
                for name in names:
                    moved = now.new_full((len(now),), continues)
                    value = moved if name == "has_previous" else pixel_field(name, now, then)
                    fields[EXTRA + name].append(value.cpu())
                if forward.embeddings is not None:
                    fields["embeddings"].append(forward.embeddings.float().cpu())
        return Outputs.from_fields({need: torch.cat(parts) for need, parts in fields.items() if parts})

    def measure(self, x: Pool, masks: Mapping[ItemId, NDArray[Any]], *, seed: int) -> SegmentationMetrics:
        """Compare what the model says of whole images with true masks.

        Args:
            x: N images.
            masks: Their masks, as the learner's own.
            seed: Only matters to data sets that draw while they load an item.

        Raises:
            ContractError: The model was not trained.
            DataError: There are no items, or an image or mask cannot be used.
            LabelsError: An item has no mask.
        """
        network = self._checked(x, frozenset())
        network.with_embeddings = False
        confusion = torch.zeros(self.classes, self.classes, dtype=torch.int64)
        losses, pixels = [], []
        with closing(self._passes(paired(x, masks, self.classes), (network, None), seed)) as passes:
            for truth, forward, _ in passes:
                outputs = forward.outputs.float()
                confusion += confusion_matrix(outputs.argmax(1), truth, self.classes).cpu()
                lost = functional.cross_entropy(outputs, truth, ignore_index=IGNORED, reduction="none")
                known = (truth != IGNORED).sum((1, 2))
                losses.append((lost.sum((1, 2)) / known).cpu())
                pixels.append(known.cpu())
        return SegmentationMetrics(confusion, torch.cat(losses), torch.cat(pixels))

    def _passes(
        self, pairs: Pool, networks: tuple[ModuleNetwork, ModuleNetwork | None], seed: int
    ) -> Generator[tuple[Tensor, Forward, Forward | None], None, None]:
        """Yield every batch's class indices, and what both networks say of its images."""
        engine = Engine(self.learner.device, self.learner.training.mixed_precision)
        prepare = self.preparation.on(engine.device)
        now, before = (None if network is None else network.to(engine.device).eval() for network in networks)
        assert now is not None, "the first is the present one"
        batches = sequential(
            pairs,
            self.learner.training.predict_batch_size,
            seed,
            engine.device,
            self._cache,
            workers=self.learner.num_workers,
        )
        with isolated_rng(derive(seed, "predict"), engine.device), torch.no_grad():
            for batch in batches:
                images, truth = split(batch)
                inputs = prepare(images)
                with engine.autocast():
                    forwards = now(inputs), None if before is None else before(inputs)
                yield truth, *forwards

    def _checked(self, x: Pool, needs: frozenset[str]) -> ModuleNetwork:
        if len(x) == 0:
            raise DataError("predict needs at least one item, but the pool is empty")
        known = {"embeddings", *(EXTRA + name for name in SEGMENTATION_FIELDS)}
        for need in sorted(needs - known):
            given = listed(sorted(known), limit=20)
            raise ContractError(
                f"a SegmentationLearner gives one row per item ({given}), not '{need}'; choose a strategy "
                "that needs these, such as 'cod_segmentation', 'entropy_segmentation', 'core_set' or 'random'"
            )
        if not self.warm_start and {EXTRA + name for name in (*PIXEL_MOVES, "has_previous")} & needs:
            raise ContractError(
                "moves of pixels are since the end of the previous cycle, which a cold start forgets; use "
                "warm_start=True, or a strategy such as 'entropy_segmentation'"
            )
        network = self.learner.network
        if network is None:
            raise ContractError("predict needs a trained model, but there is none; call fit or load first")
        if "embeddings" in needs and not network.has_embeddings:
            raise ContractError(
                f"embeddings are needed, but {type(network.module).__name__} has no forward_features and "
                "forward_head as timm's models have; name a layer with embedding_layer="
            )
        return network

    def _continues(self) -> bool:
        """Return whether the present training began with the weights of a cycle before it."""
        beginning = None if self._folder is None else read_json(self._folder / BEGINNING)
        return bool(beginning and beginning["continues"])

    def _network_before(self, network: ModuleNetwork) -> ModuleNetwork:
        """Return a network with the weights that the present training began with."""
        if self._before is None:
            assert self._folder is not None, "the network comes from fit or load"
            tensors, _ = read_tensors(self._folder / "initial.safetensors")
            before, state = copy.deepcopy(network), part(tensors, "model")
            check_fits(before.module, state, what="the model")
            before.module.load_state_dict(state)
            before.with_embeddings = False
            self._before = before
        return self._before


def masked(*, objective: str | Part | Callable[[], Objective], classes: int) -> Masked:
    """Return an objective of classification, applied to every pixel."""
    return Masked(new_objective(objective, "classification"), split=split, classes=classes)


def _augmentations(crop: int | None, augment: Augment | Sequence[Augment] | None) -> list[Augment]:
    one = isinstance(augment, (str, Part)) or callable(augment)
    given: list[Any] = [] if augment is None else [augment] if one else list(augment)  # type: ignore[arg-type]
    if any(Part.parse(each).name == "random_crop" for each in given if isinstance(each, (str, Part))):
        raise ConfigurationError(
            "the augmentation 'random_crop' pads with zeros, which in a mask are a class; use crop= for "
            "random windows"
        )
    return [*([] if crop is None else [RandomWindow(crop)]), *given]


def _of_pairs(preparation: Preparation) -> Normalise | None:
    """Return the normalisation that leaves the mask, the last channel, as it is."""
    if preparation.mean is None or preparation.std is None:
        return None
    return (*preparation.mean, 0.0), (*preparation.std, 1.0)
