"""The article's tables on selecting a trained model without labels, from your own models."""

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
"""Labels of the scores in the study, in the order of the article's Table III."""


def _model_selection(_: Sequence[Finished], request: Request) -> Made:
    from nextlabel.papers.studies.model_selection import GAPS, run_model_selection

    one = config_of([Arm("models", "random")], request.base)
    result = run_model_selection(
        one, request.folder / "models", gaps=GAPS, predicted_loss=True, progress=request.progress
    )
    notes = (
        f"Measured: {result['models']} models, each trained on all {result['n_labelled']:,} items of the "
        "pool with its own seed; Top-k(N) is computed over all subsets of N models.",
        f"Data set {result['dataset']}, seed {result['seed']}, device {result['device']}.",
        "The mean of all models' probabilities and a random choice are controls that the article lacks.",
        *result["notes"],
        *EXHIBITS["model_selection"].notes,
    )
    measured = f"{result['models']} models of one seed each, evaluated together"
    return points_made("model_selection", numbers(result), notes=notes, measured=measured)


def numbers(result: Mapping[str, Any]) -> list[Measured]:
    """Return the result of the study as rows of the article's Tables III to V, in %."""
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
        own.append(one("gap", "1 epoch" if gap == "epoch" else gap, level["sample_level"]))
    return own


MODEL_SELECTION = Exhibit("model_selection", no_arms, _model_selection)
