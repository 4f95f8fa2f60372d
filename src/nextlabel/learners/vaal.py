"""The wrapper of VAAL and TA-VAAL: a task learner that also estimates how labelled each image looks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import Tensor

from nextlabel.errors import ConfigurationError
from nextlabel.learners.torch import TorchLearner
from nextlabel.pool import Pool
from nextlabel.progress import AfterTask, Progress
from nextlabel.training.config import check_option
from nextlabel.training.vaal import VaalConfig, VaalTrainer
from nextlabel.training.vaal_losses import Kl
from nextlabel.types import EXTRA, Outputs

__all__ = ["Vaal", "ta_vaal"]

PREDICTED_LOSS = f"{EXTRA}predicted_loss"
"""The field of the task learner that ``ranking`` uses."""


class Vaal:
    """Train a task learner, then VAAL's autoencoder and discriminator, on images.

    Samarth Sinha, Sayna Ebrahimi, Trevor Darrell: Variational Adversarial Active Learning, ICCV 2019. A step
    makes ``vae_steps`` Adam steps of the autoencoder, each on a new batch of labelled and of unlabelled
    images, down the reconstruction error, ``beta`` times the KL divergence and ``adversarial`` times the
    cross-entropy of the discriminator against "labelled" for both batches; then one step of the discriminator
    towards what each batch is. The defaults are those of the released code; there the KL divergence is summed
    over batch and latent dimensions next to a mean squared error, which presses the latent space to its
    prior.

    With ``ranking`` it is TA-VAAL: Kwanyoung Kim, Dongwon Park, Kwang In Kim, Se Young Chun: Task-Aware
    Variational Adversarial Active Learning, CVPR 2021. The task learner trains with the objective
    ``learning_loss`` (``rank="bce"`` for the paper's ranking loss), and the sigmoid of the predicted loss is
    appended to the latent point for the decoder and for the discriminator. Its released code takes
    ``vae_steps=1`` and ``kl="mean"``; :data:`ta_vaal` sets all three.

    ``predict`` gives, besides the fields of the task learner, ``extra:labelled_probability``, or with
    ``ranking`` ``extra:task_labelled_probability``: (N,) in [0, 1], the discriminator's output for the latent
    mean of each image (and its predicted loss).

    Deviations from the released code:

    * The adversarial training follows the task's instead of alternating with it, as in the released code of
      R. Caramalau, B. Bhattarai, T.-K. Kim: Sequential Graph Convolutional Network for Active Learning, CVPR
      2021, for as many steps as VAAL's own: (L + U) * epochs / batch_size. The two have no weights in common,
      so the order does not matter. There both start every fit from new weights; here the task learner starts
      as its ``warm_start`` says.
    * Images are taken as the pool gives them, bytes as [0, 1]; there they are flipped at random and scaled to
      [-1, 1].
    * Scores are computed in evaluation mode; there batch norm stays in training mode.
    * With ``ranking``, the discriminator sees the sigmoid as well, where the code gives it the raw
      prediction, whose scale is arbitrary; and the first step has no random numbers in place of predictions.

    Args:
        learner: The task learner; it trains as it does without the wrapper, bit for bit. With ``ranking``,
            its objective must give ``predicted_loss``.
        ranking: Whether decoder and discriminator also see the predicted loss of each image.
        epochs: Passes over all L + U images, in batches of ``batch_size`` of either side.
        steps: Steps instead of epochs.
        batch_size: Labelled images per step, and as many unlabelled ones; fewer if there are fewer.
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
        field: The field that this wrapper adds.
        progress: Called during ``fit``, for the task and the adversarial steps together, or None.

    Raises:
        ConfigurationError: An option is unknown or out of range, or with ``ranking`` the objective predicts
            no losses.
    """

    def __init__(
        self,
        learner: TorchLearner,
        *,
        ranking: bool = False,
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
        check_option("learner", learner, isinstance(learner, TorchLearner), "a TorchLearner", "wrap one")
        if ranking and PREDICTED_LOSS.removeprefix(EXTRA) not in learner.extra_fields:
            raise ConfigurationError(
                "the objective must give 'predicted_loss' for VAAL with ranking, got one that gives "
                f"{sorted(learner.extra_fields) or 'no extra field'}; use objective='learning_loss'"
            )
        config = VaalConfig(
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
        self.main, self.ranking = learner, ranking
        self.field = EXTRA + ("task_labelled_probability" if ranking else "labelled_probability")
        self.warm_start = self.main.warm_start
        self.task, self.snapshots = self.main.task, self.main.snapshots
        self.progress: Progress | None = None
        self._trainer = VaalTrainer(
            config,
            device=learner.device,
            workers=learner.num_workers,
            predict_batch_size=learner.training.predict_batch_size,
            conditions=int(ranking),
        )

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train the task learner, then autoencoder and discriminator; return the metrics of both.

        Called again with the same arguments, the task learner continues from its checkpoint; an adversarial
        training run that was killed starts over, and a finished one is loaded. Besides the task learner's
        files, the folder then holds ``vaal.safetensors``. Arguments are those of :meth:`TorchLearner.fit`.

        Raises:
            DataError: The items are not images, or the folder holds another fit or cannot be written.
            LabelsError: The labels cannot be learnt.
            ContractError: A part broke its contract, or a loss is not finite.
        """
        self._trainer.checked_shape(x)
        phases = AfterTask(self.progress, self._trainer.config.total(len(x), len(unlabelled)))
        self.main.progress = phases.task
        metrics = self.main.fit(x, y, unlabelled, seed=seed, workdir=workdir)
        conditions = partial(self._conditions, seed=seed) if self.ranking else None
        found = self._trainer.train(
            x, unlabelled, conditions, seed=seed, workdir=workdir, progress=phases.after
        )
        return {**metrics, **found}

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return the outputs of the task learner and, where needed, how labelled each image looks.

        ``needs`` are :attr:`field`, (N,) float32 in [0, 1], and fields of the task learner. Errors are those
        of :meth:`TorchLearner.predict`.
        """
        if self.field not in needs:
            return self.main.predict(x, needs=needs, seed=seed)
        rest = needs - {self.field}
        asked = rest | {PREDICTED_LOSS} if self.ranking else rest
        fields = self.main.predict(x, needs=asked, seed=seed).fields() if asked else {}
        conditions = _sigmoid(fields[PREDICTED_LOSS]) if self.ranking else None
        found = self._trainer.score(x, conditions, seed=seed)
        return Outputs.from_fields({name: fields[name] for name in rest} | {self.field: found})

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Load what ``fit`` left in ``workdir``; autoencoder and discriminator are kept at the end only.

        Raises:
            DataError: The folder holds no such state, or a damaged one.
            ConfigurationError: There is no such snapshot, or the state does not fit.
        """
        self.main.load(workdir, snapshot=snapshot)
        self._trainer.load(workdir)

    def reset(self) -> None:
        """Forget everything that was trained."""
        self.main.reset()
        self._trainer.reset()

    def _conditions(self, x: Pool, seed: int) -> Tensor:
        """Return (N,) sigmoids of the predicted losses."""
        fields = self.main.predict(x, needs=frozenset({PREDICTED_LOSS}), seed=seed).fields()
        return _sigmoid(fields[PREDICTED_LOSS])


ta_vaal = partial(Vaal, ranking=True, vae_steps=1, kl="mean")
"""TA-VAAL as in its released code: :class:`Vaal` with ``ranking``, one step of either network, a mean KL."""


def _sigmoid(losses: Tensor) -> Tensor:
    """Return (N,) sigmoids of (N, ...) predicted losses, one per item."""
    return losses.reshape(len(losses)).sigmoid()
