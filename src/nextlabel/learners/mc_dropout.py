"""Monte Carlo dropout: several predictions of one network, each with other units dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from nextlabel.errors import ContractError
from nextlabel.learners.torch import TorchLearner
from nextlabel.parts import check_whole
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.training.config import check_option
from nextlabel.training.predict import DRAWN, trained_model
from nextlabel.types import Outputs

__all__ = ["McDropout"]

ChannelDropout: TypeAlias = nn.Dropout1d | nn.Dropout2d | nn.Dropout3d
Dropout: TypeAlias = nn.Dropout | ChannelDropout


class McDropout:
    """Give several draws of a trained network, its dropout layers active and all else in evaluation mode.

    Y. Gal, Z. Ghahramani: Dropout as a Bayesian Approximation, ICML 2016; for queries Y. Gal, R. Islam, Z.
    Ghahramani: Deep Bayesian Active Learning with Image Data, ICML 2017. The masks are consistent, as in A.
    Kirsch, J. van Amersfoort, Y. Gal: BatchBALD, NeurIPS 2019, section 3: within one draw, all items pass
    through the same network. A mask is a function of the seed, the draw and the layer, so a draw does not
    depend on how the items are batched.

    The layers are torch's modules ``Dropout`` and ``Dropout1d``, ``2d`` and ``3d`` with p > 0; calls of
    ``torch.nn.functional`` are not found. A layer that a pass calls twice drops the same units twice.

    Args:
        learner: The learner, which trains as it does without the wrapper.
        draws: K, at least 2.

    Attributes:
        main: The learner, whose predictions have no dropout.
        progress: Called during ``fit``, or None.

    Raises:
        ConfigurationError: There are fewer than two draws.
    """

    def __init__(self, learner: TorchLearner, *, draws: int = 10) -> None:
        check_option("learner", learner, isinstance(learner, TorchLearner), "a TorchLearner", "wrap one")
        check_whole("draws", draws, 2)
        self.main, self.draws = learner, draws
        self.warm_start = self.main.warm_start
        self.task, self.snapshots = self.main.task, self.main.snapshots
        self.progress: Progress | None = None

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train the learner, see :meth:`TorchLearner.fit`; the model must have dropout (ContractError)."""
        _dropouts(self.main.new_network(seed))  # refused before training
        self.main.progress = self.progress
        return self.main.fit(x, y, unlabelled, seed=seed, workdir=workdir)

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return the draws of the network, one pass each, and all other fields without dropout.

        ``log_probs``, (N, K, C) in nats, and ``values``, (N, K, 1), are draws; the masks are derived from the
        seed. Arguments and errors are those of :meth:`TorchLearner.predict`.
        """
        network = trained_model(self.main.network, x)
        drawn, rest = needs & DRAWN, needs - DRAWN
        fields = self.main.predict(x, needs=rest, seed=seed).fields() if rest else {}
        draws = []
        for draw in range(self.draws if drawn else 0):
            with _dropping(network, derive(seed, "dropout", draw)):
                draws.append(self.main.predict(x, needs=drawn, seed=seed).fields())
        fields |= {name: torch.cat([draw[name] for draw in draws], 1) for name in drawn}
        return Outputs.from_fields(fields)

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Load what ``fit`` left in ``workdir``; see :meth:`TorchLearner.load`."""
        self.main.load(workdir, snapshot=snapshot)

    def reset(self) -> None:
        """Forget every fit."""
        self.main.reset()


class _Mask:
    """A forward hook that drops units of a layer's output, the same ones of every item."""

    def __init__(self, layer: Dropout, seed: int) -> None:
        self.fraction, self.whole_channels, self.seed = layer.p, isinstance(layer, ChannelDropout), seed
        self._masks: dict[tuple[int, ...], Tensor] = {}

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        shape = tuple(output.shape[1:])
        if self.whole_channels:
            shape = (shape[0], *(1 for _ in shape[1:]))
        if shape not in self._masks:
            generator = torch.Generator().manual_seed(self.seed)  # on the CPU: every device drops alike
            kept = torch.rand(shape, generator=generator) >= self.fraction
            self._masks[shape] = (kept / (1 - self.fraction)).to(output.device)
        return output * self._masks[shape].to(output.dtype)


@contextmanager
def _dropping(network: nn.Module, seed: int) -> Iterator[None]:
    handles = [
        layer.register_forward_hook(_Mask(layer, derive(seed, name)))
        for name, layer in _dropouts(network).items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _dropouts(network: nn.Module) -> dict[str, Dropout]:
    """Return the layers of a network that drop something, by name; refuse a network without."""
    found = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, Dropout) and 0 < layer.p < 1
    }
    if not found:
        raise ContractError(
            "the model must have a dropout layer with p above 0 for Monte Carlo dropout, got none; give the "
            "model the option dropout=0.5"
        )
    return found
