"""From a cell's settings to its campaign: the model, its training, and what a strategy trains next to it.

A strategy's needs decide the wrappers: a module that predicts losses trains with the objective, VAAL's
autoencoder and discriminator after it, draws come from dropout or from an ensemble. The model whose accuracy
is reported is the same, bit for bit, with and without wrappers, but for dropout, which the model must have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nextlabel.adapters import as_objective
from nextlabel.bench.cell import Cell
from nextlabel.bench.diagnostics import diagnostics_needs, make_scorers
from nextlabel.bench.model import Options, for_device, model_functions
from nextlabel.campaign.campaign import Campaign, Query
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.errors import ConfigurationError, listed
from nextlabel.learners.segmentation import SEGMENTATION_FIELDS, TRAINING, SegmentationLearner
from nextlabel.learners.torch import TorchLearner
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.parts import Part
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.registry import Card, Registry
from nextlabel.snapshots import kept_snapshots
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.tasks.segmentation import MOVES, Segmentation
from nextlabel.training.config import split_options
from nextlabel.types import Learner, Wrapper

__all__ = [
    "DROPOUT",
    "WRAPPERS",
    "main_learner",
    "make_campaign",
    "make_learner",
    "needs_of",
]

WRAPPERS: Registry[Learner] = Registry(
    "wrapper",
    "nextlabel.wrappers",
    (
        Card("vaal", "nextlabel.learners.vaal:Vaal", needs=("extra:labelled_probability",)),
        Card("ta_vaal", "nextlabel.learners.vaal:ta_vaal", needs=("extra:task_labelled_probability",)),
        Card("mc_dropout", "nextlabel.learners.mc_dropout:McDropout", needs=("draws:dropout",)),
        Card("ensemble", "nextlabel.learners.ensemble:Ensemble", needs=("draws:ensemble",)),
    ),
)
"""The learners that go round a TorchLearner, each with the needs of strategies that it answers."""

LOSS_MODULE = "learning_loss"
"""The objective that trains a module to predict losses, and the name of its options in settings."""

DROPOUT = 0.5
"""Of the layer before the head, where MC dropout needs one and the model's options name none.

Srivastava et al., Dropout, JMLR 2014: close to optimal for hidden units over a wide range of networks.
"""


def make_learner(cell: Cell, data: BenchmarkDataset, *, more_needs: frozenset[str] = frozenset()) -> Learner:
    """Return the untrained learner of a cell.

    Args:
        cell: The cell.
        data: Its data set.
        more_needs: What it shall be able to give besides what the cell's strategies need.

    Raises:
        ConfigurationError: A setting of the model, its training or its wrappers cannot be used.
    """
    needs = needs_of(cell) | more_needs
    if data.task.output is None:
        return _reducing_learner(cell, data, needs)
    options = dict(cell.learner)
    _check_kept_whole(cell, needs)
    wrappers = {part.name: part for part in options.pop("wrappers", ())}
    _check_wrappers(wrappers)
    model: Part = options.pop("model")
    if "draws:dropout" in needs and "dropout" not in model.options:
        model = model.with_options({"dropout": DROPOUT})
    new_model, untrained = model_functions(
        model, data, random=options.pop("untrained_weights", None) == "random"
    )
    needed = [card.name for card in WRAPPERS if needs.intersection(card.needs)]
    if len(needed) > 1:
        raise ConfigurationError(
            f"a run can use one learner wrapper, but its strategies need {len(needed)} ({listed(needed)}); "
            "run them separately"
        )
    training, others = split_options(for_device(options, cell.device))
    learner = TorchLearner(
        new_model,
        task=data.task,
        objective=_objective(cell, needs, wrappers.get(LOSS_MODULE)),
        device=cell.device,
        snapshots=kept_snapshots(needs),
        untrained_model=untrained,
        training=training,
        **others,
    )
    if not needed:
        return learner
    return WRAPPERS.factory(needed[0])(learner, **wrappers.get(needed[0], Part(needed[0])).options)


def make_campaign(
    cell: Cell,
    data: BenchmarkDataset,
    learner: Learner,
    folder: Path,
    *,
    evaluate: Callable[[Learner], Mapping[str, Any]],  # Any: JSON
    on_query: Callable[[Query], Mapping[str, Any]],  # Any: JSON
    progress: Progress,
) -> Campaign:
    """Return the campaign of a cell, begun or opened again; the rest is as of :class:`Campaign`.

    Args:
        cell: The cell.
        data: Its data set.
        learner: Its learner.
        folder: Where to keep it.
        evaluate: See there, and so are the next two.
        on_query: See there.
        progress: See there.
    """
    return Campaign(
        folder,
        Pool(data.pool.x, data.pool.ids),
        learner,
        "random" if cell.is_reference else cell.strategy,  # a reference asks nothing
        batch_size=cell.batch_size,
        initial_size=cell.initial_size,
        candidate_size=cell.candidate_size,
        task=data.task,
        seed=cell.seed,
        evaluate=evaluate,
        on_query=on_query,
        progress=progress,
    )


def needs_of(cell: Cell) -> frozenset[str]:
    """Return what the cell's strategy and those of its diagnostics need together."""
    if cell.is_reference:
        return frozenset()
    return STRATEGIES.create(cell.strategy).needs | diagnostics_needs(make_scorers(cell.diagnostics))


