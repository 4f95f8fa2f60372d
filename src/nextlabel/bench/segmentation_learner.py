"""From a cell's settings to the learner of a segmentation data set."""

from __future__ import annotations

from nextlabel.bench.cell import Cell
from nextlabel.bench.model import for_device, model_functions
from nextlabel.datasets.segmentation_data import SegmentationData
from nextlabel.errors import ConfigurationError, listed
from nextlabel.learners.segmentation import SEGMENTATION_FIELDS, TRAINING, SegmentationLearner
from nextlabel.training.config import split_options
from nextlabel.training.pixels import PIXEL_MOVES

__all__ = ["make_segmentation_learner"]


def make_segmentation_learner(
    cell: Cell, data: SegmentationData, needs: frozenset[str]
) -> SegmentationLearner:
    """Return the untrained learner of a cell.

    Args:
        cell: The cell.
        data: Its data set.
        needs: What the cell's strategy needs.

    Raises:
        ConfigurationError: A setting cannot be used, or is not for segmentation.
    """
    _check(cell, needs)
    options = for_device(dict(cell.learner), cell.device)
    options.pop("wrappers", None)
    new_model, untrained = model_functions(
        options.pop("model"), data, random=options.pop("untrained_weights", None) == "random"
    )
    training, options = split_options(options, base=TRAINING)
    compares = any(f"extra:{move}" in needs for move in PIXEL_MOVES)
    return SegmentationLearner(
        new_model,
        data.masks_by_id,
        classes=len(data.classes),
        objective=cell.objective,
        device=cell.device,
        snapshots=("initial",) if compares else (),
        untrained_model=untrained,
        training=training,
        **options,
    )


def _check(cell: Cell, needs: frozenset[str]) -> None:
    known = {
        "embeddings",
        "labelled_embeddings",
        "labels",
        *(f"extra:{name}" for name in SEGMENTATION_FIELDS),
    }
    if foreign := sorted(needs - known):
        raise ConfigurationError(
            f"the strategy '{cell.strategy}' needs {listed(foreign)}, which segmentation does not give; use "
            "cod_segmentation, entropy_segmentation, margin_segmentation, core_set or random"
        )
    if not cell.learner.get("warm_start", True) and any(f"extra:{move}" in needs for move in PIXEL_MOVES):
        raise ConfigurationError(
            f"the strategy '{cell.strategy}' compares a model with that of the cycle before, which a cold "
            "start forgets; use learner.warm_start=true"
        )
    unfit = {
        "diagnostics": bool(cell.diagnostics),
        "label_noise": bool(cell.label_noise),
        "learner.wrappers": bool(cell.learner.get("wrappers")),
        "learner.score_augmented": bool(cell.learner.get("score_augmented")),
    }
    for setting, given in unfit.items():
        if given:
            raise ConfigurationError(
                f"the setting '{setting}' is not for segmentation, but '{cell.dataset.name}' has masks; "
                "leave it out"
            )
