"""The adversarial training of VAAL: an autoencoder and a discriminator of labelled and unlabelled images.

It follows the fit of the task and leaves one file in the folder of that fit. An image may have a condition, a
number that decoder and discriminator see next to it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nextlabel.errors import DataError
from nextlabel.models.vae import LEAST_PIXELS, ConvolutionalVae, Discriminator
from nextlabel.parts import check_choices, check_ranges
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.registry import check_fields
from nextlabel.seeds import derive
from nextlabel.training.batches import DeviceCache, Order, sequential, stream
from nextlabel.training.checkpoint import check_same, joined, load_state, part, read_tensors, write_tensors
from nextlabel.training.device import DeviceName, Engine, deterministic_kernels, isolated_rng
from nextlabel.training.loop import PROGRESS_SECONDS, LossMeter
from nextlabel.training.predict import trained_model
from nextlabel.training.vaal_losses import (
    Kl,
    discriminator_loss,
    fooling_loss,
    kl_divergence,
    reconstruction_loss,
)

__all__ = ["STATE", "VaalConfig", "VaalTrainer"]

STATE = "vaal.safetensors"
"""Written last: a folder that holds it holds a finished training run."""

METRIC_STEPS = 100
"""The reported losses are means over this many last steps."""

Batch = tuple[Tensor, Tensor | None]
"""(B, ...) images and, where there are conditions, their (B, 1)."""


@dataclass(frozen=True, kw_only=True)
class VaalConfig:
    """The options of the adversarial training, as :class:`nextlabel.learners.vaal.Vaal` describes them.

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
        check_fields(self)
        part, ranges = "wrapper 'vaal'", {"lr": "(0, inf)", "beta": "[0, inf)", "adversarial": "[0, inf)"}
        options = {name: value for name, value in vars(self).items() if value is not None}
        check_choices(part, kl=(options.pop("kl"), Kl))
        check_ranges(part, **{name: (v, ranges.get(name, "[1, inf)")) for name, v in options.items()})

    def total(self, labelled: int, unlabelled: int) -> int:
        """Return the number of steps: none where one side has no items."""
        if not labelled or not unlabelled:
            return 0
        return self.steps or max(1, (labelled + unlabelled) * self.epochs // self.batch_size)


@dataclass
class VaalTrainer:
    """Train autoencoder and discriminator against each other, keep them, and score images with them.

    The weights are a function of the arguments: a training run that was killed starts over and ends in the
    same ones.

    Attributes:
        config: The options.
        device: Where to compute.
        workers: Processes that load items of pools that are not tensors.
        predict_batch_size: Images per pass of :meth:`score`.
        conditions: Conditions per image, 0 or 1.
    """

    config: VaalConfig
    device: DeviceName
    workers: int
    predict_batch_size: int
    conditions: int

    def __post_init__(self) -> None:
        self._trained: tuple[ConvolutionalVae, Discriminator] | None = None
        self._cache = DeviceCache()

    def checked_shape(self, x: Pool) -> tuple[int, ...]:
        """Return the shape of the pool's images; DataError if they are none, or too small."""
        with isolated_rng(0):  # items of a data set may draw
            shape = tuple(torch.as_tensor(x[0]).shape)
        if len(shape) not in (2, 3) or min(shape[-2:]) < LEAST_PIXELS:
            raise DataError(
                "items must be images of shape (channels, height, width) or (height, width) with at least "
                f"{LEAST_PIXELS} x {LEAST_PIXELS} pixels for VAAL, got shape {shape} for item '{x.ids[0]}'; "
                "choose a strategy that needs no autoencoder"
            )
        return shape

    def train(
        self,
        x: Pool,
        unlabelled: Pool,
        conditions: Callable[[Pool], Tensor] | None,
        *,
        seed: int,
        workdir: Path,
        progress: Progress | None = None,
    ) -> dict[str, float]:
        """Train both networks, or load what an equal training run left in the folder, and return metrics.

        Args:
            x: The L labelled images.
            unlabelled: The U others; without any, the networks keep their initial weights.
            conditions: Gives the (L,) or (U,) conditions of a pool, or None; called only if there are steps.
            seed: All randomness is derived from it.
            workdir: The folder of the fit.
            progress: Called with the steps done, at most ten times a second and at the end.

        Returns:
            ``vaal_PART_loss``, means over the last steps; ``vaal_steps``; ``vaal_seconds``.

        Raises:
            DataError: The folder holds a run of other arguments, or cannot be written.
            ContractError: A loss is not finite.
        """
        shape = self.checked_shape(x)
        arguments = {
            "seed": seed,
            "labelled": x.digest(),
            "unlabelled": unlabelled.digest(),
            "conditions": self.conditions,
            "shape": list(shape),
            **asdict(self.config),
        }
        path = Path(workdir) / STATE
        if path.exists():
            _, notes = read_tensors(path)
            check_same(notes["arguments"], arguments, path)
            self.load(workdir)
            return dict(notes["metrics"])
        began = time.perf_counter()
        engine = Engine(self.device, "no")
        with isolated_rng(derive(seed, "vaal", "weights")):
            vae, discriminator = self._networks(shape)
        steps = self.config.total(len(x), len(unlabelled))
        run = _AdversarialRun(
            self.config, vae.to(engine.device), discriminator.to(engine.device), seed, engine
        )
        count, batches = steps * self.config.vae_steps, []
        for pool, purpose in ((x, "vaal-labelled"), (unlabelled, "vaal-unlabelled")) if steps else ():
            values = None if conditions is None else conditions(pool)
            batches.append(run.batches(pool, purpose, values, count, cache=self._cache, workers=self.workers))
        losses = run.make_steps(steps, zip(*batches, strict=True), progress)
        metrics = {
            **{f"vaal_{name}_loss": value for name, value in losses.items()},
            "vaal_steps": steps,
            "vaal_seconds": time.perf_counter() - began,
        }
        states = {"vae": vae.state_dict(), "discriminator": discriminator.state_dict()}
        write_tensors(path, joined(states), {"arguments": arguments, "metrics": metrics})
        self._trained = vae, discriminator
        return metrics

    def score(self, x: Pool, conditions: Tensor | None, *, seed: int) -> Tensor:
        """Return (N,) probabilities of being labelled, from the images' latent means, on the CPU.

        The networks are in evaluation mode, so that a score does not depend on the other images of its
        batch; the authors' code leaves them in training mode.

        Raises:
            ContractError: Nothing was trained.
            DataError: There are no items.
        """
        device = Engine(self.device, "no").device
        vae, discriminator = trained_model(self._trained, x)
        vae.to(device).eval()
        discriminator.to(device).eval()
        size = self.predict_batch_size
        values: Iterable[Tensor | None] = itertools.repeat(None)
        if conditions is not None:
            values = conditions.to(device).unsqueeze(1).split(size)  # type: ignore[no-untyped-call]  # torch
        with isolated_rng(derive(seed, "predict"), device), torch.no_grad():
            batches = sequential(x, size, seed, device, self._cache, workers=self.workers)
            found = [
                discriminator(vae.encode(batch)[0], condition).sigmoid()
                for batch, condition in zip(batches, values, strict=False)
            ]
        return torch.cat(found).cpu()

    def load(self, workdir: Path) -> None:
        """Load what :meth:`train` left in the folder; ConfigurationError if its networks have other sizes."""
        tensors, notes = read_tensors(Path(workdir) / STATE)
        with isolated_rng(0):  # the weights drawn here are replaced at once
            vae, discriminator = self._networks(notes["arguments"]["shape"])
        load_state(vae, part(tensors, "vae"), what="the vae")
        load_state(discriminator, part(tensors, "discriminator"), what="the discriminator")
        self._trained = vae, discriminator

    def reset(self) -> None:
        """Forget both networks."""
        self._trained = None

    def _networks(self, shape: tuple[int, ...]) -> tuple[ConvolutionalVae, Discriminator]:
        config, conditions = self.config, self.conditions
        return (
            ConvolutionalVae(shape, latent=config.latent, width=config.width, conditions=conditions),
            Discriminator(config.latent, units=config.units, conditions=conditions),
        )


@dataclass(frozen=True)
class _AdversarialRun:
    """One training run from its first step to its last."""

    config: VaalConfig
    vae: ConvolutionalVae
    discriminator: Discriminator
    seed: int
    engine: Engine

    def batches(
        self, pool: Pool, purpose: str, conditions: Tensor | None, count: int, **loading: Any
    ) -> Iterator[Batch]:  # Any: options of stream
        """Yield ``count`` batches of the labelled or of the unlabelled images, with their conditions."""
        device = self.engine.device
        order = Order(len(pool), self.config.batch_size, seed=self.seed, purpose=purpose, whole=False)
        values = None if conditions is None else conditions.to(device).unsqueeze(1)
        for rows, batch in stream(pool, order, range(count), device, **loading):
            yield batch, None if values is None else values[rows]

    def make_steps(
        self, total: int, batches: Iterator[tuple[Batch, Batch]], progress: Progress | None
    ) -> dict[str, float]:
        """Make the steps and return the mean of each loss over the last of them."""
        meter, reported = LossMeter(), time.monotonic()
        optimizers = [
            torch.optim.Adam(network.train().parameters(), lr=self.config.lr)
            for network in (self.vae, self.discriminator)
        ]
        generator = torch.Generator(self.engine.device)
        with isolated_rng(self.seed, self.engine.device), deterministic_kernels():
            for step in range(total):
                if step == max(0, total - METRIC_STEPS):
                    meter.restart()
                generator.manual_seed(derive(self.seed, "vaal", "step", step))
                meter.add(step, self._step(batches, optimizers, generator))
                now = time.monotonic()
                if progress and (now - reported >= PROGRESS_SECONDS or step + 1 == total):
                    progress("fit", step + 1, total)
                    reported = now
        meter.settle()
        return {name: value / meter.steps for name, value in meter.sums.items()}

    def _step(
        self,
        batches: Iterator[tuple[Batch, Batch]],
        optimizers: list[torch.optim.Adam],
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Make the autoencoder's steps, each with new batches, then the discriminator's with the last."""
        for _ in range(self.config.vae_steps):
            sides = next(batches)
            parts = self._vae_losses(sides, generator)
            self.engine.step(optimizers[0], torch.stack(list(parts.values())).sum())
        with torch.no_grad():
            means = [self.vae.encode(batch)[0] for batch, _ in sides]
        odds = [self.discriminator(mean, side[1]) for mean, side in zip(means, sides, strict=True)]
        parts["discriminator"] = discriminator_loss(*odds)
        self.engine.step(optimizers[1], parts["discriminator"])
        return {name: loss.detach() for name, loss in parts.items()}

    def _vae_losses(self, sides: tuple[Batch, Batch], generator: torch.Generator) -> dict[str, Tensor]:
        reconstruction, divergence, odds = [], [], []
        for batch, condition in sides:
            mean, log_variance = self.vae.encode(batch)
            noise = torch.randn(mean.shape, generator=generator, device=self.engine.device)
            decoded = self.vae.decode(mean + noise * (0.5 * log_variance).exp(), condition)
            reconstruction.append(reconstruction_loss(batch, decoded))
            divergence.append(kl_divergence(mean, log_variance, kind=self.config.kl))
            odds.append(self.discriminator(mean, condition))
        return {
            "reconstruction": reconstruction[0] + reconstruction[1],
            "kl": self.config.beta * (divergence[0] + divergence[1]),
            "fooling": self.config.adversarial * fooling_loss(*odds),
        }
