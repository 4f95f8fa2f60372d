"""The settings of a learner: how the model of an experiment is trained. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    field_validator,
)

from nextlabel.errors import ConfigurationError
from nextlabel.files import absolute_weights
from nextlabel.parts import Part, parts_of

__all__ = ["LearnerConfig", "PartsSetting", "Strict", "Tree", "plain"]

Fraction: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
"""A part of a whole, neither none nor all of it."""

Tree: TypeAlias = dict[str, Any]  # Any: what TOML may hold


def _part(given: Any) -> Part:  # Any: not validated yet
    try:
        return Part.parse(given)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error


def _parts(given: Any) -> list[Part]:  # Any: not validated yet
    try:
        return parts_of(given)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error


PART_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string"},
            {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        ]
    }
)

PartSetting: TypeAlias = Annotated[Part, PlainValidator(_part), PART_SCHEMA]
"""A part: a name, a call, or a table with a name."""

PartsSetting: TypeAlias = Annotated[list[PartSetting], BeforeValidator(_parts)]
"""Parts: one or a list of them, or a text in which commas separate them."""


class Strict(BaseModel):
    """A table of settings that refuses unknown keys and knows what a record keeps of it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), arbitrary_types_allowed=True
    )  # a field is called model

    def resolved(self) -> Tree:
        """Return all settings as a record keeps them; parts are names or tables."""
        return self._tree(resolved=True)

    def differences(self) -> Tree:
        """Return the settings that are not the defaults, which tell runs apart."""
        return self._tree(resolved=False)

    def _tree(self, *, resolved: bool) -> Tree:
        tree: Tree = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if not field.exclude and (resolved or value != field.get_default(call_default_factory=True)):
                tree[name] = value._tree(resolved=resolved) if isinstance(value, Strict) else plain(value)
        return tree


def plain(value: Any) -> Any:  # Any: what TOML may hold
    """Return a setting as TOML holds it: parts as names or tables."""
    if isinstance(value, Part):
        return value.as_table()
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


class LearnerConfig(Strict):
    """How the model is trained; what is left out comes from the data set's own recipe."""

    model: PartSetting | None = Field(default=None, description="The model, or timm:NAME.")
    epochs: int | None = Field(
        default=None, ge=1, description="Passes over the labelled items in each cycle."
    )
    batch_size: int | None = Field(default=None, ge=1, description="Items in a training step.")
    optimizer: Literal["sgd", "adam", "adamw"] | None = Field(default=None, description="Optimiser.")
    lr: float | None = Field(default=None, gt=0, description="Learning rate.")
    momentum: float | None = Field(default=None, ge=0, lt=1, description="Momentum of SGD.")
    weight_decay: float | None = Field(default=None, ge=0, description="Weight decay.")
    schedule: Literal["constant", "multistep", "cosine", "one_cycle"] | None = Field(
        default=None, description="Course of the learning rate."
    )
    augment: PartsSetting | None = Field(default=None, description="Batched augmentations, first to last.")
    mixed_precision: Literal["no", "fp16", "bf16", "auto"] = Field(
        default="no", description="Arithmetic of the forward pass; auto is fp16 on a GPU, else no."
    )
    warm_start: bool = Field(
        default=True,
        description="Whether a cycle goes on from the last cycle's weights, or begins with new ones.",
    )
    milestones: list[Fraction] | None = Field(
        default=None, description="Fractions of the training at which multistep multiplies the rate by gamma."
    )
    gamma: float | None = Field(default=None, gt=0, description="That factor.")
    normalise: list[list[float]] | None = Field(
        default=None, description="Mean and standard deviation of every channel, of inputs in [0, 1]."
    )
    crop: int | None = Field(
        default=None, ge=1, description="Side of the random window that segmentation trains on, in pixels."
    )
    channels_last: bool | None = Field(default=None, description="Memory layout of image networks.")
    progressive_resize: list[Annotated[float, Field(gt=0, le=1)]] | None = Field(
        default=None,
        min_length=1,
        description="Fractions of the images' sides in equal parts of a training run, such as 0.5, 0.75, 1.",
    )
    epochs_from_scratch: int | None = Field(
        default=None,
        ge=1,
        description="Passes of a training run that begins with new weights, as the first does.",
    )
    min_steps_per_epoch: int | None = Field(
        default=None,
        ge=1,
        description="Steps that a pass is to have at least; few labels are taken in smaller batches.",
    )
    compile: bool | Literal["auto"] | None = Field(
        default=None, description="Whether torch compiles the network; auto does so on a GPU."
    )
    num_workers: int | None = Field(
        default=None, ge=0, description="Processes that load items which are not arrays."
    )
    predict_batch_size: int | None = Field(
        default=None, ge=1, description="Items in one pass that trains nothing."
    )
    embedding_layer: str | None = Field(
        default=None, description="The layer whose output are the embeddings, where the model does not say."
    )
    unlabelled_draw: Literal["passes", "redrawn", "fixed", "fixed_first"] | None = Field(
        default=None,
        description="Unlabelled images of a step: in passes over all, redrawn at each step, fixed, or fixed "
        "in the first cycle and redrawn in later ones.",
    )
    untrained_weights: Literal["as_model", "random"] | None = Field(
        default=None,
        description="Weights of the networks that are compared with before any training (COD's of the first "
        "cycle, a teacher that starts at random): the model's, pretrained where it is, or random ones.",
    )
    score_augmented: bool | None = Field(
        default=None, description="Whether candidates are scored under the augmentation of the training."
    )
    wrappers: PartsSetting = Field(
        default_factory=list,
        description="How to train what a strategy needs next to the model, where it is needed: "
        "learning_loss, vaal, ta_vaal, mc_dropout, ensemble.",
    )

    @field_validator("model")
    @classmethod
    def _one_file(cls, model: Part | None) -> Part | None:
        return None if model is None else Part(model.name, absolute_weights(model.options), model.of)
