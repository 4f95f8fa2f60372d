"""nextlabel decides what to label next.

The public names are loaded when they are first used, so importing the package never imports torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextlabel.campaign.campaign import Budget, Campaign
    from nextlabel.campaign.oracles import SimulatedOracle
    from nextlabel.errors import NextlabelError
    from nextlabel.learners.sklearn import SklearnLearner
    from nextlabel.learners.torch import TorchLearner
    from nextlabel.ledger.ledger import Ledger
    from nextlabel.pool import Pool
    from nextlabel.selection.selection import score, select
    from nextlabel.tasks.classification import Classification
    from nextlabel.training.config import TrainingConfig
    from nextlabel.types import Outputs, PoolView

__version__ = "0.2.0"

_HOMES = {
    "Budget": "campaign.campaign",
    "Campaign": "campaign.campaign",
    "Classification": "tasks.classification",
    "Ledger": "ledger.ledger",
    "NextlabelError": "errors",
    "Outputs": "types",
    "Pool": "pool",
    "PoolView": "types",
    "SimulatedOracle": "campaign.oracles",
    "SklearnLearner": "learners.sklearn",
    "TorchLearner": "learners.torch",
    "TrainingConfig": "training.config",
    "score": "selection.selection",
    "select": "selection.selection",
}

__all__ = [
    "Budget",
    "Campaign",
    "Classification",
    "Ledger",
    "NextlabelError",
    "Outputs",
    "Pool",
    "PoolView",
    "SimulatedOracle",
    "SklearnLearner",
    "TorchLearner",
    "TrainingConfig",
    "score",
    "select",
]


def __getattr__(name: str) -> Any:  # Any: PEP 562
    if name not in _HOMES:
        raise AttributeError(f"module 'nextlabel' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"nextlabel.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
