"""What a trained network says of the items of a pool, batch by batch. Knows nothing of fits."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nextlabel.errors import ContractError, listed
from nextlabel.tasks.segmentation import Segmentation
from nextlabel.training.device import Engine
from nextlabel.training.network import ModuleNetwork
from nextlabel.training.preprocess import Prepare
from nextlabel.types import Forward, Objective, Outputs

__all__ = ["check_needs", "predicted"]

EXTRA = "extra:"

REMEDIES = {
    "predicted_loss": "train with an objective that gives it, such as 'learning_loss'",
    "labelled_probability": "wrap it in nextlabel.learners.vaal.Vaal",
    "task_labelled_probability": "wrap it in nextlabel.learners.vaal.ta_vaal",
    **dict.fromkeys(
        (*Segmentation.fields, "has_previous"), "use nextlabel.learners.segmentation.SegmentationLearner"
    ),
}
"""What gives an extra field that an objective does not."""


def check_needs(
    needs: frozenset[str], network: ModuleNetwork, *, own: str, extra_fields: frozenset[str]
) -> None:
    """Refuse needs that a network and its objective cannot give.

    Args:
        needs: Names of the fields of :class:`Outputs`.
        network: What is to give them.
        own: ``"log_probs"`` or ``"values"``, as the task is.
        extra_fields: What the objective gives.

    Raises:
        ContractError: Something cannot be given.
    """
    known = {own, "embeddings", *(EXTRA + name for name in extra_fields)}
    for need in sorted(needs - known):
        task = "classification" if own == "log_probs" else "regression"
        remedy = REMEDIES.get(need.removeprefix(EXTRA), "train with an objective that gives it")
        hint = f"; {remedy}" if need.startswith(EXTRA) else ""
        given = listed([own, "embeddings", *sorted(known - {own, "embeddings"})], limit=20)
        raise ContractError(f"a TorchLearner with task='{task}' gives {given}, not '{need}'{hint}")
    if "embeddings" in needs and not network.has_embeddings:
        raise ContractError(
            f"embeddings are needed, but {type(network.module).__name__} has no forward_features and "
            "forward_head as timm's models have; name a layer with embedding_layer="
        )


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

    The network passes each batch once for its own fields; the objective makes the passes that its extra
    fields take.

    Args:
        network: On the engine's device.
        batches: (B, ...) inputs on the device.
        needs: Names of fields, checked.
        engine: Where.
        prepare: For every batch.
        objective: Bound; gives the extra fields. None where there are none among the needs.

    Raises:
        ContractError: The objective returned something else than one row per item.
    """
    extra = sorted(need for need in needs if need.startswith(EXTRA))
    own = sorted(needs - set(extra))
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
                    fields[need].append(_field(need, forward))
            if objective is not None and extra:
                given = _extra(objective, network, batch, engine)
                for need in extra:
                    fields[need].append(_checked(given, need.removeprefix(EXTRA), len(batch), objective))
    return Outputs.from_fields({need: torch.cat(parts).cpu() for need, parts in fields.items() if parts})


def _extra(objective: Objective, network: ModuleNetwork, batch: Tensor, engine: Engine) -> dict[str, Tensor]:
    network.with_embeddings = objective.uses_embeddings
    network.with_stages = objective.uses_stages
    with engine.autocast():
        return dict(objective.extra(network, batch))


def _field(need: str, forward: Forward) -> Tensor:
    if need == "embeddings":
        assert forward.embeddings is not None, "has_embeddings was checked"
        return forward.embeddings.float()
    outputs = forward.outputs.float()
    return (outputs.log_softmax(1) if need == "log_probs" else outputs).unsqueeze(1)


def _checked(given: dict[str, Tensor], name: str, batch: int, objective: Objective) -> Tensor:
    tensor = given.get(name)
    if not isinstance(tensor, Tensor) or tensor.ndim < 1 or len(tensor) != batch:
        got = f"shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ContractError(
            f"the objective {type(objective).__name__} must give '{name}' as a tensor of {batch} rows for "
            f"{batch} items, but gave {got}"
        )
    return tensor.detach().float()
