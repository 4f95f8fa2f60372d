"""What each published figure and table shows, and its inconsistencies. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["EXHIBITS", "LABELLED", "About"]


@dataclass(frozen=True)
class About:
    """Description of a published figure or table.

    Attributes:
        title: What it shows.
        x: Its horizontal axis, or empty.
        y: What its numbers are.
        where: Its number in each paper that shows it.
        notes: Inconsistencies within the papers or with the released code, a sentence each.
        panels: Horizontal axes by panel, for panels with their own.
    """

    title: str
    x: str
    y: str
    where: str
    notes: tuple[str, ...] = ()
    panels: Mapping[str, str] = field(default_factory=dict)

    def x_of(self, panel: str) -> str:
        """Return the horizontal axis of a panel."""
        return self.panels.get(panel, self.x)


LABELLED = "Labelled, %"
"""The horizontal axis of all learning curves."""
ACCURACY = "Test accuracy, %"
ORDER = "Each vertical axis is scaled to its own line and both lines fall, so they end level by construction."
NOT_THEIRS = (
    "Most lines other than Ours are not the authors' runs: Random on CIFAR-10 rises from 80.09 to 91.12 "
    "in this figure, but from 78.82 to 91.81 in Figs. 9 and 10 and in Table 1."
)
LL4AL_TWICE = (
    "LL4AL at 40 % differs between figures and tables: CIFAR-10 92.60 (Fig. 7), 94.05 (Fig. 9), 94.1 "
    "(Table 1); CIFAR-100 66.17, 65.09, 65.2."
)
FIRST_POINT = (
    "The first point of Ours-Semi on CIFAR-100 is 36.90 (Fig. 7), 37.46 (supplement, Fig. 2) or 36.46 "
    "(supplement, Fig. 1)."
)

EXHIBITS: Mapping[str, About] = {
    "fig1": About(
        "Squared gradient norm by cycle",
        "Cycle",
        "Squared gradient norm",
        "ICCV 2021, Fig. 1",
        (
            "According to the authors (issue 2 of their repository), this is the gradient of the sum of all "
            "class probabilities. That sum is always 1, so the plotted 1e-13 is round-off.",
        ),
    ),
    "fig2": About("The method", "", "", "ICCV 2021, Fig. 2; a drawing without numbers"),
    "fig3": About(
        "Mean COD and mean true loss by cycle",
        "Cycle",
        "Mean COD; mean loss, nats",
        "ICCV 2021, Fig. 3",
        (
            ORDER,
            "The mean COD of 1.30 to 1.33 in cycle 1 exceeds the maximum Euclidean distance of class "
            "probabilities from those of a nearly uniform initial model (0.95 for 10 classes), so its "
            "scale is unknown.",
        ),
    ),
    "fig4": About("The training losses", "", "", "ICCV 2021, Fig. 4; a drawing without numbers"),
    "fig5": About("Mean true loss by band of COD", "Cycle", "Mean loss, nats", "ICCV 2021, Fig. 5"),
    "fig6": About(
        "Fraction found of the items with the largest true loss",
        "Sampled, % of the candidates",
        "Found, %",
        "ICCV 2021, Fig. 6",
        (
            "LL4AL is worse than a random choice up to about 4 % on CIFAR-10 and 1.5 % on SVHN.",
            "The cycle is not stated; the spacing of the points matches the whole pool after cycle 3.",
        ),
    ),
    "fig7": About(
        "Accuracy by labels",
        LABELLED,
        ACCURACY,
        "ICCV 2021, Fig. 7; TNNLS 2022, Fig. 8",
        (
            NOT_THEIRS,
            LL4AL_TWICE,
            "SRAAL on CIFAR-100 at 40 % is 66.89 in this figure and 66.2 in Table 1; VAAL is 65.44, and "
            "62.57 in Fig. 2 of the supplement.",
            FIRST_POINT,
            "Ours-Semi and Ours-Task differ by at most 0.4 on CIFAR-10 from 30 % on and by 0.2 on SVHN from "
            "20 % on; Semi is below Task on SVHN at 10 and 30 % and on Caltech-101 at 35 %.",
            "On STL-10 Ours-Task is below Random at 15 and 20 %.",
            "Full training is one run of 200 epochs, but the models at 40 % of the labels have been "
            "trained seven times that long, with restarts of the learning rate. That Ours ends above full "
            "training is therefore not a like-for-like comparison.",
        ),
    ),
    "fig8": About(
        "Segmentation: mean IoU by labels",
        LABELLED,
        "Mean IoU, %",
        "ICCV 2021, Fig. 8; TNNLS 2022, Fig. 10",
        (
            "For the task loss at 40 %, Table 2 has 54.7, but this figure 58.62 for Ours-Task and 55.87 for "
            "Random.",
            "In issue 6 of the authors' repository a user reports 59.26 with 30 % random labels and the "
            "original DRN code, where this figure has 53.75; the author reports 53.5, and 62 with all "
            "labels.",
        ),
    ),
    "fig9": About(
        "Samplers, task loss only",
        LABELLED,
        ACCURACY,
        "ICCV 2021, Fig. 9; TNNLS 2022, Fig. 11",
        ("On CIFAR-10 LL4AL is within 0.13 of CyclicOD at 40 %, and ahead at 25 and 30 %.", LL4AL_TWICE),
    ),
    "fig10": About(
        "Training losses",
        LABELLED,
        ACCURACY,
        "ICCV 2021, Fig. 10; TNNLS 2022, Fig. 12",
        (
            "The sampling is not stated; Task equals Random in Fig. 9 and Base in Table 1, so it is random.",
            "In the first cycle CyclicOD is compared with the initial weights, and its accuracy collapses.",
        ),
    ),
    "fig11": About(
        "Accuracy by class",
        "Cycle",
        ACCURACY,
        "ICCV 2021, Fig. 11",
        (
            "Measured is Ours-Semi, because the mean over the published classes ends at its value in Fig. 7, "
            "94.5. In cycle 1 that mean is 81.2, where Fig. 7 has 79.7.",
        ),
    ),
    "table1": About(
        "Accuracy after the last cycle",
        LABELLED,
        ACCURACY,
        "ICCV 2021, Table 1; TNNLS 2022, Table I",
        (LL4AL_TWICE,),
    ),
    "table2": About(
        "Segmentation: IoU by class after the last cycle",
        "Class",
        "IoU, %",
        "ICCV 2021, Table 2",
        (
            "The text says that 18 of 19 classes improve with the unsupervised loss; in the table 17 do, "
            "class 11 stays equal and class 17 drops from 20 to 8.",
            "The mean of Task is 54.7 at 40 %, where Fig. 8 has 58.62 for Ours-Task and 55.87 for Random.",
        ),
    ),
    "table3": About(
        "Time of one sampling",
        "Items chosen",
        "Seconds",
        "ICCV 2021, Table 3; TNNLS 2022, Table VI",
        (
            "The papers used a GTX 1080 Ti.",
            "The sizes are numbers of queried items; the authors' code scores 25,000, 29,302 and 4,340 "
            "items.",
            "COD needs two forward passes and LL4AL one, so the 7.2 and 7.7 seconds are mostly data loading.",
        ),
    ),
    "suppfig1": About(
        "Weight λ and EMA decay α of the TOD loss",
        "",
        ACCURACY,
        "ICCV 2021 supplement, Fig. 1; TNNLS 2022, Fig. 15",
        (
            "λ = 0 has 34.0, 54.8, 62.1 and 66.1, although it should equal Ours-Task, which has 36.9, "
            "56.3, 63.0 and 67.3 in Fig. 7.",
            "There is no smooth trend: 0.001 to 0.02 are worse than 0 from 20 % on, and 1 is best at 30 % "
            "but by far the worst at 40 %.",
            FIRST_POINT,
        ),
        {"lambda": "Weight λ", "alpha": "EMA decay α"},
    ),
    "suppfig2": About(
        "Samplers without and with the TOD loss",
        LABELLED,
        ACCURACY,
        "ICCV 2021 supplement, Fig. 2; TNNLS 2022, Fig. 16",
        ("In TNNLS the SVHN panel with the loss is a copy of the one without; the supplement's is used.",),
    ),
    "suppfig3": About(
        "Fraction found of the items with the largest true loss, by gap",
        "Sampled, % of the candidates",
        "Found, %",
        "ICCV 2021 supplement, Fig. 3; TNNLS 2022, Fig. 7",
        ("On SVHN a gap of one training step ends above a gap of a whole cycle: 76.7 and 69.2.",),
    ),
    "noise": About(
        "Accuracy by labels, each label wrong with probability 20 %",
        LABELLED,
        ACCURACY,
        "TNNLS 2022, Fig. 9",
        ("The distribution of the noise is not stated.",),
    ),
    "tsne": About(
        "What is queried, in the plane", "", "", "TNNLS 2022, t-SNE on Fashion-MNIST; images without numbers"
    ),
    "model_selection": About(
        "Choosing a trained model without labels",
        "",
        "%",
        "TNNLS 2022, Tables III to V",
        ("The cases over which Top-k(N) is computed are not stated.",),
    ),
}
"""All figures and tables that can be requested, including drawings without numbers."""
