"""From a cell's settings to its learner: the model, its training, and what a strategy trains next to it.

A strategy's needs decide the wrappers: a module that predicts losses is trained with the objective, VAAL's
autoencoder and discriminator after it, draws come from dropout or from an ensemble. The model whose accuracy
is reported is bitwise the same with and without wrappers, except for dropout, which the model must have.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from nextlabel.adapters import as_objective
from nextlabel.bench.cell import Cell
from nextlabel.bench.diagnostics import diagnostics_needs, make_scorers
from nextlabel.datasets.benchmark_dataset import BenchmarkDataset
from nextlabel.errors import ConfigurationError, listed
from nextlabel.learners.segmentation import SEGMENTATION_FIELDS, TRAINING, SegmentationLearner
from nextlabel.learners.torch import TorchLearner
from nextlabel.models.catalogue import MODELS
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.parts import Part
from nextlabel.registry import Card, Registry
from nextlabel.snapshots import kept_snapshots
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.tasks.segmentation import MOVES, Segmentation
from nextlabel.training.config import split_options
from nextlabel.training.device import Engine
from nextlabel.types import Learner, Wrapper

__all__ = ["DROPOUT", "WRAPPERS", "main_learner", "make_learner", "model_functions", "needs_of"]

WRAPPERS: Registry[Learner] = Registry(
    "wrapper",
    "nextlabel.wrappers",
    (
        Card("vaal", "nextlabel.learners.vaal:Vaal", needs=("extra:labelled_probability",)),
        Card("ta_vaal", "nextlabel.learners.vaal:ta_vaal", needs=("extra:task_labelled_probability",)),
        Card("mc_dropout", "nextlabel.learners.mc_dropout:McDropout", needs=("draws:dropout",)),
        Card("ensemble", "nextlabel.learners.ensemble:Ensemble", needs=("draws:ensemble",)),
    ),
    contract=frozenset({"learner", "make"}),  # what is wrapped
)
"""The learners that wrap a TorchLearner, each with the needs that it meets."""

LOSS_MODULE = "learning_loss"
"""The objective that trains a module to predict losses, and the name of its options in the settings."""

DROPOUT = 0.5
"""Of the layer before the head, where MC dropout needs one and the model's options do not set it.

Srivastava et al., Dropout, JMLR 2014: close to optimal for hidden units over a wide range of networks.
"""

PRETRAINED = ("weights", "pretrained")
"""The options by which a model starts from pretrained weights: ours and timm's."""


def make_learner(cell: Cell, data: BenchmarkDataset, *, more_needs: frozenset[str] = frozenset()) -> Learner:
    """Return the untrained learner of a cell, which meets the needs of its strategies and ``more_needs``.

    Raises:
        ConfigurationError: A setting of the model, its training or its wrappers cannot be used.
    """
    needs = needs_of(cell) | more_needs
    task = data.task
    (_check_reduced if task.output is None else _check_kept_whole)(cell, needs)
    options = dict(cell.learner)
    for name in ("mixed_precision", "compile"):  # both pay off on a GPU only
        if options.get(name) == "auto":
            gpu = Engine(cell.device, "no").device.type == "cuda"
            options[name] = gpu if name == "compile" else "fp16" if gpu else "no"
    wrappers = {part.name: part for part in options.pop("wrappers", ())}
    for name, part in wrappers.items():
        registry: Registry[Any] = OBJECTIVES if name == LOSS_MODULE else WRAPPERS  # Any: either's parts
        registry.check_options(name, dict(part.options))
    model: Part = options.pop("model")
    if "draws:dropout" in needs and "dropout" not in model.options:
        model = model.with_options({"dropout": DROPOUT})
    random = options.pop("untrained_weights", None) == "random"
    new_model, untrained = model_functions(model, data, random=random)
    if task.output is None:
        assert isinstance(task, Segmentation), "no other task has a learner that reduces its outputs"
        training, others = split_options(options, base=TRAINING)
        return SegmentationLearner(
            new_model,
            task,
            objective=cell.objective,
            training=training,
            device=cell.device,
            snapshots=("initial",) if _compares_cycles(needs) else (),
            untrained_model=untrained,
            **others,
        )
    needed = [card.name for card in WRAPPERS if needs.intersection(card.needs)]
    if len(needed) > 1:
        raise ConfigurationError(
            f"a run can use one learner wrapper, but its strategies need {len(needed)} ({listed(needed)}); "
            "run them separately"
        )
    training, others = split_options(options)
    learner: Learner = TorchLearner(
        new_model,
        task=task,
        objective=_objective(cell, needs, wrappers.get(LOSS_MODULE)),
        device=cell.device,
        snapshots=kept_snapshots(needs),
        untrained_model=untrained,
        training=training,
        **others,
    )
    for name in needed:
        learner = WRAPPERS.factory(name)(learner, **wrappers.get(name, Part(name)).options)
    return learner


