"""The adversarial game of VAAL: an autoencoder and a discriminator of labelled and unlabelled images.

It is played after the task's training and leaves one file in that training's folder. Knows pools and
images; nothing of labels, tasks, strategies or cycles, nor where the numbers next to an image come from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from nextlabel.errors import ConfigurationError, ContractError, DataError, UnknownNameError
from nextlabel.models.vae import LEAST_PIXELS, ConvolutionalVae, Discriminator
from nextlabel.pool import Pool
from nextlabel.seeds import derive
from nextlabel.training.arguments import check_same
from nextlabel.training.batches import DeviceCache, Order, sequential, stream
from nextlabel.training.checkpoint import check_fits, joined, part, read_tensors, write_tensors
from nextlabel.training.device import DeviceName, Engine
from nextlabel.training.loop import PROGRESS_SECONDS, LossMeter
from nextlabel.training.randomness import deterministic_kernels, isolated_rng
from nextlabel.training.vaal_losses import (
    Kl,
    discriminator_loss,
    fooling_loss,
    kl_divergence,
    reconstruction_loss,
)

__all__ = ["STATE", "AdversarialGame", "GameRules"]

STATE = "vaal.safetensors"
"""Written last: a folder that holds it holds a finished game."""

METRIC_STEPS = 100
"""The losses that are told are means over as many last steps."""

Batch = tuple[Tensor, Tensor | None]
"""(B, ...) images and, where there are conditions, their (B, 1)."""


@dataclass(frozen=True, kw_only=True)
class GameRules:
    """How the game is played; the wrappers :class:`Vaal` and :class:`TaVaal` describe the fields.

    Raises:
        ConfigurationError: A value is out of range, or a name unknown.
    """

    epochs: int = 100
    steps: int | None = None
    batch_size: int = 128
    lr: float = 5e-4
    beta: float = 1.0
    adversarial: float = 1.0
    vae_steps: int = 2
    kl: Kl = "sum"
    latent: int = 32
    width: int = 128
    units: int = 512

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "vae_steps", "latent", "width", "units"):
            self._check(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        self._check("steps", self.steps, self.steps is None or self.steps >= 1, "at least 1")
        self._check("lr", self.lr, 0 < self.lr < math.inf, "above 0")
        for name in ("beta", "adversarial"):
            self._check(name, getattr(self, name), 0 <= getattr(self, name) < math.inf, "at least 0")
        if self.kl not in get_args(Kl):
            raise UnknownNameError("kind of KL divergence", self.kl, get_args(Kl))

    @staticmethod
    def _check(name: str, value: object, holds: bool, wanted: str) -> None:
        if not holds:
            raise ConfigurationError(f"{name} of the adversarial training must be {wanted}, but is {value}")

    def total(self, labelled: int, unlabelled: int) -> int:
        """Return the steps of a game: none where one side has no items."""
        if not labelled or not unlabelled:
            return 0
        return self.steps or max(1, (labelled + unlabelled) * self.epochs // self.batch_size)


class AdversarialGame:
    """Train autoencoder and discriminator against each other, keep them, and score images with them.

    A game is a function of its arguments. One that was killed is played again from its beginning and ends in
    the same weights.

    Args:
        rules: How it is played.
        device: Where.
        workers: Processes that load items of pools that are no tensors.
        predict_batch_size: Images in one pass of :meth:`score`.
        conditions: Numbers next to each image, 0 or 1.
    """

    def __init__(
        self,
        rules: GameRules,
        *,
        device: DeviceName,
        workers: int,
        predict_batch_size: int,
        conditions: int = 0,
    ) -> None:
        self.rules, self.device_name, self.conditions = rules, device, conditions
        self.workers, self.predict_batch_size = workers, predict_batch_size
        self._vae: ConvolutionalVae | None = None
        self._discriminator: Discriminator | None = None
        self._cache = DeviceCache()

    def check(self, x: Pool) -> None:
        """Refuse a pool whose items are no images; to be called before any work starts.

        Raises:
            DataError: They are not, or are too small.
        """
        self._shape(x)

    def steps(self, x: Pool, unlabelled: Pool) -> int:
        """Return how many steps :meth:`play` makes with these pools."""
        return self.rules.total(len(x), len(unlabelled))

    def play(
        self,
        x: Pool,
        unlabelled: Pool,
        conditions: Callable[[], tuple[Tensor, Tensor]] | None,
        *,
        seed: int,
        workdir: Path,
        progress: Callable[[int], None] | None = None,
    ) -> dict[str, float]:
        """Play to the end, or load what an equal game left in the folder, and return its measures.

        Args:
            x: The L labelled images.
            unlabelled: The U unlabelled ones; without any, the networks stay as they begin.
            conditions: Gives the (L,) and (U,) numbers next to the images, or None; called if there is a
                game to be played.
            seed: All randomness is derived from it.
            workdir: Where the state is kept.
            progress: Called with the steps done, at most ten times a second and at the end.

        Returns:
            ``vaal_PART_loss``, means over the last steps; ``vaal_steps``; ``vaal_seconds``.

        Raises:
            DataError: The folder holds another game, or cannot be written.
            ContractError: A loss is not finite.
        """
        arguments = {
            "seed": seed,
            "labelled": x.digest(),
            "unlabelled": unlabelled.digest(),
            "conditions": self.conditions,
            "shape": list(self._shape(x)),
            **asdict(self.rules),
        }
        path = Path(workdir) / STATE
        if path.exists():
            _, notes = read_tensors(path)
            check_same(notes["arguments"], arguments, path)
            self.load(workdir)
            return dict(notes["metrics"])
        began = time.perf_counter()
        device = Engine(self.device_name, "no").device
        with isolated_rng(derive(seed, "vaal", "weights")):
            vae, discriminator = self._networks(self._shape(x))
        steps = self.steps(x, unlabelled)
        given = conditions() if conditions and steps else None
        networks = vae.to(device), discriminator.to(device)
        match = _Match(self.rules, *networks, x, unlabelled, given, seed, device)
        losses = match.run(steps, self._cache, self.workers, progress)
        metrics = {
            **{f"vaal_{name}_loss": value for name, value in losses.items()},
            "vaal_steps": steps,
            "vaal_seconds": time.perf_counter() - began,
        }
        states = {"vae": vae.state_dict(), "discriminator": discriminator.state_dict()}
        write_tensors(path, joined(states), {"arguments": arguments, "metrics": metrics})
        self._vae, self._discriminator = vae, discriminator
        return metrics

    def score(self, x: Pool, conditions: Tensor | None, *, seed: int) -> Tensor:
        """Return (N,) probabilities of being labelled, of the images' latent means, on the CPU.

        The networks are in evaluation mode, so that a score does not depend on the images next to it; the
        authors' code leaves them in training mode.

        Args:
            x: The N images.
            conditions: (N,) numbers next to them, or None.
            seed: Only matters to data sets that draw while they load an item.

        Raises:
            ContractError: No game was played.
            DataError: There are no items.
        """
        vae, discriminator = self._vae, self._discriminator
        if vae is None or discriminator is None:
            raise ContractError("predict needs a trained model, but there is none; call fit or load first")
        if len(x) == 0:
            raise DataError("predict needs at least one item, but the pool is empty")
        device = Engine(self.device_name, "no").device
        vae.to(device).eval()
        discriminator.to(device).eval()
        size, found = self.predict_batch_size, []
        with isolated_rng(derive(seed, "predict"), device), torch.no_grad():
            batches = sequential(x, size, seed, device, self._cache, workers=self.workers)
            for number, batch in enumerate(batches):
                given = None
                if conditions is not None:
                    given = conditions[number * size : (number + 1) * size].to(device).unsqueeze(1)
                found.append(discriminator(vae.encode(batch)[0], given).sigmoid())
        return torch.cat(found).cpu()

    def load(self, workdir: Path) -> None:
        """Become what :meth:`play` left in the folder.

        Raises:
            DataError: There is nothing, or it is damaged.
            ConfigurationError: It is of other sizes.
        """
        tensors, notes = read_tensors(Path(workdir) / STATE)
        with isolated_rng(0):  # the weights drawn here are replaced at once
            vae, discriminator = self._networks(notes["arguments"]["shape"])
        for name, network in (("vae", vae), ("discriminator", discriminator)):
            state = part(tensors, name)
            check_fits(network, state, what=f"the {name}")
            network.load_state_dict(state)
        self._vae, self._discriminator = vae, discriminator

    def reset(self) -> None:
        """Forget every game."""
        self._vae = self._discriminator = None

    def _networks(self, shape: tuple[int, ...]) -> tuple[ConvolutionalVae, Discriminator]:
        rules, told = self.rules, self.conditions
        return (
            ConvolutionalVae(shape, latent=rules.latent, width=rules.width, conditions=told),
            Discriminator(rules.latent, units=rules.units, conditions=told),
        )

    def _shape(self, x: Pool) -> tuple[int, ...]:
        with isolated_rng(0):  # items of a data set may draw
            shape = tuple(torch.as_tensor(x[0]).shape)
        if len(shape) not in (2, 3) or min(shape[-2:]) < LEAST_PIXELS:
            raise DataError(
                f"VAAL needs images of shape (channels, height, width) or (height, width) of at least "
                f"{LEAST_PIXELS} x {LEAST_PIXELS} pixels, but item '{x.ids[0]}' has shape {shape}; choose a "
                "strategy that needs no autoencoder"
            )
        return shape


@dataclass(frozen=True)
class _Match:
    """One game from its first step to its last."""

    rules: GameRules
    vae: ConvolutionalVae
    discriminator: Discriminator
    x: Pool
    unlabelled: Pool
    conditions: tuple[Tensor, Tensor] | None
    seed: int
    device: torch.device

    def run(
        self, total: int, cache: DeviceCache, workers: int, progress: Callable[[int], None] | None
    ) -> dict[str, float]:
        """Make the steps and return the mean of every loss over the last of them."""
        if not total:
            return {}
        lr, meter, told = self.rules.lr, LossMeter(), time.monotonic()
        optimizers = [
            torch.optim.Adam(network.parameters(), lr=lr) for network in (self.vae, self.discriminator)
        ]
        generator = torch.Generator(self.device)
        self.vae.train()
        self.discriminator.train()
        with isolated_rng(self.seed, self.device), deterministic_kernels():
            batches = self._batches(total * self.rules.vae_steps, cache, workers)
            for step in range(total):
                if step == max(0, total - METRIC_STEPS):
                    meter.restart()
                generator.manual_seed(derive(self.seed, "vaal", "step", step))
                meter.add(step, self._step(batches, optimizers, generator))
                now = time.monotonic()
                if progress and (now - told >= PROGRESS_SECONDS or step + 1 == total):
                    progress(step + 1)
                    told = now
        meter.settle()
        return {name: value / meter.steps for name, value in meter.sums.items()}

    def _step(
        self,
        batches: Iterator[tuple[Batch, Batch]],
        optimizers: list[torch.optim.Adam],
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Make the autoencoder's steps, each with new batches, and the discriminator's, with the last."""
        for _ in range(self.rules.vae_steps):
            labelled, others = next(batches)
            parts = self._vae_losses(labelled, others, generator)
            _descend(optimizers[0], torch.stack(list(parts.values())).sum())
        with torch.no_grad():
            means = [self.vae.encode(batch)[0] for batch, _ in (labelled, others)]
        odds = [
            self.discriminator(mean, given)
            for mean, (_, given) in zip(means, (labelled, others), strict=True)
        ]
        parts["discriminator"] = discriminator_loss(*odds)
        _descend(optimizers[1], parts["discriminator"])
        return {name: loss.detach() for name, loss in parts.items()}

    def _vae_losses(self, labelled: Batch, others: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        reconstruction, divergence, odds = [], [], []
        for batch, given in (labelled, others):
            mean, log_variance = self.vae.encode(batch)
            noise = torch.randn(mean.shape, generator=generator, device=self.device)
            decoded = self.vae.decode(mean + noise * (0.5 * log_variance).exp(), given)
            reconstruction.append(reconstruction_loss(batch, decoded))
            divergence.append(kl_divergence(mean, log_variance, kind=self.rules.kl))
            odds.append(self.discriminator(mean, given))
        return {
            "reconstruction": reconstruction[0] + reconstruction[1],
            "kl": self.rules.beta * (divergence[0] + divergence[1]),
            "fooling": self.rules.adversarial * fooling_loss(*odds),
        }

    def _batches(self, count: int, cache: DeviceCache, workers: int) -> Iterator[tuple[Batch, Batch]]:
        streams = []
        for number, (pool, purpose) in enumerate(
            ((self.x, "vaal-labelled"), (self.unlabelled, "vaal-unlabelled"))
        ):
            order = Order(len(pool), self.rules.batch_size, seed=self.seed, purpose=purpose, whole=False)
            given = None if self.conditions is None else self.conditions[number].to(self.device)
            batches = stream(pool, order, range(count), self.device, cache, workers=workers)
            streams.append(_beside(batches, given))
        return zip(*streams, strict=True)


def _beside(batches: Iterator[tuple[Tensor, Tensor]], conditions: Tensor | None) -> Iterator[Batch]:
    for rows, batch in batches:
        yield batch, None if conditions is None else conditions[rows].unsqueeze(1)


def _descend(optimizer: torch.optim.Adam, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    optimizer.step()
