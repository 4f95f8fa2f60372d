"""The registry of objectives: what there is, told without importing torch.

Other packages add theirs by an entry point of the group ``nextlabel.objectives``.
"""

from __future__ import annotations

from typing import Any

from nextlabel.registry import Card, Registry

__all__ = ["OBJECTIVES"]

OBJECTIVES: Registry[Any] = Registry(  # Any: naming the Objective protocol would import torch
    "objective",
    "nextlabel.objectives",
    (
        Card(
            "supervised",
            "nextlabel.objectives.supervised:Supervised",
            needs=("labelled",),
            cost="1 forward and backward pass of the labelled batch",
            use_when="classification from the labelled items alone; the default",
        ),
        Card(
            "squared_error",
            "nextlabel.objectives.supervised:SquaredError",
            needs=("labelled",),
            cost="1 forward and backward pass of the labelled batch",
            use_when="regression from the labelled items alone",
        ),
        Card(
            "tod",
            "nextlabel.objectives.tod:Tod",
            needs=("labelled", "unlabelled"),
            cost="2 forward and backward passes, and 2 forward passes of the EMA teacher",
            use_when="classification with many unlabelled items and time to train on them",
            citation=(
                "Huang, Wang, Xiong, Huan, Dou. Semi-Supervised Active Learning with Temporal Output "
                "Discrepancy. ICCV 2021"
            ),
        ),
        Card(
            "cyclic",
            "nextlabel.objectives.cyclic:Cyclic",
            needs=("labelled", "unlabelled"),
            cost="2 forward and backward passes, and 2 forward passes of the last cycle's model",
            use_when="to repeat the TOD paper's ablation; with a warm start, and not in the first cycle",
            citation=(
                "Huang, Wang, Xiong, Huan, Dou. Semi-Supervised Active Learning with Temporal Output "
                "Discrepancy. ICCV 2021"
            ),
        ),
        Card(
            "mean_teacher",
            "nextlabel.objectives.mean_teacher:MeanTeacher",
            needs=("labelled", "unlabelled"),
            cost="2 forward and backward passes, and 2 forward passes of the EMA teacher",
            use_when="as the baseline of semi-supervised losses with an EMA teacher",
            citation=(
                "Tarvainen, Valpola. Mean teachers are better role models: Weight-averaged consistency "
                "targets improve semi-supervised deep learning results. NeurIPS 2017"
            ),
        ),
        Card(
            "learning_loss",
            "nextlabel.objectives.learning_loss:LearningLoss",
            needs=("labelled", "unlabelled where its base needs them"),
            cost="that of its base, and a linear layer for each stage of the network",
            use_when="to query by predicted loss, with the strategy 'learning_loss'",
            citation="Yoo, Kweon. Learning Loss for Active Learning. CVPR 2019",
        ),
    ),
)
"""The objectives that can be named in configurations."""
