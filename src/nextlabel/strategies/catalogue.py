"""The registry of strategies: what each needs, costs and is good for.

Knows the strategies by name only and imports none of them, nor torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nextlabel.registry import Card, Registry

if TYPE_CHECKING:
    from nextlabel.types import Scorer, Strategy

__all__ = ["STRATEGIES", "STRATEGY_CONTRACT"]

STRATEGY_CONTRACT = frozenset({"name", "needs", "score", "select"})
"""The members that make a class a strategy; they are no options, also where they are fields of it."""

STRATEGIES: Registry[Scorer | Strategy] = Registry(
    "strategy",
    "nextlabel.strategies",
    (
        Card(
            "random",
            "nextlabel.strategies.random:Random",
            cost="O(N)",
            use_when="as the baseline that every other strategy has to beat",
        ),
        Card(
            "cod",
            "nextlabel.strategies.cod:Cod",
            needs=("output", "snapshot:previous"),
            cost="O(N C); one forward pass, where the last scan was kept",
            use_when="with a warm-started model that has learnt something: from about a tenth of the labels "
            "on",
            citation="Huang, Wang, Xiong, Huan, Dou, Semi-Supervised Active Learning with Temporal Output "
            "Discrepancy, ICCV 2021",
        ),
        Card(
            "ema_discrepancy",
            "nextlabel.strategies.ema_discrepancy:EmaDiscrepancy",
            needs=("log_probs", "snapshot:ema"),
            cost="O(N C); two forward passes",
            use_when="to compare a model with its own average, also where every cycle trains again",
            citation="Huang, Wang, Xiong, Huan, Dou, Semi-Supervised Active Learning with Temporal Output "
            "Discrepancy, ICCV 2021",
        ),
        Card(
            "entropy",
            "nextlabel.strategies.entropy:Entropy",
            needs=("log_probs",),
            cost="O(N K C)",
            use_when="with few classes; with many, margin is usually better",
            citation="Shannon, A Mathematical Theory of Communication, Bell System Technical Journal, 1948; "
            "Settles, Active Learning Literature Survey, University of Wisconsin-Madison, 2009",
        ),
        Card(
            "margin",
            "nextlabel.strategies.margin:Margin",
            needs=("log_probs",),
            cost="O(N K C)",
            use_when="as the first choice for classification with small batches",
            citation="Scheffer, Decomain, Wrobel, Active Hidden Markov Models for Information Extraction, "
            "IDA 2001",
        ),
        Card(
            "least_confidence",
            "nextlabel.strategies.least_confidence:LeastConfidence",
            needs=("log_probs",),
            cost="O(N K C)",
            use_when="as the plainest measure of uncertainty",
            citation="Lewis, Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994",
        ),
        Card(
            "gini",
            "nextlabel.strategies.gini:Gini",
            needs=("log_probs",),
            cost="O(N K C)",
            use_when="as the uncertainty that the released TOD code's first cycle comes to",
            citation="Breiman, Friedman, Olshen, Stone, Classification and Regression Trees, Wadsworth, 1984",
        ),
        Card(
            "core_set",
            "nextlabel.strategies.core_set:CoreSet",
            needs=("embeddings", "labelled_embeddings"),
            cost="O(N (L + B) D)",
            use_when="to cover the pool with good embeddings; it also covers outliers",
            citation="Sener, Savarese, Active Learning for Convolutional Neural Networks: A Core-Set "
            "Approach, ICLR 2018",
        ),
        Card(
            "badge",
            "nextlabel.strategies.badge:Badge",
            needs=("log_probs", "embeddings"),
            cost="O(N B (C + D))",
            use_when="with large batches, where uncertain items resemble each other",
            citation="Ash, Zhang, Krishnamurthy, Langford, Agarwal, Deep Batch Active Learning by Diverse, "
            "Uncertain Gradient Lower Bounds, ICLR 2020",
        ),
        Card(
            "learning_loss",
            "nextlabel.strategies.learning_loss:LearningLoss",
            needs=("extra:predicted_loss",),
            cost="O(N)",
            use_when="with a model trained by the objective 'learning_loss'",
            citation="Yoo, Kweon, Learning Loss for Active Learning, CVPR 2019",
        ),
        Card(
            "vaal",
            "nextlabel.strategies.vaal:Vaal",
            needs=("extra:labelled_probability",),
            cost="O(N); its learner trains an autoencoder and a discriminator, often longer than the task",
            use_when="as the task-agnostic, adversarial baseline on images",
            citation="Sinha, Ebrahimi, Darrell, Variational Adversarial Active Learning, ICCV 2019",
        ),
        Card(
            "ta_vaal",
            "nextlabel.strategies.ta_vaal:TaVaal",
            needs=("extra:task_labelled_probability",),
            cost="O(N); its learner trains an autoencoder, a discriminator and a loss module",
            use_when="where VAAL should know what is hard for the task",
            citation="Kim, Park, Kim, Chun, Task-Aware Variational Adversarial Active Learning, CVPR 2021",
        ),
        Card(
            "mc_dropout",
            "nextlabel.strategies.mc_dropout:McDropout",
            needs=("log_probs", "draws:dropout"),
            cost="O(N K C); K forward passes",
            use_when="with a model that has dropout, to ask for what it does not know rather than for noise",
            citation="Gal, Islam, Ghahramani, Deep Bayesian Active Learning with Image Data, ICML 2017",
        ),
        Card(
            "qbc",
            "nextlabel.strategies.qbc:Qbc",
            needs=("log_probs", "draws:ensemble"),
            cost="O(N K C); K fits and K forward passes",
            use_when="where training several members is affordable",
            citation="Seung, Opper, Sompolinsky, Query by Committee, COLT 1992; McCallum, Nigam, Employing "
            "EM and Pool-Based Active Learning for Text Classification, ICML 1998",
        ),
        Card(
            "core_gcn",
            "nextlabel.strategies.core_gcn:CoreGcn",
            needs=("embeddings", "labelled_embeddings"),
            cost="O((N + L) D H) for each of 200 steps, then O(N (L + B) H)",
            use_when="as core-set, on features that know what is labelled; embeddings should not be negative",
            citation="Caramalau, Bhattarai, Kim, Sequential Graph Convolutional Network for Active Learning, "
            "CVPR 2021",
        ),
        Card(
            "uncertain_gcn",
            "nextlabel.strategies.uncertain_gcn:UncertainGcn",
            needs=("embeddings", "labelled_embeddings"),
            cost="O((N + L) D H) for each of 200 steps",
            use_when="as core_gcn's uncertainty variant; embeddings should not be negative",
            citation="Caramalau, Bhattarai, Kim, Sequential Graph Convolutional Network for Active Learning, "
            "CVPR 2021",
        ),
        Card(
            "cod_segmentation",
            "nextlabel.strategies.segmentation:CodSegmentation",
            needs=("extra:mean_discrepancy", "extra:mean_gini", "extra:has_previous"),
            cost="O(N) after two passes over the pool, of this cycle's model and of the last one's",
            use_when="segmentation with a warm-started model",
            citation="Huang, Wang, Xiong, Huan, Dou, Semi-Supervised Active Learning with Temporal Output "
            "Discrepancy, ICCV 2021",
        ),
        Card(
            "entropy_segmentation",
            "nextlabel.strategies.segmentation:EntropySegmentation",
            needs=("extra:mean_entropy",),
            cost="O(N)",
            use_when="segmentation, as the plain measure of uncertainty",
            citation="Shannon, A Mathematical Theory of Communication, Bell System Technical Journal, 1948",
        ),
        Card(
            "margin_segmentation",
            "nextlabel.strategies.segmentation:MarginSegmentation",
            needs=("extra:mean_margin",),
            cost="O(N)",
            use_when="segmentation, where two classes compete for a pixel",
            citation="Scheffer, Decomain, Wrobel, Active Hidden Markov Models for Information Extraction, "
            "IDA 2001",
        ),
    ),
    contract=STRATEGY_CONTRACT,
)
"""Every known strategy; other packages add theirs by an entry point of the group ``nextlabel.strategies``."""