def model_functions(
    model: Part, data: BenchmarkDataset, *, random: bool
) -> tuple[Callable[[], nn.Module], Callable[[], nn.Module] | None]:
    """Return a function that makes the model, and one for the networks it is compared with before training.

    With ``random`` the latter have random weights even if the model is pretrained. The second function is
    None where it equals the first.

    Raises:
        UnknownNameError: The model has no such option.
        ConfigurationError: An option is out of range, or the data decides it.
    """
    given = {"input_shape": data.input_shape, "classes": data.task.width}
    if taken := sorted(given.keys() & model.options):
        raise ConfigurationError(
            f"the model must take {listed(taken)} from the data, got {model}; leave the option out"
        )
    new_model = partial(MODELS.create, model, **given)
    new_model()  # so that wrong options are refused now, and not in a training run
    without = {option: value for option, value in model.options.items() if option not in PRETRAINED}
    if not random or len(without) == len(model.options):
        return new_model, None
    return new_model, partial(MODELS.create, Part(model.name, without), **given)


def needs_of(cell: Cell) -> frozenset[str]:
    """Return what the cell's strategy and those of its diagnostics need together."""
    if cell.is_reference:
        return frozenset()
    return STRATEGIES.create(cell.strategy).needs | diagnostics_needs(make_scorers(cell.diagnostics))


def main_learner(learner: Learner) -> Learner:
    """Return the learner whose accuracy is reported: the wrapped one, or the learner itself."""
    return learner.main if isinstance(learner, Wrapper) else learner


def _objective(cell: Cell, needs: frozenset[str], module: Part | None) -> Part:
    """Return the objective, with a loss module next to it where a strategy needs one.

    The module sees detached features throughout, so the model is trained as it would be without. TA-VAAL
    ranks by cross-entropy.
    """
    needed = {"extra:predicted_loss", "extra:task_labelled_probability"} & needs
    if not needed or "predicted_loss" in as_objective(OBJECTIVES.create(cell.objective)).extra_fields:
        return cell.objective
    options: dict[str, Any] = {"detach_after": 0.0}  # Any: TOML
    if "extra:task_labelled_probability" in needs:
        options["rank"] = "bce"
    return Part(LOSS_MODULE, {**options, **(module.options if module else {})}, (cell.objective,))


def _compares_cycles(needs: frozenset[str]) -> bool:
    return any(f"extra:{move}" in needs for move in MOVES)


def _check_reduced(cell: Cell, needs: frozenset[str]) -> None:
    """Refuse what segmentation does not support."""
    known = {"embeddings", "labelled_embeddings", *(f"extra:{name}" for name in SEGMENTATION_FIELDS)}
    if foreign := sorted(needs - known):
        raise ConfigurationError(
            f"the strategy '{cell.strategy.name}' needs {listed(foreign)}, which segmentation does not give; "
            "use cod_segmentation, entropy_segmentation, margin_segmentation, core_set or random"
        )
    if not cell.learner.get("warm_start", True) and _compares_cycles(needs):
        raise ConfigurationError(
            f"the strategy '{cell.strategy}' compares a model with that of the previous cycle, which "
            "warm_start=false discards; use learner.warm_start=true"
        )
    for setting in ("wrappers", "score_augmented"):
        if cell.learner.get(setting):
            raise ConfigurationError(
                f"the setting 'learner.{setting}' is not for segmentation, but '{cell.dataset.name}' has "
                "masks; leave it out"
            )


def _check_kept_whole(cell: Cell, needs: frozenset[str]) -> None:
    """Refuse what only segmentation supports."""
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
