"""TA-VAAL's learner: VAAL's, whose autoencoder and discriminator are told how high a loss is predicted.

Knows neither how the task and its losses are learnt nor what the probability is used for.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from nextlabel.errors import ConfigurationError
from nextlabel.learners.torch import Start, TorchLearner
from nextlabel.pool import Pool
from nextlabel.training.adversarial import AdversarialGame, GameRules
from nextlabel.training.phases import AfterTask, Progress
from nextlabel.training.vaal_losses import Kl
from nextlabel.types import Outputs

__all__ = ["TaVaal"]

OWN = "extra:task_labelled_probability"
LOSS = "extra:predicted_loss"


class TaVaal:
    """Train a task learner that predicts losses, then VAAL's game with these next to each image.

    Kwanyoung Kim, Dongwon Park, Kwang In Kim, Se Young Chun: Task-Aware Variational Adversarial Active
    Learning, CVPR 2021. The task learner trains with the objective ``learning_loss`` (``rank="bce"`` for the
    paper's ranking loss). The sigmoid of the predicted loss is appended to the latent point for the decoder
    and for the discriminator. As in the released code the KL divergence is the mean over batch and latent
    dimensions, and the autoencoder makes one step for each of the discriminator; all else is as in
    :class:`nextlabel.learners.vaal.Vaal`, the deviations too.

    ``predict`` gives, besides all that the task learner gives, ``extra:task_labelled_probability``: (N,) in
    [0, 1], the discriminator's word on the latent mean and the predicted loss of each image.

    Further deviations from the released code: the discriminator is told the sigmoid as well, where the code
    gives it the raw prediction, whose scale is arbitrary; and the first step has no random numbers in place
    of the predictions.

    Args:
        learner: The task learner, with an objective that gives ``predicted_loss``; its training is that
            without the wrapper, bit for bit.
        epochs: Passes over all L + U images, in batches of ``batch_size`` of either side.
        steps: Steps instead of epochs.
        batch_size: Labelled images in a step, and as many unlabelled ones; fewer where there are fewer.
        lr: Learning rate of Adam for both networks.
        beta: Weight of the KL divergence.
        adversarial: Weight of the discriminator in the autoencoder's loss.
        vae_steps: Steps of the autoencoder before each of the discriminator.
        kl: ``"mean"`` over batch and latent dimensions, or ``"sum"``.
        latent: Dimensions of the latent space.
        width: Channels of the encoder's first convolution.
        units: Units of the discriminator's hidden layers.

    Attributes:
        main: The task learner.
        progress: A function of steps done and steps in all, task and game together.

    Raises:
        ConfigurationError: The objective predicts no losses, or an option is unknown or out of range.
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
        vae_steps: int = 1,
        kl: Kl = "mean",
        latent: int = 32,
        width: int = 128,
        units: int = 512,
    ) -> None:
        if "predicted_loss" not in learner.extra_fields:
            raise ConfigurationError(
                "TaVaal needs a learner whose objective gives 'predicted_loss', but this one gives "
                f"{sorted(learner.extra_fields) or 'no extra field'}; use objective='learning_loss'"
            )
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
            conditions=1,
        )

    @property
    def start(self) -> Start:
        """Whether the task learner starts warm or cold; the game always starts again."""
        return self.main.start

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train the task learner, then play the game; return the measures of both.

        A killed fit goes on as that of :class:`nextlabel.learners.vaal.Vaal`; the file is of the same name.

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

        def ranks() -> tuple[Tensor, Tensor]:
            return self._ranks(x, seed), self._ranks(unlabelled, seed)

        played = self._game.play(x, unlabelled, ranks, seed=seed, workdir=workdir, progress=told.after)
        return {**metrics, **played}

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return what the task learner says of the items and, where needed, how labelled they look.

        Args:
            x: The N images.
            needs: ``extra:task_labelled_probability``, (N,) float32 in [0, 1], and what the task learner
                gives.
            seed: Handed to the task learner.

        Raises:
            ContractError: Nothing was trained, or the task learner cannot give what is needed.
            DataError: There are no items, or they do not stack.
        """
        if OWN not in needs:
            return self.main.predict(x, needs=needs, seed=seed)
        fields = self.main.predict(x, needs=(needs - {OWN}) | {LOSS}, seed=seed).fields()
        found = self._game.score(x, fields[LOSS].reshape(len(x)).sigmoid(), seed=seed)
        return Outputs.from_fields({name: fields[name] for name in needs - {OWN}} | {OWN: found})

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Become what ``fit`` left in ``workdir``; how labelled images look is known at the end only.

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

    def _ranks(self, x: Pool, seed: int) -> Tensor:
        """Return (N,) sigmoids of the predicted losses."""
        fields = self.main.predict(x, needs=frozenset({LOSS}), seed=seed).fields()
        return fields[LOSS].reshape(len(x)).sigmoid()
