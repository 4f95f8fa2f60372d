"""The words of the papers' released code, and what they are called here. Loads no torch.

The trap in the names: in the papers *TOD* is the discrepancy in general and *COD*, the cyclic output
discrepancy, is what queries are chosen by; the released code says ``--sampling TOD`` for COD, and
``--auxiliary TOD`` for the unsupervised loss with an EMA teacher.
"""

from __future__ import annotations

from collections.abc import Mapping

from nextlabel.errors import UnknownNameError

__all__ = ["AUXILIARY", "SAMPLING", "objective_of", "strategy_of"]

SAMPLING: Mapping[str, str] = {
    "RANDOM": "random",
    "TOD": "cod",
    "EMAOD": "ema_discrepancy",
    "LL4AL": "learning_loss",
    "CORESET": "core_set",
    "VAAL": "vaal",
    "TAVAAL": "ta_vaal",
    "MCDROPOUT": "mc_dropout",
    "QBC": "qbc",
    "COREGCN": "core_gcn",
    "UNCERTAINGCN": "uncertain_gcn",
    "MARGIN": "margin",
    "ENTROPY": "entropy",
    "LEASTCONFIDENCE": "least_confidence",
    "BADGE": "badge",
}
"""Strategies by the word after ``--sampling``. The release knows RANDOM, TOD and LL4AL."""

AUXILIARY: Mapping[str, str] = {
    "NONE": "supervised",
    "TOD": "tod",
    "CYCLICOD": "cyclic",
    "LL4AL": "learning_loss",
    "MEANTEACHER": "mean_teacher",
}
"""Objectives by the word after ``--auxiliary``. The release knows NONE, TOD and LL4AL."""


def strategy_of(word: str) -> str:
    """Return the strategy that a word after ``--sampling`` means, written in any case.

    Raises:
        UnknownNameError: There is no such word; the message offers the nearest.

    >>> strategy_of("ta-vaal")
    'ta_vaal'
    """
    return _meant("sampling", word, SAMPLING)


def objective_of(word: str) -> str:
    """Return the objective that a word after ``--auxiliary`` means, written in any case.

    Raises:
        UnknownNameError: There is no such word; the message offers the nearest.

    >>> objective_of("none")
    'supervised'
    """
    return _meant("auxiliary loss", word, AUXILIARY)


def _meant(kind: str, word: str, words: Mapping[str, str]) -> str:
    plain = "".join(letter for letter in word.upper() if letter.isalnum())
    if plain not in words:
        raise UnknownNameError(kind, word.upper(), words)
    return words[plain]
