"""The registry of models: what there is, told without importing torch.

A factory takes ``input_shape`` (of one item, without the batch axis), ``classes`` and options, and returns
a fresh ``torch.nn.Module``.
"""

from __future__ import annotations

from typing import Any

from nextlabel.registry import Card, Registry

__all__ = ["MODELS"]

MODELS: Registry[Any] = Registry(  # Any: naming nn.Module would import torch
    "model",
    "nextlabel.models",
    (
        Card(
            "mlp",
            "nextlabel.models.mlp:Mlp",
            cost="O(input * width + layers * width^2)",
            use_when="vectors, and images of up to about 16 x 16 pixels",
        ),
        Card(
            "small_cnn",
            "nextlabel.models.small_cnn:SmallCnn",
            cost="O(pixels * width^2)",
            use_when="images of 8 x 8 to about 64 x 64 pixels",
        ),
        Card(
            "cifar_resnet18",
            "nextlabel.models.cifar_resnet:CifarResNet18",
            cost="O(pixels * width^2); at width 64 11.2 million parameters",
            use_when="images of about 32 x 32 pixels, as in the TOD papers",
            citation="He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016",
        ),
        Card(
            "imagenet_resnet18",
            "nextlabel.models.imagenet_resnet:ImageNetResNet18",
            cost="O(pixels * width^2); at width 64 11.7 million parameters with 1,000 classes",
            use_when="images of about 224 x 224 pixels, from new or from torchvision's weights",
            citation="He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016",
        ),
        Card(
            "small_fcn",
            "nextlabel.models.small_fcn:SmallFcn",
            cost="O(pixels * width^2); at width 32 some 240,000 parameters",
            use_when="segmentation of images of about 128 x 128 pixels on a CPU",
        ),
        Card(
            "drn_d_22",
            "nextlabel.models.drn:DrnD22",
            cost="O(pixels * width^2); at width 16 15.9 million parameters with 19 classes",
            use_when="segmentation of large images, as on Cityscapes in the TOD papers",
            citation="Yu, Koltun, Funkhouser. Dilated Residual Networks. CVPR 2017",
        ),
    ),
    prefixes={"timm": "nextlabel.models.timm:timm_model"},
)
"""The models that can be named in configurations; ``timm:NAME`` is the model NAME of timm."""
