"""Learners from options in one table, as settings have them: of the training and of the learner together."""

from __future__ import annotations

from typing import Any

from nextlabel.learners.segmentation import TRAINING, SegmentationLearner
from nextlabel.learners.torch import TorchLearner
from nextlabel.training.config import split_options


def torch_learner(model: Any, **options: Any) -> TorchLearner:
    training, others = split_options(options)
    return TorchLearner(model, training=training, **others)


def segmentation_learner_of(model: Any, task: Any, **options: Any) -> SegmentationLearner:
    training, others = split_options(options, base=TRAINING)
    return SegmentationLearner(model, task, training=training, **others)
