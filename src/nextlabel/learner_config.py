"""The settings of a learner: how the model of an experiment is trained. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nextlabel.files import absolute_weights

__all__ = ["LearnerConfig", "Strict", "Tree"]

Fraction: TypeAlias = Annotated[float, Field(gt=0, lt=1)]
"""A part of a whole, neither none nor all of it."""

Tree: TypeAlias = dict[str, Any]  # Any: what TOML may hold


class Strict(BaseModel):
    """A table of settings that refuses unknown keys and knows what a record keeps of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())  # a field is called model

    first: ClassVar[frozenset[str]] = frozenset()
    """The settings that every record of a run holds; later ones are in it only where they are set."""

    def recorded(self) -> Tree:
        """Return the settings as a record keeps them.

        Settings that came after the first release are left out while they have their default, so that run
        directories made before they existed keep their names and still open.
        """
        tree: Tree = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            usual = field.get_default(call_default_factory=True)
            if not field.exclude and (name in self.first or value != usual):
                tree[name] = value.recorded() if isinstance(value, Strict) else value
        return tree


class LearnerConfig(Strict):
    """How the model is trained; what is left out comes from the data set's own recipe."""

    first: ClassVar[frozenset[str]] = frozenset({
        "model", "model_options", "epochs", "batch_size", "optimizer", "lr", "momentum", "weight_decay",
        "schedule", "augment", "mixed_precision", "start",
    })  # fmt: skip

    model: str | None = Field(default=None, description="Name of the model.")
    model_options: dict[str, Any] = Field(default_factory=dict, description="Options of the model.")
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
    augment: list[str] | str | None = Field(default=None, description="Batched augmentations, by name.")
    mixed_precision: Literal["no", "fp16", "bf16", "auto"] = Field(
        default="no", description="Arithmetic of the forward pass; auto is fp16 on a GPU, else no."
    )
    start: Literal["warm", "cold"] = Field(
        default="warm", description="Whether a cycle goes on from the last cycle's weights or from new ones."
    )
    milestones: list[Fraction] | None = Field(
        default=None, description="Fractions of the training at which multistep multiplies the rate by gamma."
    )
    gamma: float | None = Field(default=None, gt=0, description="That factor.")
    augment_options: dict[str, dict[str, Any]] | None = Field(
        default=None, description="Options of augmentations, by name."
    )
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
    wrapper_options: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Options of what a strategy trains next to the model, by name: learning_loss, vaal, "
        "ta_vaal, mc_dropout, ensemble.",
    )

    @field_validator("model_options")
    @classmethod
    def _one_file(cls, options: dict[str, Any]) -> dict[str, Any]:  # Any: TOML
        return absolute_weights(options)
