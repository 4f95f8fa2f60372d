"""VAAL's learner: a task learner that also knows how labelled each image looks.

Knows neither how the task is learnt nor what the probability is used for.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from nextlabel.learners.torch import Start, TorchLearner
from nextlabel.pool import Pool
from nextlabel.training.adversarial import AdversarialGame, GameRules
from nextlabel.training.phases import AfterTask, Progress
from nextlabel.training.vaal_losses import Kl
from nextlabel.types import Outputs

__all__ = ["Vaal"]

OWN = "extra:labelled_probability"


class Vaal:
    """Train a task learner, then VAAL's autoencoder and discriminator, on images.

    Samarth Sinha, Sayna Ebrahimi, Trevor Darrell: Variational Adversarial Active Learning, ICCV 2019. A step
    makes ``vae_steps`` Adam steps of the autoencoder, each on a new batch of labelled and of unlabelled
    images, down the reconstruction error, ``beta`` times the KL divergence and ``adversarial`` times the
    cross-entropy of the discriminator against "labelled" for both batches; then one step of the discriminator
    towards what each batch is. The defaults are those of the released code; there the KL divergence is summed
    over batch and latent dimensions next to a mean squared error, which presses the latent space to its
    prior.

    ``predict`` gives, besides all that the task learner gives, ``extra:labelled_probability``: (N,) in
    [0, 1], the discriminator's word on the latent mean of each image.

    Deviations from the released code:

    * The game is played after the task's training instead of next to it, as in the released code of R.
      Caramalau, B. Bhattarai, T.-K. Kim: Sequential Graph Convolutional Network for Active Learning, CVPR
      2021, for as many steps as VAAL's own: (L + U) * epochs / batch_size. Task and game share no weights, so
      the order does not matter. Both begin every fit from new weights there; here the task begins as its
      learner says.
    * Images are seen as the pool gives them, bytes as [0, 1]; there they are flipped at random and scaled
      to [-1, 1].
    * Scores are made in evaluation mode; there batch norm stays in training mode.

    Args:
        learner: The task learner; its training is that without the wrapper, bit for bit.
        epochs: Passes over all L + U images, in batches of ``batch_size`` of either side.
        steps: Steps instead of epochs.
        batch_size: Labelled images in a step, and as many unlabelled ones; fewer where there are fewer.
        lr: Learning rate of Adam for both networks.
        beta: Weight of the KL divergence.
        adversarial: Weight of the discriminator in the autoencoder's loss.
        vae_steps: Steps of the autoencoder before each of the discriminator.
        kl: ``"sum"`` over batch and latent dimensions, or ``"mean"``.
        latent: Dimensions of the latent space.
        width: Channels of the encoder's first convolution.
        units: Units of the discriminator's hidden layers.

    Attributes:
        main: The task learner.
        progress: A function of steps done and steps in all, task and game together.

    Raises:
        ConfigurationError: An option is unknown or out of range.
    """

    def __init__(
        self,
        learner: TorchLearner,
        *,
        epochs: int = 100,
        steps: int | None = None,
        batch_size: int = 128,
        lr: float = 5e-4,
        beta: float = 1.0,
        adversarial: float = 1.0,
        vae_steps: int = 2,
        kl: Kl = "sum",
        latent: int = 32,
        width: int = 128,
        units: int = 512,
    ) -> None:
        rules = GameRules(
            epochs=epochs,
            steps=steps,
            batch_size=batch_size,
            lr=lr,
            beta=beta,
            adversarial=adversarial,
            vae_steps=vae_steps,
            kl=kl,
            latent=latent,
            width=width,
            units=units,
        )
        self.main = learner
        self.progress: Progress | None = None
        self._game = AdversarialGame(
            rules,
            device=learner.device,
            workers=learner.num_workers,
            predict_batch_size=learner.predict_batch_size,
        )

    @property
    def start(self) -> Start:
        """Whether the task learner starts warm or cold; the game always starts again."""
        return self.main.start

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train the task learner, then play the game; return the measures of both.

        Called again with the same arguments, the task's training goes on from its checkpoint; a game that
        was killed is played again from its beginning, and a finished one loaded. Besides the task learner's
        files, the folder then holds ``vaal.safetensors``.

        Args:
            x: The L labelled images.
            y: (L,) labels.
            unlabelled: The other images.
            seed: All randomness is derived from it; the task learner is given the same.
            workdir: An existing folder for this training alone.

        Raises:
            DataError: The items are no images, or the folder holds another training or cannot be written.
            LabelsError: The labels cannot be learnt.
            ContractError: A part broke its contract, or a loss is not finite.
        """
        self._game.check(x)
        told = AfterTask(self.progress, self._game.steps(x, unlabelled))
        self.main.progress = told.task
        metrics = self.main.fit(x, y, unlabelled, seed=seed, workdir=workdir)
        played = self._game.play(x, unlabelled, None, seed=seed, workdir=workdir, progress=told.after)
        return {**metrics, **played}

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return what the task learner says of the items and, where needed, how labelled they look.

        Args:
            x: The N images.
            needs: ``extra:labelled_probability``, (N,) float32 in [0, 1], and what the task learner gives.
            seed: Handed to the task learner.

        Raises:
            ContractError: Nothing was trained, or the task learner cannot give what is needed.
            DataError: There are no items, or they do not stack.
        """
        rest = needs - {OWN}
        fields = self.main.predict(x, needs=rest, seed=seed).fields() if rest else {}
        if OWN in needs:
            fields[OWN] = self._game.score(x, None, seed=seed)
        return Outputs.from_fields(fields)

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Become what ``fit`` left in ``workdir``; of the game there is its end only, at every moment.

        Raises:
            DataError: The folder holds no such state, or a damaged one.
            ConfigurationError: There is no such snapshot, or the state does not fit.
        """
        self.main.load(workdir, snapshot=snapshot)
        self._game.load(workdir)

    def reset(self) -> None:
        """Forget every training."""
        self.main.reset()
        self._game.reset()
