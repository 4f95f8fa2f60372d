"""The losses of VAAL as functions of tensors.

Samarth Sinha, Sayna Ebrahimi, Trevor Darrell: Variational Adversarial Active Learning, ICCV 2019.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import mse_loss, softplus

__all__ = ["Kl", "discriminator_loss", "fooling_loss", "kl_divergence", "reconstruction_loss"]

Kl: TypeAlias = Literal["sum", "mean"]
"""Over batch and latent dimensions; VAAL's code takes the sum, TA-VAAL's the mean."""


def reconstruction_loss(x: Tensor, reconstruction: Tensor) -> Float[Tensor, ""]:
    """Return the squared error of a batch of images, mean over items, channels and pixels.

    Args:
        x: (B, channels, height, width), or without the channel axis if there is one channel.
        reconstruction: (B, channels, height, width).
    """
    return mse_loss(reconstruction, x.reshape(reconstruction.shape))


def kl_divergence(
    mean_bz: Float[Tensor, "batch latent"], log_variance_bz: Float[Tensor, "batch latent"], *, kind: Kl
) -> Float[Tensor, ""]:
    """Return KL(N(m, v) || N(0, 1)) = -1/2 (1 + ln v - m^2 - v) in nats, summed or averaged over both axes.

    D. P. Kingma, M. Welling: Auto-Encoding Variational Bayes, ICLR 2014, appendix B.
    """
    terms = -0.5 * (1 + log_variance_bz - mean_bz.square() - log_variance_bz.exp())
    return terms.sum() if kind == "sum" else terms.mean()


def fooling_loss(
    labelled_b: Float[Tensor, " batch"], unlabelled_b: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Return the encoder's loss, equation 2: cross-entropy of both batches' log-odds against "labelled"."""
    return softplus(-labelled_b).mean() + softplus(-unlabelled_b).mean()


def discriminator_loss(
    labelled_b: Float[Tensor, " batch"], unlabelled_b: Float[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Return the discriminator's loss, equation 3: cross-entropy of log-odds against what each batch is."""
    return softplus(-labelled_b).mean() + softplus(unlabelled_b).mean()
