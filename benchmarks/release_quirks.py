"""Measure what the released code's quirks cost: the preset code against the same with one of them fixed.

The campaigns use COD with the TOD loss, are paired by seed, and differ in nothing else. ``--gradients``
measures instead how much one joint pass changes the gradient of the release's two passes, on ResNet-18 and
CIFAR-10 (JPEG), which needs ``NEXTLABEL_DATA``.

    python benchmarks/release_quirks.py [--dataset NAME] [--seeds N] [--cycles N] [--epochs N] [--runs DIR]
        [--out FILE]
    python benchmarks/release_quirks.py --gradients [--width N] [--seeds N] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from nextlabel.bench.environment import describe_environment
from nextlabel.bench.experiment import Experiment, default_jobs
from nextlabel.cli.display import follow
from nextlabel.config.experiment import load_config
from nextlabel.datasets.catalogue import DATASETS
from nextlabel.models.cifar_resnet import CifarResNet18
from nextlabel.objectives.tod import Tod
from nextlabel.parts import Part
from nextlabel.presets.catalogue import load_preset
from nextlabel.report.statistics import area_under_curve, mean_interval, paired_difference
from nextlabel.training.network import ModuleNetwork

REPAIRS: dict[str, dict[str, str]] = {
    "code": {},
    "objective.tod.passes": {"passes": "joint"},
    "objective.tod.teacher_start": {"teacher_start": "copy"},
    "objective.tod.teacher_buffers": {"teacher_buffers": "copied"},
    "learner.unlabelled_draw": {},
    "repaired": {},
}
"""The arms: ``code``, ``code`` with one setting as in ``repaired``, and ``repaired``."""


def areas(arm: str, options: argparse.Namespace) -> list[float]:
    """Run an arm and return the area under the learning curve of each seed, in %."""
    tree: dict[str, Any] = {
        "preset": "repaired" if arm == "repaired" else "code",
        "dataset": [options.dataset], "strategy": ["cod"], "objective": ["tod"],
        "seeds": options.seeds, "cycles": options.cycles,
    }  # fmt: skip
    if REPAIRS[arm]:
        tree["objective"] = [Part("tod", REPAIRS[arm])]
    learner: dict[str, Any] = {"unlabelled_draw": "passes"} if arm == "learner.unlabelled_draw" else {}
    if options.epochs:
        learner["epochs"] = options.epochs
    config = load_config(options={**tree, "learner": learner} if learner else tree)
    experiment = Experiment.open(config, Path(options.runs) / f"quirks-{options.dataset}-{arm}")
    failures = follow(experiment.run(jobs=default_jobs(config)), experiment, quiet=True)
    if failures:
        raise SystemExit(f"{len(failures)} cells failed: {failures}")
    curves: dict[int, list[tuple[int, float]]] = {}
    for row in experiment.rows:
        curves.setdefault(row.seed, []).append((row.n_labelled, row.accuracy))
    return [100 * area_under_curve(*zip(*sorted(curves[seed]), strict=True)) for seed in sorted(curves)]


def campaigns(options: argparse.Namespace) -> dict[str, Any]:
    found = {arm: areas(arm, options) for arm in REPAIRS}
    arms = {}
    for arm, values in found.items():
        against = None if arm == "code" else paired_difference(values, found["code"])
        arms[arm] = {
            "area": mean_interval(values).mean,
            "area_half_width": mean_interval(values).half_width,
            "against_code": against.interval.mean if against else None,
            "against_half_width": against.interval.half_width if against else None,
            "p": against.p if against else None,
            "areas": values,
        }
    return {"dataset": options.dataset, "cycles": options.cycles, "epochs": options.epochs, "arms": arms}


def gradient(network: ModuleNetwork, passes: str, x: torch.Tensor, y: torch.Tensor, u: torch.Tensor) -> Any:
    """Return the gradient of one step of the TOD loss in its form ``code`` at the network's weights."""
    given = {**load_preset("code", "cifar10")["options"]["objective"]["tod"], "passes": passes}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        objective = Tod(**given)
        objective.take_fresh(ModuleNetwork(CifarResNet18(tuple(x.shape[1:]), 10, width=network.module.width)))
        network.eval()
        objective.bind(network, network(x[:2]))
    network.train()
    losses = objective(network, x, y, u, step=0)
    return torch.cat([g.flatten() for g in torch.autograd.grad(losses.total, list(network.parameters()))])


def gradients(options: argparse.Namespace) -> dict[str, Any]:
    data = DATASETS.create("cifar10_jpeg", pool=2000, test=10)
    mean, deviation = (
        torch.tensor(v).view(3, 1, 1) for v in load_preset("code", "cifar10")["learner"]["normalise"]
    )
    images = (torch.from_numpy(data.pool.x[:2000]).float() / 255 - mean) / deviation
    labels = torch.from_numpy(data.pool.y[:2000])
    changes: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = ModuleNetwork(CifarResNet18((3, 32, 32), 10, width=options.width))
        network.module.width = options.width
        network.with_embeddings = True
        for labelled in (128, 8):
            rows = torch.randperm(len(images), generator=generator)[: labelled + 128]
            batch = images[rows[:labelled]], labels[rows[:labelled]], images[rows[labelled:]]
            apart, joint = (gradient(network, passes, *batch) for passes in ("separate", "joint"))
            changes.setdefault(f"{labelled}+128", []).append(float((joint - apart).norm() / apart.norm()))
    return {"width": options.width, "seeds": options.seeds, "relative_change_of_the_gradient": changes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--cycles", type=int, default=7)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    measured = gradients(options) if options.gradients else campaigns(options)
    text = json.dumps({**measured, "environment": describe_environment()}, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
