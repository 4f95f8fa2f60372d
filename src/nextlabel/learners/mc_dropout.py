"""Monte Carlo dropout: several predictions of one network, each with other units dropped.

Knows nothing of what the draws are used for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from nextlabel.errors import ConfigurationError, ContractError
from nextlabel.learners.torch import TorchLearner
from nextlabel.pool import Pool
from nextlabel.progress import Progress
from nextlabel.seeds import derive
from nextlabel.types import Outputs

__all__ = ["McDropout"]

OWN = frozenset({"log_probs", "values"})

UNITS = (nn.Dropout,)
"""Layers that drop single numbers."""

CHANNELS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""Layers that drop whole channels."""


class McDropout:
    """Give several draws of a trained network, its dropout layers active and all else in evaluation mode.

    Y. Gal, Z. Ghahramani: Dropout as a Bayesian Approximation, ICML 2016; for queries Y. Gal, R. Islam, Z.
    Ghahramani: Deep Bayesian Active Learning with Image Data, ICML 2017. The masks are consistent, as in A.
    Kirsch, J. van Amersfoort, Y. Gal: BatchBALD, NeurIPS 2019, section 3: in one draw every item is passed
    by the same network, not by one of its own. A mask is a function of the seed, the draw and the layer, so
    that a draw does not depend on how the items are batched.

    Dropout is found in modules of torch: ``Dropout`` and ``Dropout1d``, ``2d`` and ``3d`` with p > 0; not in
    calls of ``torch.nn.functional``. A layer that a pass calls twice drops the same units twice.

    Args:
        learner: The learner, which trains as it does alone.
        draws: K, at least 2.

    Attributes:
        main: The learner, whose predictions have no dropout.
        progress: Called during ``fit``, or None.

    Raises:
        ConfigurationError: There are fewer than two draws.
    """

    def __init__(self, learner: TorchLearner, *, draws: int = 10) -> None:
        if draws < 2:
            raise ConfigurationError(f"Monte Carlo dropout needs at least 2 draws, but got draws={draws}")
        self.main, self.draws = learner, draws
        self.warm_start = self.main.warm_start
        self.progress: Progress | None = None

    def fit(self, x: Pool, y: Tensor, unlabelled: Pool, *, seed: int, workdir: Path) -> dict[str, float]:
        """Train the learner and return its measures.

        Args:
            x: The L labelled items.
            y: (L,) labels.
            unlabelled: The other items.
            seed: Of the training.
            workdir: An existing folder for this training alone.

        Raises:
            ContractError: The model has no dropout, or broke its contract, or the loss is not finite.
            LabelsError: The labels cannot be learnt.
            DataError: The folder holds another training or cannot be written.
        """
        _dropouts(self.main.new_network(seed))  # a model without is refused before its training
        self.main.progress = self.progress
        return self.main.fit(x, y, unlabelled, seed=seed, workdir=workdir)

    def predict(self, x: Pool, *, needs: frozenset[str], seed: int) -> Outputs:
        """Return the draws of the network, and all else that is needed without dropout.

        Every draw is a pass of its own over the items.

        Args:
            x: The N items.
            needs: ``log_probs``, (N, K, C) in nats, or ``values``, (N, K, 1), by dropout; what else the
                learner gives.
            seed: The masks are derived from it.

        Raises:
            ContractError: Nothing was trained, or the learner cannot give what is needed.
            DataError: There are no items, or they do not stack.
        """
        wanted, network = needs & OWN, self.main.network
        rest = needs - wanted
        fields = self.main.predict(x, needs=rest, seed=seed).fields() if rest else {}
        if wanted and network is None:
            raise ContractError("predict needs a trained model, but there is none; call fit or load first")
        if wanted and network is not None:
            draws = []
            for draw in range(self.draws):
                with _dropping(network, derive(seed, "dropout", draw)):
                    draws.append(self.main.predict(x, needs=wanted, seed=seed).fields())
            fields |= {name: torch.cat([draw[name] for draw in draws], 1) for name in wanted}
        return Outputs.from_fields(fields)

    def load(self, workdir: Path, *, snapshot: str = "end") -> None:
        """Become the model that ``fit`` left in ``workdir``.

        Raises:
            DataError: The folder holds no such state, or a damaged one.
            ConfigurationError: There is no such snapshot, or the state does not fit the model.
        """
        self.main.load(workdir, snapshot=snapshot)

    def reset(self) -> None:
        """Forget every training."""
        self.main.reset()


class _Mask:
    """A forward hook that drops units of a layer's output, the same ones of every item."""

    def __init__(self, layer: nn.Module, seed: int) -> None:
        self.fraction, self.whole_channels, self.seed = _share(layer), isinstance(layer, CHANNELS), seed
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


def _dropouts(network: nn.Module) -> dict[str, nn.Module]:
    """Return the layers of a network that drop something, by name.

    Raises:
        ContractError: There are none.
    """
    found: dict[str, nn.Module] = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, UNITS + CHANNELS) and 0 < _share(layer) < 1
    }
    if not found:
        raise ContractError(
            "Monte Carlo dropout needs a model with a dropout layer whose p is above 0, but it has none; "
            "give the model the option dropout=0.5"
        )
    return found


def _share(layer: nn.Module) -> float:
    fraction: float = layer.p  # type: ignore[assignment]  # every dropout layer has it
    return fraction
