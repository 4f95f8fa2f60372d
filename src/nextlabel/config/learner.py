"""The settings of a learner: how the model of an experiment is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from nextlabel.errors import ConfigurationError
from nextlabel.files import absolute_weights
from nextlabel.parts import Part, parts_of
from nextlabel.trees import Tree

__all__ = ["LearnerConfig", "PartsSetting", "Strict", "option", "plain"]

Fraction: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
"""A fraction strictly between 0 and 1."""


def _validator(read: Callable[[Any], Any]) -> Callable[[Any], Any]:  # Any: not validated yet
    """Return the function with the error that pydantic expects."""

    def validated(given: Any) -> Any:
        try:
            return read(given)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error

    return validated


TABLE = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
PART_SCHEMA = WithJsonSchema({"anyOf": [{"type": "string"}, TABLE]})

PartSetting: TypeAlias = Annotated[Part, PlainValidator(_validator(Part.parse)), PART_SCHEMA]
"""A part: a name, a call, or a table with a name."""

PartsSetting: TypeAlias = Annotated[list[PartSetting], BeforeValidator(_validator(parts_of))]
"""Parts: one, a list, or a text with commas between them."""


def option(description: str, **bounds: Any) -> Any:  # Any: as of pydantic's Field
    """Return a field that is None unless it is set."""
    return Field(default=None, description=description, **bounds)


class Strict(BaseModel):
    """A table of settings that refuses unknown keys and knows what a record holds."""

    model_config = {
        "extra": "forbid", "frozen": True, "arbitrary_types_allowed": True,
        "protected_namespaces": (),  # a field is called model
    }  # fmt: skip

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_booleans(cls, given: Any, info: ValidationInfo) -> Any:  # Any: not validated yet
        if isinstance(given, bool) and "bool" not in str(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError(f"must not be true or false, got {str(given).lower()}")
        return given

    def resolved(self) -> Tree:
        """Return all settings as a record holds them; parts are names or tables."""
        return self._tree(resolved=True)

    def differences(self) -> Tree:
        """Return the settings that differ from the defaults, which identify a run."""
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
    """How the model is trained; what is left out comes from the data set's own defaults."""

    model: PartSetting | None = option("The model, or timm:NAME.")
    epochs: int | None = option("Passes over the labelled items per cycle.", ge=1)
    batch_size: int | None = option("Items per training step.", ge=1)
    optimizer: Literal["sgd", "adam", "adamw"] | None = option("Optimiser.")
    lr: float | None = option("Learning rate.", gt=0)
    momentum: float | None = option("Momentum of SGD.", ge=0, lt=1)
    weight_decay: float | None = option("Weight decay.", ge=0)
    schedule: Literal["constant", "multistep", "cosine", "one_cycle"] | None = option(
        "Schedule of the learning rate."
    )
    augment: PartsSetting | None = option("Augmentations of a batch, in the order they are applied.")
    mixed_precision: Literal["no", "fp16", "bf16", "auto"] = Field(
        default="no", description="Arithmetic of the forward pass; auto is fp16 on a GPU, else no."
    )
    warm_start: bool = Field(
        default=True,
        description="Whether a cycle continues from the last cycle's weights or trains from scratch.",
    )
    milestones: list[Fraction] | None = option(
        "Fractions of the training run at which multistep multiplies the learning rate by gamma."
    )
    gamma: float | None = option("Factor of multistep at every milestone.", gt=0, le=1)
    normalise: list[list[float]] | None = option(
        "Mean and standard deviation of every channel, for inputs in [0, 1]."
    )
    crop: int | None = option("Side of the random crop that segmentation trains on, in pixels.", ge=1)
    channels_last: bool | None = option("Whether image networks use the channels-last memory layout.")
    progressive_resize: list[Annotated[float, Field(gt=0, le=1)]] | None = option(
        "Fractions of the images' sides in equal parts of a training run, such as 0.5, 0.75, 1.", min_length=1
    )
    epochs_from_scratch: int | None = option(
        "Passes of a training run that starts from new weights, as the first one does.", ge=1
    )
    min_steps_per_epoch: int | None = option(
        "Minimum number of steps per pass; with few labels the batches become smaller.", ge=1
    )
    compile: bool | Literal["auto"] | None = option(
        "Whether torch compiles the network; auto does so on a GPU."
    )
    num_workers: int | None = option("Processes that load items which are not arrays.", ge=0)
    predict_batch_size: int | None = option("Items per batch of prediction.", ge=1)
    embedding_layer: str | None = option(
        "The layer whose outputs are the embeddings, if the model does not say."
    )
    unlabelled_draw: Literal["passes", "redrawn", "fixed", "fixed_first"] | None = option(
        "Unlabelled images of a step: in passes over all of them, redrawn at each step, fixed, or fixed in "
        "the first cycle and redrawn later."
    )
    untrained_weights: Literal["as_model", "random"] | None = option(
        "Weights of untrained networks to compare with (COD's in the first cycle, a teacher that starts at "
        "random): as the model's, pretrained if it is, or random."
    )
    score_augmented: bool | None = option("Whether to augment candidates for scoring as in training.")
    wrappers: PartsSetting = Field(
        default_factory=list,
        description="How to train what a strategy needs besides the model: learning_loss, vaal, ta_vaal, "
        "mc_dropout, ensemble.",
    )

    @field_validator("model")
    @classmethod
    def _absolute_weights(cls, model: Part | None) -> Part | None:
        return None if model is None else Part(model.name, absolute_weights(model.options), model.of)
