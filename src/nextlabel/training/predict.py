"""The predictions of a trained network for the items of a pool, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor

from nextlabel.errors import ContractError, DataError, listed
from nextlabel.pool import Pool
from nextlabel.tasks.segmentation import Segmentation
from nextlabel.training.device import Engine
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.preprocess import Prepare
from nextlabel.types import EXTRA, Forward, Objective, Outputs

__all__ = ["DRAWN", "check_embeddings", "check_needs", "predicted", "trained_model"]

DRAWN = frozenset({"log_probs", "values"})
"""The fields that an ensemble or dropout gives with several draws."""

REMEDIES = {
    "predicted_loss": "train with an objective that gives it, such as 'learning_loss'",
    "labelled_probability": "wrap it in nextlabel.learners.vaal.Vaal",
    "task_labelled_probability": "wrap it in nextlabel.learners.vaal.ta_vaal",
    **dict.fromkeys(
        (*Segmentation.fields, "has_previous"), "use nextlabel.learners.segmentation.SegmentationLearner"
    ),
}
"""How to get an extra field that the objective does not give."""

M = TypeVar("M")


def trained_model(model: M | None, x: Pool, *, remedy: str = "call fit or load first") -> M:
    """Return the model; ContractError if there is none, DataError if the pool is empty."""
    if model is None:
        raise ContractError(f"predict needs a trained model, but there is none; {remedy}")
    if len(x) == 0:
        raise DataError("predict needs at least one item, but the pool is empty; add items")
    return model


def check_embeddings(needs: frozenset[str], network: ModuleNetwork) -> None:
    """Raise :class:`ContractError` if the needs hold embeddings and the network has none."""
    if "embeddings" in needs and not network.has_embeddings:
        raise ContractError(
            f"embeddings are needed, but {type(network.module).__name__} has no forward_features and "
            "forward_head, as timm's models have; name a layer with embedding_layer="
        )


def check_needs(
    needs: frozenset[str], network: ModuleNetwork, *, own: str, extra_fields: frozenset[str]
) -> None:
    """Raise :class:`ContractError` if a network and its objective cannot give all fields that are needed.

    ``own`` is the field that answers the task, ``"log_probs"`` or ``"values"``; ``extra_fields`` are the
    objective's.
    """
    known = {own, "embeddings", *(EXTRA + name for name in extra_fields)}
    for need in sorted(needs - known):
        task = "classification" if own == "log_probs" else "regression"
        remedy = REMEDIES.get(need.removeprefix(EXTRA), "train with an objective that gives it")
        hint = f"; {remedy}" if need.startswith(EXTRA) else ""
        given = listed([own, "embeddings", *sorted(known - {own, "embeddings"})], limit=20)
        raise ContractError(f"a TorchLearner with task='{task}' gives {given}, not '{need}'{hint}")
    check_embeddings(needs, network)


def predicted(
    network: ModuleNetwork,
    batches: Iterator[Tensor],
    needs: frozenset[str],
    *,
    engine: Engine,
    prepare: Prepare,
    objective: Objective | None = None,
) -> Outputs:
    """Return the outputs of all batches, in evaluation mode and on the CPU.

    Each batch passes through the network once for the network's own fields, and as often as the objective
    needs for its extra fields.

    Args:
        network: On the engine's device.
        batches: (B, ...) inputs on the device.
        needs: Names of fields, checked.
        engine: Where to compute.
        prepare: Applied to every batch.
        objective: Bound; gives the extra fields. None if no need is one.
    """
    extra = sorted(need for need in needs if need.startswith(EXTRA))
    own = sorted(needs.difference(extra))
    network.eval()
    if objective is not None:
        objective.eval()
    fields: dict[str, list[Tensor]] = {need: [] for need in needs}
    with torch.no_grad():
        for batch in map(prepare, batches):
            if own:
                network.with_embeddings, network.with_stages = "embeddings" in needs, False
                with engine.autocast():
                    forward: Forward = network(batch)
                for need in own:
                    fields[need].append(_own_field(need, forward))
            if objective is not None and extra:
                network.with_embeddings = objective.uses_embeddings
                network.with_stages = objective.uses_stages
                with engine.autocast():
                    given = objective.extra(network, batch)
                for need in extra:
                    name = need.removeprefix(EXTRA)
                    fields[need].append(_extra_field(name, given.get(name), len(batch), objective))
    return Outputs.from_fields({need: torch.cat(parts).cpu() for need, parts in fields.items() if parts})


def _own_field(need: str, forward: Forward) -> Tensor:
    if need == "embeddings":
        assert forward.embeddings is not None, "has_embeddings was checked"
        return forward.embeddings.float()
    outputs = forward.outputs.float()
    return (outputs.log_softmax(1) if need == "log_probs" else outputs).unsqueeze(1)


def _extra_field(name: str, given: object, batch: int, objective: Objective) -> Tensor:
    if isinstance(given, Tensor) and given.ndim >= 1 and len(given) == batch:
        return given.detach().float()
    found = f"shape {tuple(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
    raise ContractError(
        f"the objective {type(objective).__name__} must give '{name}' as a tensor of {batch} rows for "
        f"{batch} items, got {found}; correct its extra"
    )