def main_learner(learner: Learner) -> Learner:
    """Return the learner whose accuracy is reported: what others wrap, or the learner itself."""
    return learner.main if isinstance(learner, Wrapper) else learner


def _objective(cell: Cell, needs: frozenset[str], module: Part | None) -> Part:
    """Return the objective, with a loss module next to it where a strategy needs one.

    The module sees detached features throughout, so the model trains as it would without. TA-VAAL's ranks by
    cross-entropy.
    """
    needed = {"extra:predicted_loss", "extra:task_labelled_probability"} & needs
    if not needed or "predicted_loss" in as_objective(OBJECTIVES.create(cell.objective)).extra_fields:
        return cell.objective
    options: Options = {"detach_after": 0.0}
    if "extra:task_labelled_probability" in needs:
        options["rank"] = "bce"
    return Part(LOSS_MODULE, {**options, **(module.options if module else {})}, (cell.objective,))


def _reducing_learner(cell: Cell, data: BenchmarkDataset, needs: frozenset[str]) -> SegmentationLearner:
    """Return the learner of a task whose outputs are reduced while they stream."""
    task = data.task
    assert isinstance(task, Segmentation), "no other task has a learner that reduces"
    _check_reduced(cell, needs)
    options = for_device(dict(cell.learner), cell.device)
    options.pop("wrappers", None)
    new_model, untrained = model_functions(
        options.pop("model"), data, random=options.pop("untrained_weights", None) == "random"
    )
    training, others = split_options(options, base=TRAINING)
    compares = any(f"extra:{move}" in needs for move in MOVES)
    return SegmentationLearner(
        new_model,
        task,
        objective=cell.objective,
        training=training,
        device=cell.device,
        snapshots=("initial",) if compares else (),
        untrained_model=untrained,
        **others,
    )


def _check_reduced(cell: Cell, needs: frozenset[str]) -> None:
    known = {"embeddings", "labelled_embeddings", *(f"extra:{name}" for name in SEGMENTATION_FIELDS)}
    if foreign := sorted(needs - known):
        raise ConfigurationError(
            f"the strategy '{cell.strategy.name}' needs {listed(foreign)}, which segmentation does not give; "
            "use cod_segmentation, entropy_segmentation, margin_segmentation, core_set or random"
        )
    if not cell.learner.get("warm_start", True) and any(f"extra:{move}" in needs for move in MOVES):
        raise ConfigurationError(
            f"the strategy '{cell.strategy}' compares a model with that of the cycle before, which a cold "
            "start forgets; use learner.warm_start=true"
        )
    for setting in ("wrappers", "score_augmented"):
        if cell.learner.get(setting):
            raise ConfigurationError(
                f"the setting 'learner.{setting}' is not for segmentation, but '{cell.dataset.name}' has "
                "masks; leave it out"
            )


def _check_kept_whole(cell: Cell, needs: frozenset[str]) -> None:
    if foreign := sorted(needs & {f"extra:{name}" for name in SEGMENTATION_FIELDS}):
        names = [part.name for part in (cell.strategy, *cell.diagnostics)]
        asking = next((name for name in names if set(foreign) & set(STRATEGIES.card(name).needs)), names[0])
        raise ConfigurationError(
            f"the strategy '{asking}' needs {listed(foreign)}, which only segmentation gives, but "
            f"'{cell.dataset.name}' has one class per item; "
            f"{STRATEGIES.remedy(asking, 'use another strategy')}"
        )
    if "crop" in cell.learner:
        raise ConfigurationError(
            f"the setting 'learner.crop' is for segmentation, but '{cell.dataset.name}' has one class per "
            "item; use the augmentation 'random_crop'"
        )


def _check_wrappers(wrappers: Mapping[str, Part]) -> None:
    for name, part in wrappers.items():
        registry: Registry[Any] = OBJECTIVES if name == LOSS_MODULE else WRAPPERS  # Any: either's parts
        registry.check_options(name, dict(part.options))
