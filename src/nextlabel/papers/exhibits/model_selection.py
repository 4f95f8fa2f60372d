"""The article's tables of choosing a trained model without labels, from models of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nextlabel.papers.exhibits.arms import Arm, Finished, config_of
from nextlabel.papers.exhibits.exhibit import Exhibit, Made, Request, no_arms
from nextlabel.papers.exhibits.numbers import Measured
from nextlabel.papers.exhibits.presentation import points_made
from nextlabel.papers.published.exhibits import EXHIBITS

__all__ = ["MODEL_SELECTION", "numbers"]

NAMES: Mapping[str, str] = {
    "train_loss": "Train loss",
    "least_confidence": "Least-C",
    "margin": "Margin-C",
    "ratio": "Ratio-C",
    "entropy": "Entropy",
    "predicted_loss": "LL4AL",
    "tod": "TOD",
}
"""The scores by their names in the study, in the order of the article's Table III."""

GAPS: Mapping[str, str] = {
    "epoch": "1 epoch",
    "5 steps": "5 steps",
    "20 steps": "20 steps",
    "50 steps": "50 steps",
    "2 epochs": "2 epochs",
    "5 epochs": "5 epochs",
}
"""The gaps by their names in the study, in the order of the article's Table V."""


def _model_selection(_: Sequence[Finished], request: Request) -> Made:
    from nextlabel.papers.studies.model_selection import run_model_selection

    one = config_of([Arm("models", "random")], request.base)
    result = run_model_selection(
        one, request.folder / "models", gaps=tuple(GAPS), predicted_loss=True, progress=request.progress
    )
    notes = (
        f"Measured: {result['models']} models, each trained on all {result['n_labelled']:,} items of the "
        "pool under a seed of its own; Top-k(N) is over all subsets of N of them.",
        f"Data set {result['dataset']}, seed {result['seed']}, device {result['device']}.",
        "The mean of all models' probabilities and a random choice are controls that the article lacks.",
        *result["notes"],
        *EXHIBITS["model_selection"].notes,
    )
    measured = f"{result['models']} models of one seed each, judged together"
    return points_made("model_selection", numbers(result), notes=notes, measured=measured)


def numbers(result: Mapping[str, Any]) -> list[Measured]:
    """Return the study's result as the rows of the article's Tables III to V, in %."""
    dataset, models = str(result["dataset"]), int(result["models"])

    def one(panel: str, series: str, fraction: float, *, control: bool = False) -> Measured:
        return Measured(dataset, panel, series, None, 100 * fraction, None, models, "%", control)

    own = []
    by_choice: dict[str, float] = {}
    for name, label in NAMES.items():
        for top, hits in result["model_level"].get(name, {}).get("top", {}).items():
            own.append(one(f"Top-{top}", label, hits["fraction"]))
            by_choice[top] = hits["random"]
    own += [one(f"Top-{top}", "random choice", fraction, control=True) for top, fraction in by_choice.items()]
    for key, label in (("min", "minimum"), ("mean", "mean"), ("max", "maximum")):
        own.append(one("sample level", f"single model, {label}", result["single"][key]))
    for name, label in NAMES.items():
        if name in result["sample_level"]:
            own.append(one("sample level", label, result["sample_level"][name]))
    mean = "mean of all models (not in the papers)"
    own.append(one("sample level", mean, result["ensemble"], control=True))
    for gap, level in result["gaps"].items():
        own.append(one("gap", GAPS.get(gap, gap), level["sample_level"]))
    return own


MODEL_SELECTION = Exhibit("model_selection", no_arms, _model_selection)
