"""Draw our long runs next to the papers' numbers: samplers without and with the TOD loss.

python benchmarks/side_by_side.py [--results DIR] [--out DIR]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from nextlabel.papers.exhibits.numbers import Measured, measured
from nextlabel.papers.exhibits.presentation import controls_last, lines_made
from nextlabel.results import Row, read_csv

POOLS = {"digits": 1437, "animals": 7716}
FILES = {
    "digits": ("digits", "digits-wrappers"),
    "animals": ("animals", "animals-tod", "animals-wrappers"),
}
SERIES = {
    "cod": "Ours",
    "vaal": "VAAL",
    "learning_loss": "LL4AL",
    "core_set": "Core-set",
    "random": "Random",
    "margin": "Margin",
    "entropy": "Entropy",
}
CONTROLS = ("margin", "entropy")
PANELS = {"supervised": "without the loss", "tod": "with the loss"}


def numbers(dataset: str, rows: Iterable[Row]) -> list[Measured]:
    """Return mean and deviation of the accuracy in %, by sampler, loss and fraction of labels."""
    groups: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for row in rows:
        if row.strategy in SERIES and row.objective in PANELS:
            groups[row.objective, row.strategy, row.n_labelled].append(100 * row.accuracy)
    order = {name: place for place, name in enumerate(SERIES)}
    found = sorted(groups.items(), key=lambda item: (item[0][0], order[item[0][1]], item[0][2]))
    return controls_last(
        [
            measured(
                values,
                dataset=dataset,
                panel=PANELS[objective],
                series=SERIES[strategy],
                x=100 * labels / POOLS[dataset],
                unit="%",
                control=strategy in CONTROLS,
            )
            for (objective, strategy, labels), values in found
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    for dataset, files in FILES.items():
        paths = [options.results / f"{name}.csv" for name in files]
        rows = [row for path in paths for row in read_csv(path)]
        image = lines_made("suppfig2", numbers(dataset, rows)).images[0]
        for theme, svg in (("light", image.svg), ("dark", image.dark)):
            (options.out / f"side-by-side-{dataset}-{theme}.svg").write_text(svg, encoding="utf-8")
        print(f"{dataset}: {image.description}")


if __name__ == "__main__":
    main()
