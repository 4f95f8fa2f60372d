"""The ResNet-18 for images of about 224 x 224 pixels, with torchvision's weights if they are wanted.

Knows nothing of training, and nothing of how images are normalised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from torch import Tensor
from torch.nn import functional

from nextlabel.errors import ConfigurationError, DataError, MissingExtraError
from nextlabel.files import IMAGENET, RELEASED_WEIGHTS
from nextlabel.models.image_shape import check_sizes, image_shape, with_channels
from nextlabel.models.residual import ResNet18, initialise_by_fan_out
from nextlabel.models.weights import LoadingReport, checked_state, load_weights, read_weights
from nextlabel.registry import Card

__all__ = ["ImageNetResNet18"]

CARD = Card(
    "imagenet_resnet18",
    "ImageNetResNet18",
    cost="O(pixels * width^2); at width 64 11.7 million parameters with 1,000 classes",
    use_when="images of about 224 x 224 pixels, from new or from torchvision's weights",
    citation="He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016",
)

NAME = "imagenet_resnet18"

STAGES = 4

REMEDY = (
    f"use a checkpoint of this very architecture and width, such as {RELEASED_WEIGHTS} as torchvision "
    "published it, or set weight_stages=3 to leave the fourth stage and the head new, as the released code "
    "of the TOD papers does"
)


@final
class ImageNetResNet18(ResNet18):
    """Map images to raw class outputs: a 7 x 7 stem with max pooling, four stages, linear head.

    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Deep Residual Learning for Image Recognition, CVPR
    2016, table 1, 18 layers; at width 64 the tensors have torchvision's names and shapes. Siyu Huang,
    Tianyang Wang, Haoyi Xiong, Jun Huan, Dejing Dou: Semi-Supervised Active Learning with Temporal Output
    Discrepancy, ICCV 2021, use it for Caltech-101. New convolutions begin at N(0, sqrt(2 / (k * k *
    outputs))).

    The released code of the latter gives its fourth stage and its head other names, so that torchvision's
    weights reach only the stem and three stages, and most of the network silently stays random; this is
    ``weight_stages=3``. By default they reach all four, and the head where it has as many classes. A
    checkpoint that does not fit is refused, and ``loading`` says what was loaded.

    torchvision's weights want images in [0, 1] less (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225).

    Args:
        input_shape: (channels, height, width) of one item, or (height, width) of grey images.
        classes: C, the number of classes, or of regression outputs.
        width: Channels of the stem; embeddings have D = 8 * width features.
        dropout: Fraction of the features before the head that are dropped in training, in [0, 1); the papers
            have none.
        weights: None for new weights, the path of a file of tensors by torchvision's names, these tensors
            themselves, or ``"imagenet"`` for those that torchvision publishes: the file
            ``resnet18-5c106cde.pth`` of the current directory, where the TOD papers' code has it, else what
            torchvision downloads once.
        weight_stages: How many of the four stages take their weights from there; below 4 the later ones and
            the head stay new, whether the weights have them or not.

    Attributes:
        loading: What was loaded from ``weights``; None without any.

    Raises:
        ConfigurationError: The input is not an image of at least 32 x 32 pixels, or an option is out of
            range.
        DataError: The weights cannot be had or do not fit; the message names the tensors.
        MissingExtraError: ``"imagenet"`` with neither that file nor torchvision.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        classes: int,
        *,
        width: int = 64,
        dropout: float = 0.0,
        weights: str | Path | Mapping[str, Tensor] | None = None,
        weight_stages: int = STAGES,
    ) -> None:
        if not isinstance(weight_stages, int) or not 0 <= weight_stages <= STAGES:
            raise ConfigurationError(
                f"weight_stages of the model '{NAME}' must be a whole number in 0..{STAGES}, but is "
                f"{weight_stages!r}"
            )
        channels, *_ = image_shape(input_shape, model=NAME, least=32)
        check_sizes(model=NAME, classes=classes, width=width, dropout=dropout)
        super().__init__(channels=channels, classes=classes, width=width, dropout=dropout, kernel=7, stride=2)
        initialise_by_fan_out(self)
        self.loading: LoadingReport | None = None
        if weights is not None:
            state, source = _state(weights)
            new = ("fc", *(f"layer{stage}" for stage in range(weight_stages + 1, STAGES + 1)))
            self.loading = load_weights(
                self, state, head="fc", source=source, remedy=REMEDY,
                left_new=new if weight_stages < STAGES else (),
            )  # fmt: skip

    def forward_stem(self, x: Tensor) -> Tensor:
        """Return the maps of the stem, a quarter as high and wide as the images."""
        maps = functional.relu(self.bn1(self.conv1(with_channels(x))), inplace=True)
        return functional.max_pool2d(maps, 3, stride=2, padding=1)


def _state(weights: str | Path | Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Return tensors by name, and in words where they come from."""
    if weights == IMAGENET:
        released = Path(RELEASED_WEIGHTS).absolute()
        if not released.is_file():
            return _fetched(), "torchvision's weights"
        weights = released
    if isinstance(weights, str | Path):
        return read_weights(Path(weights)), str(weights)
    return checked_state(weights, "the option weights"), "the option weights"


def _fetched() -> dict[str, Tensor]:
    try:
        from torchvision.models import ResNet18_Weights
    except ImportError as error:
        raise MissingExtraError("torchvision", "vision", f"weights='{IMAGENET}'") from error
    try:
        state = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"expected torchvision to download its weights of resnet18, but it could not ({error}); try "
            f"again, put {RELEASED_WEIGHTS} into the current directory, or give the path of the file as "
            "weights"
        ) from error
    return checked_state(state, "torchvision's weights")
