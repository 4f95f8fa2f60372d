"""nextlabel decides what to label next.

The public names are loaded on first use, so importing the package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nextlabel.campaign.campaign import Budget as Budget
    from nextlabel.campaign.campaign import Campaign as Campaign
    from nextlabel.campaign.oracles import SimulatedOracle as SimulatedOracle
    from nextlabel.errors import NextlabelError as NextlabelError
    from nextlabel.learners.sklearn import SklearnLearner as SklearnLearner
    from nextlabel.learners.torch import TorchLearner as TorchLearner
    from nextlabel.ledger.ledger import Ledger as Ledger
    from nextlabel.pool import Pool as Pool
    from nextlabel.selection.selection import score as score
    from nextlabel.selection.selection import select as select
    from nextlabel.tasks.classification import Classification as Classification
    from nextlabel.training.config import TrainingConfig as TrainingConfig
    from nextlabel.types import Outputs as Outputs
    from nextlabel.types import PoolView as PoolView

__version__ = "0.2.0"

_MODULES = {
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

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:  # Any: PEP 562
    if name not in _MODULES:
        raise AttributeError(f"module 'nextlabel' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(f"nextlabel.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
