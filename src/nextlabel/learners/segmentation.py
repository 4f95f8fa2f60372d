"""The learner of segmentation: a network with outputs for every pixel, trained on masks.

Predictions are reduced to one row per item while they stream, so maps never pile up.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nextlabel.errors import ConfigurationError, ContractError, LabelsError, listed
from nextlabel.learners.torch import TorchLearner
from nextlabel.objectives.masked import Masked
from nextlabel.parts import Part, check_whole
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.tasks.catalogue import as_task
from nextlabel.tasks.classification import Classification
from nextlabel.tasks.segmentation import MOVES, Segmentation
from nextlabel.training.batches import DeviceCache, sequential
from nextlabel.training.checkpoint import load_state, part, read_json, read_tensors, write_json
from nextlabel.training.config import TrainingConfig, check_option, check_training
from nextlabel.training.device import Engine, isolated_rng
from nextlabel.training.fit import new_objective
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.pairs import RandomWindow, check_crop, mask_digests, paired, split
from nextlabel.training.predict import check_embeddings, trained_model
from nextlabel.training.preprocess import Augment, Normalise, Preparation, listed_augmentations
from nextlabel.types import EXTRA, Forward, Outputs

__all__ = ["SEGMENTATION_FIELDS", "SegmentationLearner"]

HAS_PREVIOUS = "has_previous"

SEGMENTATION_FIELDS = Segmentation.fields | {HAS_PREVIOUS}
"""The extra fields of a segmentation learner."""

BEGINNING = "beginning.json"
"""Records whether a fit started from the weights of the previous cycle."""

# Huang et al., Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021, table of
# hyper-parameters, column Cityscapes; it names no drop of the learning rate.
TRAINING = TrainingConfig(
    epochs=40,
    batch_size=4,
    optimizer="adam",
    lr=5e-4,
    weight_decay=0.0,
    schedule="constant",
    predict_batch_size=8,
)


class SegmentationLearner:
    """Train a network on images and masks, and reduce its outputs for every pixel to one row per item.

    A fit has all properties of :meth:`TorchLearner.fit`: the same seed gives the same weights, a killed fit
    continues, nothing is pickled.

    ``predict`` gives ``embeddings``, the mean features over positions, and extra fields over all pixels of an
    item: ``mean_entropy``, ``max_entropy``, ``mean_gini``, ``max_gini``, ``mean_margin``, and the moves
    ``mean_discrepancy`` (1/2 ||p - q||^2), ``mean_distance`` (||p - q||) and ``max_`` of both, where q are
    the probabilities under the weights that the last fit started from: on a warm start those at the end of
    the previous cycle. Moves take two passes over the pool, one per model. ``has_previous`` is 1 if these
    weights are of a previous cycle, and 0 after the first fit. A cold start gives neither.

    Args:
        model: A function that returns a module, or a module, as of :class:`TorchLearner`; a call maps (B,
            channels, height, width) to (B, C, height, width) raw outputs.
        task: Defines the C classes, which are the model's outputs.
        objective: ``"supervised"``, ``"tod"`` in its form ``paper``, or a function that returns an objective
            of classification without features of whole items.
        crop: Side in pixels of the random square window of image and mask that is trained on; None trains on
            whole images. Predictions are of whole images.
        normalise: Mean and standard deviation of each channel, of images in [0, 1], or None.
        augment: For training only: ``"horizontal_flip"``, or callables of a generator and a (B, channels,
            height, width) batch that treat all channels alike (the mask is one), or a sequence of them.
        training: How the model is trained. The default is that of Huang et al., Semi-Supervised Active
            Learning with Temporal Output Discrepancy, ICCV 2021, for Cityscapes: Adam with lr 5e-4, 40
            epochs, batches of 4, no decay, at a constant learning rate. ``predict_batch_size`` images of C
            classes and P pixels take about 16 C P bytes each.
        snapshots: As of :class:`TorchLearner`.
        options: Further options of :class:`TorchLearner`: ``epochs``, ``device``, ``warm_start``, ...

    Attributes:
        progress: Called during ``fit``, or None.

    Raises:
        ConfigurationError: An option is unknown or out of range, or the objective is not for pixels.
    """

    def __init__(
        self,
        model: Callable[[], nn.Module] | nn.Module,
        task: Segmentation,
        *,
        objective: str | Part | Callable[[], nn.Module] = "supervised",
        crop: int | None = None,
        normalise: Normalise | None = None,
        augment: Augment | Sequence[Augment] | None = None,
        training: TrainingConfig = TRAINING,
        snapshots: Sequence[str] = ("initial",),
        **options: Any,  # Any: as TorchLearner has them
    ) -> None:
        masks = as_task(task).output is None
        check_option("task", task, masks, "one of masks", "use Segmentation(('ground', 'cell'))")
        if crop is not None:
            check_whole("crop", crop, 1)
        check_training(training)
        sizes, wanted = training.progressive_resize, "left out of segmentation, as smaller images blur masks"
        check_option("progressive_resize", sizes, sizes is None, wanted, "use a smaller crop")
        self.task, self.crop = task, crop
        self.preparation = Preparation.checked(normalise, channels_last=training.channels_last)
        scale = self.preparation.normalise
        self.learner = TorchLearner(
            model,
            objective=partial(masked, objective=objective, classes=task.width),
            task=task,
            augment=_augmentations(crop, augment),
            # the mask, the last channel, stays as it is
            normalise=None if scale is None else ((*scale[0], 0.0), (*scale[1], 1.0)),
            training=training,
            snapshots=snapshots,
            **options,
        )
        self.warm_start, self.snapshots = self.learner.warm_start, self.learner.snapshots
        self.progress: Progress | None = None
        self._folder: Path | None = None
        self._before: ModuleNetwork | None = None
        self._cache = DeviceCache()

    def fit(
        self,
        x: Pool,
        y: Sequence[NDArray[Any]],  # Any: whole numbers of any type
        unlabelled: Pool,
        *,
        seed: int,
        workdir: Path,
    ) -> dict[str, float]:
        """Train on the labelled images and their masks; return what :class:`TorchLearner` returns.

        Args:
            x: The L labelled images, (channels, height, width) bytes each.
            y: Their L masks, (height, width) class indices in [0, C), 255 at pixels without a class; each is
                read when it is needed.
            unlabelled: The other images.
            seed: All randomness is derived from it.
            workdir: An existing folder for this fit only.

        Raises:
            LabelsError: There is no labelled item, or not one mask per item.
            DataError: An image or mask cannot be used, or the folder holds another fit.
            ConfigurationError: The images are smaller than the crop.
            ContractError: The model does not give C outputs for every pixel.
        """
        if len(y) != len(x):
            raise LabelsError(f"y must be one mask per labelled item, {len(x)}, got {len(y)}; add masks")
        if len(x) and self.crop is not None:
            check_crop(self.crop, *np.shape(x[0])[-2:])
        if read_json(workdir / BEGINNING) is None:  # a killed fit may be called again by another learner
            continues = self.warm_start and self._folder is not None
            write_json(workdir / BEGINNING, {"continues": continues})
        self.learner.progress = self.progress
        metrics = self.learner.fit(
            paired(x, y, self.task.width),
            mask_digests(x, y, self.task.width),
            paired(unlabelled, None, self.task.width),
            seed=seed,
            workdir=workdir,
        )
        self._folder, self._before = workdir, None
        return metrics

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Load the model that ``fit`` left in ``workdir``; see :meth:`TorchLearner.load`."""
        self.learner.load(workdir, snapshot=snapshot)
        self._folder, self._before = workdir, None

    def reset(self) -> None:
        """Forget every fit: the next one starts from initial weights, also on a warm start."""
        self.learner.reset()
        self._folder = self._before = None

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return one row per item, of whole images, in evaluation mode and on the CPU.

        Only the maps of ``predict_batch_size`` images are in memory at a time.

        Args:
            x: The N images.
            needs: ``embeddings``, (N, D); ``extra:NAME`` with a name of :data:`SEGMENTATION_FIELDS`, (N,)
                each.
            seed: Only matters to data sets that draw while they load an item.

        Raises:
            ContractError: The model was not trained, or cannot give what is needed.
            DataError: There are no items, or the weights that the fit started from were not kept.
        """
        network = self._checked(x, needs)
        names = sorted(need.removeprefix(EXTRA) for need in needs - {"embeddings"})
        before = self._network_before(network) if MOVES & set(names) else None
        continues = 0.0
        if HAS_PREVIOUS in names and self._folder is not None:
            continues = float((read_json(self._folder / BEGINNING) or {}).get("continues", False))
        network.with_embeddings = "embeddings" in needs
        fields: dict[str, list[Tensor]] = {need: [] for need in needs}
        reducible = self.task.fields.intersection(names)
        with closing(self._passes(x, network, before, seed)) as passes:
            for forward, earlier in passes:
                now, then = forward.outputs, None if earlier is None else earlier.outputs
                for name, value in self.task.reduce(reducible, now, then).items():
                    fields[EXTRA + name].append(value.cpu())
                if HAS_PREVIOUS in names:
                    fields[EXTRA + HAS_PREVIOUS].append(torch.full((len(now),), continues))
                if forward.embeddings is not None:
                    fields["embeddings"].append(forward.embeddings.float().cpu())
        return Outputs.from_fields({need: torch.cat(parts) for need, parts in fields.items() if parts})

    def stream(self, x: Pool, *, seed: int) -> Iterator[Tensor]:
        """Yield (B, C, height, width) raw outputs of whole images, batch by batch in the pool's order.

        Arguments and errors are those of :meth:`predict`.
        """
        network = self._checked(x, frozenset())
        network.with_embeddings = False
        with closing(self._passes(x, network, None, seed)) as passes:
            for forward, _ in passes:
                yield forward.outputs.float()

    def _passes(
        self, x: Pool, now: ModuleNetwork, before: ModuleNetwork | None, seed: int
    ) -> Generator[tuple[Forward, Forward | None], None, None]:
        """Yield the outputs of both networks for every batch of images."""
        training, workers = self.learner.training, self.learner.num_workers
        engine = Engine(self.learner.device, training.mixed_precision)
        device, prepare = engine.device, self.preparation.on(engine.device)
        for network in (now, before):
            if network is not None:
                network.to(device).eval()
        pairs, size = paired(x, None, self.task.width), training.predict_batch_size
        batches = sequential(pairs, size, seed, device, self._cache, workers=workers)
        with isolated_rng(derive(seed, "predict"), device), torch.no_grad():
            for batch in batches:
                inputs = prepare(split(batch)[0])
                with engine.autocast():
                    forwards = now(inputs), None if before is None else before(inputs)
                yield forwards

    def _checked(self, x: Pool, needs: frozenset[str]) -> ModuleNetwork:
        """Return the trained network, if it can give what is needed for these items."""
        known = {"embeddings", *(EXTRA + name for name in SEGMENTATION_FIELDS)}
        for need in sorted(needs - known):
            raise ContractError(
                f"a SegmentationLearner gives one row per item ({listed(sorted(known), limit=20)}), not "
                f"'{need}'; choose a strategy that needs these, such as 'cod_segmentation', "
                "'entropy_segmentation', 'core_set' or 'random'"
            )
        if not self.warm_start and {EXTRA + name for name in (*MOVES, HAS_PREVIOUS)} & needs:
            raise ContractError(
                "moves of pixels are measured from the end of the previous cycle, which a cold start "
                "forgets; use warm_start=True, or a strategy such as 'entropy_segmentation'"
            )
        network = trained_model(self.learner.network, x)
        check_embeddings(needs, network)
        return network

    def _network_before(self, network: ModuleNetwork) -> ModuleNetwork:
        """Return a network with the weights that the last fit started from."""
        if self._before is None:
            assert self._folder is not None, "the network comes from fit or load"
            tensors, _ = read_tensors(self._folder / "initial.safetensors")
            self._before = copy.deepcopy(network)
            load_state(self._before.module, part(tensors, "model"), what="the model")
            self._before.with_embeddings = False
        return self._before


def masked(*, objective: str | Part | Callable[[], nn.Module], classes: int) -> Masked:
    """Return an objective of classification, applied to every pixel."""
    return Masked(new_objective(objective, Classification()), split=split, classes=classes)


def _augmentations(crop: int | None, augment: Augment | Sequence[Augment] | None) -> list[Augment]:
    given = listed_augmentations(augment)
    if any(Part.parse(each).name == "random_crop" for each in given if isinstance(each, (str, Part))):
        raise ConfigurationError(
            "augment must leave masks alone, got 'random_crop', which pads with zeros, a class in masks; use "
            "crop= for random windows"
        )
    return [*([] if crop is None else [RandomWindow(crop)]), *given]
