"""Compare the four first-cycle rules of COD; the default was chosen by this comparison.

Everything but the rule is the same: initial sets, initial weights, data order. The protocol is the papers':
10 % of the pool labelled at random, 5 % more per cycle, warm start.

    python benchmarks/first_cycle.py [--dataset NAME] [--seeds N] [--cycles N] [--runs DIR] [--json]
        [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from nextlabel.bench.environment import describe_environment
from nextlabel.bench.experiment import Experiment, default_jobs
from nextlabel.cli.display import follow
from nextlabel.config.experiment import load_config
from nextlabel.parts import Part
from nextlabel.report.statistics import area_under_curve, mean_interval, paired_difference
from nextlabel.results import Row

RULES = ("initial", "least_confident", "epoch", "random")


def curves(rows: list[Row]) -> dict[int, list[Row]]:
    """Return the rows of each seed, in order."""
    seeds = sorted({row.seed for row in rows})
    return {
        seed: sorted((row for row in rows if row.seed == seed), key=lambda row: row.cycle) for seed in seeds
    }


def run(rule: str, options: argparse.Namespace) -> dict[int, list[Row]]:
    config = load_config(
        options={
            "dataset": [options.dataset],
            "strategy": [Part("cod", {"first_cycle": rule})],
            "seeds": options.seeds,
            "cycles": options.cycles,
        }
    )
    experiment = Experiment.open(config, Path(options.runs) / f"first_cycle-{options.dataset}-{rule}")
    failures = follow(experiment.run(jobs=default_jobs(config)), experiment, quiet=options.json)
    if failures:
        raise SystemExit(f"{len(failures)} cells failed: {failures}")
    return curves(experiment.rows)


def areas(found: dict[int, list[Row]]) -> list[float]:
    return [
        100 * area_under_curve([row.n_labelled for row in rows], [row.accuracy for row in rows])
        for rows in found.values()
    ]


def summarise(results: dict[str, dict[int, list[Row]]], options: argparse.Namespace) -> dict[str, object]:
    reference = areas(results["least_confident"])
    rules = {}
    for rule, found in results.items():
        area, second = mean_interval(areas(found)), [100 * rows[1].accuracy for rows in found.values()]
        against = None if rule == "least_confident" else paired_difference(areas(found), reference)
        rules[rule] = {
            "area_under_curve": area.mean,
            "area_half_width": area.half_width,
            "against_least_confident": against.interval.mean if against else None,
            "against_half_width": against.interval.half_width if against else None,
            "p": against.p if against else None,
            "accuracy_after_the_first_query": mean_interval(second).mean,
            "first_query_loss_correlation": mean_interval(
                [rows[0].loss_correlation for rows in found.values() if rows[0].loss_correlation is not None]
                or [0.0]
            ).mean,
        }
    return {
        "dataset": options.dataset,
        "seeds": options.seeds,
        "cycles": options.cycles,
        "environment": describe_environment(),
        "rules": rules,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--cycles", type=int, default=7)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    summary = summarise({rule: run(rule, options) for rule in RULES}, options)
    text = json.dumps(summary, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    if options.json:
        print(text)
        return
    print(f"{'rule':<16} {'area, %':>8} {'against least_confident':>24} {'p':>7} {'after 1st query, %':>19}")
    for rule, found in summary["rules"].items():
        against = found["against_least_confident"]
        words = "" if against is None else f"{against:+.2f} ± {found['against_half_width']:.2f}"
        p = "" if found["p"] is None else f"{found['p']:.3f}"
        print(
            f"{rule:<16} {found['area_under_curve']:8.2f} {words:>24} {p:>7} "
            f"{found['accuracy_after_the_first_query']:19.2f}"
        )


if __name__ == "__main__":
    main()
