"""Choose among independently trained models without test labels, as Tables III to V of the TNNLS article do.

The learning rate follows the papers' steps: under a schedule that ends near 0, as some data sets use, outputs
change in the last epoch by round-off only. There are several pools of models, each with its own seeds;
results are means over the pools. Next to every Top-k(N) is what a random choice finds, and next to every
choice by sample the plain ensemble; the article has neither.

    python benchmarks/model_selection.py [--dataset NAME] [--models N] [--pools N]
        [--labelled FRACTION ...] [--predicted-loss] [--set KEY=VALUE] [--runs DIR] [--json] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from nextlabel.bench.environment import describe_environment
from nextlabel.config.experiment import load_config
from nextlabel.papers.studies.model_selection import MODELS, run_model_selection
from nextlabel.progress import bars


def mean_of(pools: list[dict[str, Any]], *keys: str) -> float | None:
    """Return the mean over pools of the value under these keys, or None if a pool has none."""
    values = []
    for pool in pools:
        for key in keys:
            pool = pool[key]  # noqa: PLW2901  # walking down
        values.append(pool)
    return None if None in values else statistics.fmean(values)


def levels(pools: list[dict[str, Any]], *keys: str) -> dict[str, Any]:
    """Return the means of one score's model level."""
    tops = pools[0]
    for key in keys:
        tops = tops[key]
    return {
        "rank_correlation": mean_of(pools, *keys, "rank_correlation"),
        "top": {
            name: {
                "fraction": mean_of(pools, *keys, "top", name, "fraction"),
                "random": mean_of(pools, *keys, "top", name, "random"),
                "cases": top["cases"] * len(pools),
            }
            for name, top in tops["top"].items()
        },
    }


def means(pools: list[dict[str, Any]]) -> dict[str, Any]:
    first = pools[0]
    return {
        "single": {name: mean_of(pools, "single", name) for name in ("min", "mean", "max")},
        "ensemble": mean_of(pools, "ensemble"),
        "any_right": mean_of(pools, "any_right"),
        "model_level": {score: levels(pools, "model_level", score) for score in first["model_level"]},
        "sample_level": {score: mean_of(pools, "sample_level", score) for score in first["sample_level"]},
        "gaps": {
            gap: {
                "model_level": levels(pools, "gaps", gap, "model_level"),
                **{
                    key: mean_of(pools, "gaps", gap, key)
                    for key in ("sample_level", "mean_discrepancy", "round_off")
                },
            }
            for gap in first["gaps"]
        },
    }


def studied(labelled: float, options: argparse.Namespace) -> dict[str, Any]:
    """Run the study for all pools of models that are trained on this fraction of the items."""
    config = load_config(
        options={"dataset": [options.dataset]}, settings=["learner.schedule=multistep", *options.set]
    )
    pools = []
    for seed in range(options.pools):
        folder = Path(options.runs) / f"model_selection-{options.dataset}-{labelled:g}-s{seed}"
        pools.append(
            run_model_selection(
                config, folder, models=options.models, labelled=labelled,
                predicted_loss=options.predicted_loss, seed=seed, progress=bars(),
            )
        )  # fmt: skip
    common = ("models", "n_labelled", "test_items", "settings", "device", "gap")
    return {
        **{key: pools[0][key] for key in common},
        "fit_seconds": sum(pool["fit_seconds"] for pool in pools),
        "means": means(pools),
        "accuracies": [pool["single"]["accuracies"] for pool in pools],
        "score_formulas": pools[0]["score_formulas"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--models", type=int, default=MODELS)
    parser.add_argument("--pools", type=int, default=3)
    parser.add_argument("--labelled", type=float, nargs="+", default=[1.0])
    parser.add_argument("--predicted-loss", action="store_true")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {
        "dataset": options.dataset,
        "seeds": list(range(options.pools)),
        "studies": [studied(labelled, options) for labelled in options.labelled],
        "environment": describe_environment(),
    }
    text = json.dumps(found, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    if options.json:
        print(text)
        return
    for study in found["studies"]:
        print(f"{options.pools} x {study['models']} models, each trained on {study['n_labelled']:,} items")
        show(study["means"])


def show(found: dict[str, Any]) -> None:
    tops = list(found["model_level"]["tod"]["top"])
    header = "".join(f"{'Top-' + top:>12}" for top in tops)
    print(f"{'score':<18}{header}{'rank corr.':>12}{'by sample':>12}")
    random = "".join(f"{found['model_level']['tod']['top'][top]['random']:12.1%}" for top in tops)
    print(f"{'random choice':<18}{random}")
    for score, level in found["model_level"].items():
        fractions = "".join(f"{level['top'][top]['fraction']:12.1%}" for top in tops)
        correlation = level["rank_correlation"]
        by_sample = found["sample_level"].get(score)
        print(
            f"{score:<18}{fractions}{'' if correlation is None else f'{correlation:.2f}':>12}"
            f"{'' if by_sample is None else f'{by_sample:.2%}':>12}"
        )
    single = found["single"]
    print(f"single models {single['min']:.2%} / {single['mean']:.2%} / {single['max']:.2%}, ", end="")
    print(f"ensemble {found['ensemble']:.2%}, any right {found['any_right']:.2%}")
    for gap, level in found["gaps"].items():
        fractions = "".join(f"{level['model_level']['top'][top]['fraction']:12.1%}" for top in tops)
        print(f"{gap:<18}{fractions}{'':>12}{level['sample_level']:>12.2%}", end="")
        print(f"  mean {level['mean_discrepancy']:.1e}, {level['round_off']:.0%} round-off")


if __name__ == "__main__":
    main()
