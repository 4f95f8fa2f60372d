"""Defaults that stand for constants of the papers and their authors' code, typed from there a second time."""

import inspect

import pytest

from nextlabel.learners.vaal import Vaal, ta_vaal
from nextlabel.maths.graph import GraphTraining
from nextlabel.models.cifar_resnet import CifarResNet18
from nextlabel.models.imagenet_resnet import ImageNetResNet18
from nextlabel.models.loss_prediction import LossPrediction
from nextlabel.models.vae import ConvolutionalVae, Discriminator
from nextlabel.objectives.cyclic import Cyclic
from nextlabel.objectives.learning_loss import LearningLoss, ranking_loss
from nextlabel.objectives.mean_teacher import MeanTeacher
from nextlabel.objectives.tod import Tod
from nextlabel.strategies.core_gcn import CoreGcn
from nextlabel.strategies.uncertain_gcn import UncertainGcn
from nextlabel.training.config import TrainingConfig, lr_factor
from nextlabel.training.preprocess import HorizontalFlip, RandomCrop
from nextlabel.training.vaal import VaalConfig

# github.com/razvancaramalau/Sequential-GCN-for-Active-Learning: layers of 128 and 1, dropout 0.3, 200 steps
# of Adam with rate 1e-3 and decay 5e-4, lambda 1.2.
GCN = {
    "hidden": 128,
    "steps": 200,
    "lr": 1e-3,
    "weight_decay": 5e-4,
    "dropout": 0.3,
    "unlabelled_weight": 1.2,
}

# github.com/sinhasam/vaal: 100 passes in batches of 128, 2 steps of the autoencoder for each of the
# discriminator, Adam with rate 5e-4, weights of 1, the KL divergence summed; channels from 128, 32 latent
# dimensions, 512 units.
VAAL = {
    "epochs": 100,
    "steps": None,
    "batch_size": 128,
    "lr": 5e-4,
    "beta": 1.0,
    "adversarial": 1.0,
    "vae_steps": 2,
    "kl": "sum",
    "latent": 32,
    "width": 128,
    "units": 512,
}

# github.com/Mephisto405/Learning-Loss-for-Active-Learning: 128 units a stage, margin 1, weight 1, detached
# after epoch 120 of 200. Ties count for nothing, a deviation that the objective names.
LL4AL = {
    "weight": 1.0,
    "margin": 1.0,
    "rank": "hinge",
    "ties": "ignore",
    "detach_after": 120 / 200,
    "units": 128,
}


@pytest.mark.parametrize(
    ("part", "published"),
    [
        (GraphTraining, GCN),
        (CoreGcn, GCN),
        (UncertainGcn, {**GCN, "margin": 0.1}),
        (VaalConfig, VAAL),
        (Vaal, {**VAAL, "ranking": False}),
        # github.com/cubeyoung/TA-VAAL: one step of either, the KL divergence averaged
        (ta_vaal, {**VAAL, "ranking": True, "vae_steps": 1, "kl": "mean"}),
        (ConvolutionalVae, {"latent": 32, "width": 128, "conditions": 0}),
        (Discriminator, {"latent": 32, "units": 512, "conditions": 0}),
        (LearningLoss, LL4AL),
        (ranking_loss, {"margin": 1.0, "rank": "hinge", "ties": "ignore"}),
        (LossPrediction, {"units": 128}),
        # Huang et al., ICCV 2021: lambda 0.05 and alpha 0.999 on all data sets
        (Tod, {"form": "paper", "weight": 0.05, "decay": 0.999, "label_smoothing": 0.0}),
        (Cyclic, {"weight": 0.05, "label_smoothing": 0.0}),
        # github.com/CuriousAI/mean-teacher, a residual network on CIFAR-10: 5 of 180 epochs of ramp-up
        (MeanTeacher, {"weight": 100.0, "decay": 0.97, "ramp_up": 5 / 180, "noise": 0.0}),
        # github.com/siyuhuang/TOD: 4 pixels on every side, SGD on batches of 128, a tenth after epoch 160 of
        # 200
        (RandomCrop, {"padding": 4}),
        (HorizontalFlip, {"probability": 0.5}),
        (
            TrainingConfig,
            {
                "batch_size": 128,
                "optimizer": "sgd",
                "momentum": 0.9,
                "weight_decay": 5e-4,
                "schedule": "multistep",
                "milestones": (160 / 200,),
                "gamma": 0.1,
            },
        ),
        (lr_factor, {"milestones": (160 / 200,), "gamma": 0.1}),
        (CifarResNet18, {"width": 64, "dropout": 0.0}),
        (ImageNetResNet18, {"width": 64, "dropout": 0.0, "weights": None}),
    ],
)
def test_defaults_are_the_published_constants(part, published):
    parameters = inspect.signature(part).parameters
    assert {name: parameters[name].default for name in published} == published


@pytest.mark.parametrize("part", [GraphTraining, CoreGcn, Vaal, ta_vaal, VaalConfig])
def test_no_default_of_the_graph_network_and_of_vaal_is_left_out_here(part):
    published = GCN if part in (GraphTraining, CoreGcn) else VAAL
    assert {*inspect.signature(part).parameters} - {"learner", "ranking"} == {*published}
