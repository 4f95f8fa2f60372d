"""The ResNet-18 for images of about 224 x 224 pixels, new or with torchvision's ImageNet weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from torch import Tensor
from torch.nn import functional

from nextlabel.errors import ConfigurationError, DataError, MissingExtraError
from nextlabel.files import IMAGENET, RELEASED_WEIGHTS
from nextlabel.models.blocks import ResNet18, initialise_by_fan_out
from nextlabel.models.image_shape import with_channels
from nextlabel.models.weights import LoadingReport, checked_state, load_weights, read_weights
from nextlabel.registry import Card

__all__ = ["ImageNetResNet18"]

CARD = Card(
    "imagenet_resnet18",
    "ImageNetResNet18",
    cost="O(pixels * width^2); at width 64 11.7 million parameters with 1,000 classes",
    use_when="images of about 224 x 224 pixels, from scratch or from torchvision's weights",
    citation="He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016",
)

STAGES = 4

REMEDY = (
    f"use a checkpoint of exactly this architecture and width, such as {RELEASED_WEIGHTS} as torchvision "
    "published it, or set weight_stages=3 to leave the fourth stage and the head new, as the released code "
    "of the TOD papers does"
)


@final
class ImageNetResNet18(ResNet18):
    """Map images to raw class outputs: a 7 x 7 stem with max pooling, four stages, linear head.

    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Deep Residual Learning for Image Recognition, CVPR
    2016, table 1, 18 layers; at width 64 the tensors have torchvision's names and shapes. Siyu Huang,
    Tianyang Wang, Haoyi Xiong, Jun Huan, Dejing Dou: Semi-Supervised Active Learning with Temporal Output
    Discrepancy, ICCV 2021, use it for Caltech-101. New weights are those of
    :func:`~nextlabel.models.blocks.initialise_by_fan_out`.

    The released code of the latter renames its fourth stage and its head, so that torchvision's weights reach
    only the stem and three stages, and most of the network silently stays random: ``weight_stages=3``. By
    default they reach all four, and the head if it fits; a checkpoint that does not fit is refused.

    torchvision's weights expect images in [0, 1] minus (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225).

    Args:
        input_shape: (channels, height, width) of one item, or (height, width) of grey images.
        classes: C, the number of classes, or of regression outputs.
        width: Channels of the stem; embeddings have D = 8 * width features.
        dropout: Fraction of the features before the head that are dropped in training, in [0, 1); 0 in the
            papers.
        weights: None for new weights; tensors by torchvision's names, or the path of a file of them; or
            ``"imagenet"`` for those that torchvision publishes: ``resnet18-5c106cde.pth`` in the current
            directory, where the TOD papers' code expects it, else torchvision's cached download.
        weight_stages: How many of the four stages take their weights from there; below 4 the later ones and
            the head stay new.

    Attributes:
        loading: What was loaded from ``weights``; None without any.

    Raises:
        ConfigurationError: Images are smaller than 32 x 32 pixels, or an option is out of range.
        DataError: The weights cannot be read or downloaded, or do not fit; the message names the tensors.
        MissingExtraError: ``"imagenet"`` with neither that file nor torchvision.
    """

    NAME, LEAST, KERNEL, STRIDE = CARD.name, 32, 7, 2

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
                f"weight_stages of '{self.NAME}' must be a whole number in 0..{STAGES}, got {weight_stages!r}"
            )
        super().__init__(input_shape, classes, width=width, dropout=dropout)
        initialise_by_fan_out(self)
        self.loading: LoadingReport | None = None
        if weights is not None:
            state, source = _state(weights)
            new = [f"layer{stage}" for stage in range(weight_stages + 1, STAGES + 1)]
            left_new = [*new, "fc"] if new else []
            self.loading = load_weights(self, state, "fc", source=source, remedy=REMEDY, left_new=left_new)

    def forward_stem(self, x: Tensor) -> Tensor:
        """Return the maps of the stem, a quarter as high and wide as the images."""
        maps = functional.relu(self.bn1(self.conv1(with_channels(x))), inplace=True)
        return functional.max_pool2d(maps, 3, stride=2, padding=1)


def _state(weights: str | Path | Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Return tensors by name, and where they come from, for messages."""
    if not isinstance(weights, str | Path):
        return checked_state(weights, "the option weights"), "the option weights"
    if weights != IMAGENET:
        return read_weights(Path(weights)), str(weights)
    released = Path(RELEASED_WEIGHTS).absolute()
    if released.is_file():
        return read_weights(released), str(released)
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
            f"torchvision's weights of resnet18 could not be downloaded ({error}); try again, put "
            f"{RELEASED_WEIGHTS} into the current directory, or set weights to the path of the file"
        ) from error
    return checked_state(state, "torchvision's weights"), "torchvision's weights"
