"""The learner of segmentation: a network with outputs for every pixel, masks by item, one row per item back.

The maps of a prediction are reduced while they stream and never pile up. Trains by means of a
:class:`TorchLearner`; knows nothing of cycles, strategies or budgets.
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

from nextlabel.errors import ConfigurationError, ContractError, DataError, LabelsError, listed
from nextlabel.learners.torch import TorchLearner
from nextlabel.objectives.masked import Masked
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.tasks.classification import Classification
from nextlabel.tasks.segmentation import MOVES, Segmentation
from nextlabel.training.batches import DeviceCache, sequential
from nextlabel.training.checkpoint import check_fits, part, read_json, read_tensors, write_json
from nextlabel.training.config import TrainingConfig
from nextlabel.training.device import Engine, isolated_rng
from nextlabel.training.fit import new_objective
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.pairs import RandomWindow, check_crop, mask_digests, paired, split
from nextlabel.training.preprocess import Augment, Normalise, Preparation
from nextlabel.types import Forward, Outputs

__all__ = ["SEGMENTATION_FIELDS", "SegmentationLearner"]

EXTRA = "extra:"

HAS_PREVIOUS = "has_previous"

SEGMENTATION_FIELDS = Segmentation.fields | {HAS_PREVIOUS}
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


class SegmentationLearner:
    """Train a network on images and masks, and reduce what it says of every pixel to one row per item.

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
        task: What a mask is; its C classes are the model's outputs.
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
        if crop is not None and crop < 1:
            raise ConfigurationError(f"crop must be at least 1 pixel, but is {crop}")
        if training.progressive_resize is not None:
            raise ConfigurationError(
                "progressive_resize must be left out of segmentation, as smaller images would blur masks, "
                f"got {training.progressive_resize}; use a smaller crop"
            )
        self.task, self.crop = task, crop
        self.preparation = Preparation.checked(normalise, channels_last=training.channels_last)
        self.learner = TorchLearner(
            model,
            objective=partial(masked, objective=objective, classes=task.width),
            task=task,
            augment=_augmentations(crop, augment),
            normalise=_of_pairs(self.preparation),
            training=training,
            snapshots=snapshots,
            **options,
        )  # fmt: skip
        self.warm_start = self.learner.warm_start
        self._folder: Path | None = None
        self._before: ModuleNetwork | None = None
        self._cache = DeviceCache()

    @property
    def progress(self) -> Progress | None:
        """Called during ``fit``, or None."""
        return self.learner.progress

    @progress.setter
    def progress(self, function: Progress | None) -> None:
        self.learner.progress = function

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
                taken when it is needed.
            unlabelled: The other images.
            seed: All randomness is derived from it.
            workdir: An existing folder for this training alone.

        Raises:
            LabelsError: There is no labelled item, or not one mask per item.
            DataError: An image or mask cannot be used, or the folder holds another training.
            ConfigurationError: The images are smaller than the crop.
            ContractError: The model does not give C outputs for every pixel.
        """
        if len(y) != len(x):
            raise LabelsError(f"expected one mask per labelled item, {len(x)}, but got {len(y)}")
        if len(x) and self.crop is not None:
            check_crop(self.crop, *np.shape(x[0])[-2:])
        continues = self.warm_start and self._folder is not None
        if read_json(workdir / BEGINNING) is None:  # a killed fit may be called again by another learner
            write_json(workdir / BEGINNING, {"continues": continues})
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
        before = self._network_before(network) if MOVES & set(names) else None
        continues = float(self._continues()) if HAS_PREVIOUS in names else 0.0
        network.with_embeddings = "embeddings" in needs
        fields: dict[str, list[Tensor]] = {need: [] for need in needs}
        reducible = self.task.fields.intersection(names)
        with closing(self._passes(x, (network, before), seed)) as passes:
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

        Args:
            x: N images.
            seed: Only matters to data sets that draw while they load an item.

        Raises:
            ContractError: The model was not trained.
            DataError: There are no items, or an image cannot be used.
        """
        network = self._checked(x, frozenset())
        network.with_embeddings = False
        with closing(self._passes(x, (network, None), seed)) as passes:
            for forward, _ in passes:
                yield forward.outputs.float()

    def _passes(
        self, x: Pool, networks: tuple[ModuleNetwork, ModuleNetwork | None], seed: int
    ) -> Generator[tuple[Forward, Forward | None], None, None]:
        """Yield what both networks say of every batch of images."""
        pairs = paired(x, None, self.task.width)
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
                inputs = prepare(split(batch)[0])
                with engine.autocast():
                    forwards = now(inputs), None if before is None else before(inputs)
                yield forwards

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
        if not self.warm_start and {EXTRA + name for name in (*MOVES, "has_previous")} & needs:
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


def masked(*, objective: str | Part | Callable[[], nn.Module], classes: int) -> Masked:
    """Return an objective of classification, applied to every pixel."""
    return Masked(new_objective(objective, Classification()), split=split, classes=classes)


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
