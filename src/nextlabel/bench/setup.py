"""From a cell's settings to its campaign: the model, its training, and what a strategy trains next to it.

A strategy's needs decide the wrappers: a module that predicts losses trains with the objective, VAAL's
autoencoder and discriminator after it, draws come from dropout or from an ensemble. The model whose accuracy
is reported is the same, bit for bit, with and without wrappers, but for dropout, which the model must have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nextlabel.bench.cell import Cell
from nextlabel.bench.diagnostics import diagnostics_needs, make_scorers
from nextlabel.bench.model import Options, for_device, model_functions
from nextlabel.bench.segmentation_learner import make_segmentation_learner
from nextlabel.campaign.campaign import Campaign, Query
from nextlabel.datasets.labelled_data import LabelledData
from nextlabel.datasets.segmentation_data import SegmentationData
from nextlabel.errors import ConfigurationError, listed
from nextlabel.learners.segmentation import SEGMENTATION_FIELDS
from nextlabel.learners.torch import TorchLearner
from nextlabel.objectives.catalogue import OBJECTIVES
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.registry import Card, Registry
from nextlabel.snapshots import kept_snapshots
from nextlabel.strategies.catalogue import STRATEGIES
from nextlabel.types import Learner

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


def make_learner(
    cell: Cell, data: LabelledData | SegmentationData, *, more_needs: frozenset[str] = frozenset()
) -> Learner:
    """Return the untrained learner of a cell.

    Args:
        cell: The cell.
        data: Its data set.
        more_needs: What it shall be able to give besides what the cell's strategies need.

    Raises:
        ConfigurationError: A setting of the model, its training or its wrappers cannot be used.
    """
    needs = needs_of(cell) | more_needs
    if isinstance(data, SegmentationData):
        return make_segmentation_learner(cell, data, needs)
    options = dict(cell.learner)
    _check_not_segmentation(cell, needs)
    wrapper_options: dict[str, Options] = {
        name: dict(of) for name, of in options.pop("wrapper_options", {}).items()
    }
    _check_wrappers(wrapper_options)
    model, model_options = options.pop("model"), dict(options.pop("model_options"))
    if "draws:dropout" in needs:
        model_options.setdefault("dropout", DROPOUT)
    new_model, untrained = model_functions(
        model, model_options, data, random=options.pop("untrained_weights", None) == "random"
    )
    wrappers = [card.name for card in WRAPPERS if needs.intersection(card.needs)]
    if len(wrappers) > 1:
        raise ConfigurationError(
            f"a cell can have one wrapper of the model, but its strategies need {listed(wrappers)}; "
            "give each a cell of its own"
        )
    objective, objective_options = _objective(cell, needs, wrapper_options)
    options = for_device(options, cell.device)
    learner = TorchLearner(
        new_model,
        objective=objective,
        objective_options=objective_options,
        device=cell.device,
        snapshots=kept_snapshots(needs),
        untrained_model=untrained,
        **options,
    )
    return (
        WRAPPERS.factory(wrappers[0])(learner, **wrapper_options.get(wrappers[0], {}))
        if wrappers
        else learner
    )


def make_campaign(
    cell: Cell,
    data: LabelledData | SegmentationData,
    learner: Learner,
    folder: Path,
    *,
    evaluate: Callable[[Learner], Mapping[str, Any]],  # Any: JSON
    audit: Callable[[Query], Mapping[str, Any]],  # Any: JSON
    progress: Progress,
) -> Campaign:
    """Return the campaign of a cell, begun or opened again; the rest is as of :class:`Campaign`.

    Args:
        cell: The cell.
        data: Its data set.
        learner: Its learner.
        folder: Where to keep it.
        evaluate: See there, and so are the next two.
        audit: See there.
        progress: See there.
    """
    return Campaign(
        folder,
        Pool(data.x, data.ids),
        learner,
        "random" if cell.is_reference else cell.strategy,  # a reference asks nothing
        strategy_options=cell.strategy_options,
        batch_size=cell.batch_size,
        initial_size=cell.initial_size,
        candidate_size=cell.candidate_size,
        seed=cell.seed,
        evaluate=evaluate,
        audit=audit,
        progress=progress,
    )


def needs_of(cell: Cell) -> frozenset[str]:
    """Return what the cell's strategy and its audited ones need together."""
    if cell.is_reference:
        return frozenset()
    needs = STRATEGIES.create(cell.strategy, **cell.strategy_options).needs
    return needs | diagnostics_needs(make_scorers(cell.audit))


def main_learner(learner: Learner) -> Learner:
    """Return the learner whose accuracy is reported: what others wrap, or the learner itself."""
    main: Learner = getattr(learner, "main", learner)
    return main


def _objective(
    cell: Cell, needs: frozenset[str], wrapper_options: Mapping[str, Options]
) -> tuple[str, Options]:
    """Return the objective and its options, with a loss module next to it where a strategy asks one.

    The module sees detached features throughout, so the model trains as it would without. TA-VAAL's ranks by
    cross-entropy.
    """
    options = dict(cell.objective_options)
    asked = {"extra:predicted_loss", "extra:task_labelled_probability"} & needs
    if not asked or "predicted_loss" in getattr(
        OBJECTIVES.create(cell.objective, **options), "extra_fields", ()
    ):
        return cell.objective, options
    given: Options = {"base": cell.objective, "base_options": options, "detach_after": 0.0}
    if "extra:task_labelled_probability" in needs:
        given["rank"] = "bce"
    return LOSS_MODULE, {**given, **wrapper_options.get(LOSS_MODULE, {})}


def _check_not_segmentation(cell: Cell, needs: frozenset[str]) -> None:
    if dense := sorted(needs & {f"extra:{name}" for name in SEGMENTATION_FIELDS}):
        names = [cell.strategy, *(str(table["strategy"]) for table in cell.audit)]
        asking = next((name for name in names if set(dense) & set(STRATEGIES.card(name).needs)), names[0])
        raise ConfigurationError(
            f"the strategy '{asking}' needs {listed(dense)}, which only segmentation gives, but "
            f"'{cell.dataset}' has one class per item; use a strategy such as 'cod', 'entropy' or 'margin'"
        )
    if "crop" in cell.learner:
        raise ConfigurationError(
            f"the setting 'learner.crop' is for segmentation, but '{cell.dataset}' has one class per item; "
            "use the augmentation 'random_crop'"
        )


def _check_wrappers(wrapper_options: Mapping[str, Options]) -> None:
    for name, options in wrapper_options.items():
        registry: Registry[Any] = OBJECTIVES if name == LOSS_MODULE else WRAPPERS  # Any: either's parts
        registry.check_options(name, options)
