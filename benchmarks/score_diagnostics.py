r"""Write how well the scores of every seed estimate the true losses, from its recorded diagnostics, as CSV.

Reads the cells of `nextlabel reproduce fig6` (or fig3, fig5, suppfig3, which share them):

    python benchmarks/score_diagnostics.py runs/reproduction/cells \
        > benchmarks/results/exhibits/score-diagnostics-digits.csv
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from nextlabel.bench.diagnostics_record import FRACTIONS, read_diagnostics
from nextlabel.bench.outcome import rows_of
from nextlabel.errors import DataError

SHOWN = (0.01, 0.05, 0.10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", type=Path, help="the folder of the cells")
    cells = parser.parse_args().cells
    writer = csv.writer(sys.stdout, lineterminator="\n")
    fractions = [f"found_of_top_{fraction:g}" for fraction in SHOWN]
    writer.writerow(
        ["dataset", "score", "seed", "cycle", "n_candidates", "spearman", "mean_loss", *fractions]
    )
    for folder in sorted(cells.iterdir()):
        try:
            scorers = read_diagnostics(folder)
        except DataError:
            continue  # a cell of another exhibit
        row = rows_of(folder)[0]
        for one in scorers:
            found = [one.top_found[FRACTIONS.index(fraction)] for fraction in SHOWN]
            facts = [row.dataset, one.label, row.seed, one.cycle, one.n_candidates]
            writer.writerow([*facts, one.spearman, one.mean_loss, *found])


if __name__ == "__main__":
    main()
