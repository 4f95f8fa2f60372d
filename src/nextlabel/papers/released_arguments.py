"""The arguments of the papers' released code, and what they are called here. Loads no torch.

The trap in the names: in the papers *TOD* is the discrepancy in general and *COD*, the cyclic output
discrepancy, is what queries are chosen by; the released code says ``--sampling TOD`` for COD, and
``--auxiliary TOD`` for the unsupervised loss with an EMA teacher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.papers.differences import CONFIGURED

__all__ = [
    "AUXILIARY",
    "SAMPLING",
    "SCRIPTS",
    "Meaning",
    "Script",
    "meaning_of",
    "objective_of",
    "strategy_of",
]

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
"""Strategies by the value of ``--sampling``. The release knows RANDOM, TOD and LL4AL."""

AUXILIARY: Mapping[str, str] = {
    "NONE": "supervised",
    "TOD": "tod",
    "CYCLICOD": "cyclic",
    "LL4AL": "learning_loss",
    "MEANTEACHER": "mean_teacher",
}
"""Objectives by the value of ``--auxiliary``. The release knows NONE, TOD and LL4AL."""


@dataclass(frozen=True)
class Script:
    """The arguments of one script of the release; in each, both default to its own method.

    Attributes:
        name: The file.
        default: What ``--sampling`` and ``--auxiliary`` are where they are absent.
        sampling: The choices of ``--sampling``.
        auxiliary: The choices of ``--auxiliary``.
    """

    name: str
    default: str
    sampling: tuple[str, ...]
    auxiliary: tuple[str, ...]


SCRIPTS = (
    Script("main_TOD.py", "TOD", ("RANDOM", "TOD"), ("NONE", "TOD")),
    Script("main_LL4AL.py", "LL4AL", ("RANDOM", "LL4AL"), ("NONE", "LL4AL")),
)
"""The scripts of the release, by the choices of their argument parsers; of RANDOM with NONE the first."""

SEGMENTATION = ("cityscapes", "nuclei")
"""Data sets with presets whose every pixel has a class, which the release cannot run."""

UNREAD_MODULE: Mapping[str, float | str] = {"detach_after": 0.0, "module_gradients": "accumulated"}
"""Options of the objective ``learning_loss`` for RANDOM with NONE of ``main_LL4AL.py``: the module trains on
detached features, and its gradients are never zeroed."""


@dataclass(frozen=True)
class Meaning:
    """The experiment that the arguments ask for.

    Attributes:
        sampling: The value of ``--sampling``, given or implied.
        auxiliary: The value of ``--auxiliary``, given or implied.
        strategy: The strategy.
        objective: The training loss.
        script: The script of the release that runs it, or None where the release has no such experiment.
    """

    sampling: str
    auxiliary: str
    strategy: str
    objective: str
    script: str | None

    @property
    def trains_unread_module(self) -> bool:
        """Whether a loss module trains that nothing reads, as with RANDOM and NONE of ``main_LL4AL.py``."""
        return (self.script, self.sampling, self.auxiliary) == ("main_LL4AL.py", "RANDOM", "NONE")

    def note(self, dataset: str, preset: str = "code") -> str:
        """Return one sentence that says whose experiment it is on a data set, under a preset."""
        arguments = f"--sampling {self.sampling} --auxiliary {self.auxiliary}"
        if dataset in SEGMENTATION:
            return (
                f"The released code has no segmentation: its settings are applied to {dataset}, with the "
                "papers' loss where a teacher trains it."
            )
        if self.script is None:
            return f"Neither script of the released code has {arguments}: this experiment is nextlabel's own."
        data = "" if dataset in CONFIGURED else f", on {dataset}, which it has no configuration for"
        constants = "" if preset == "code" else f", with the constants of the preset {preset}"
        return f"This is {self.script} {arguments} of the released code{data}{constants}."


def meaning_of(
    sampling: str | None = None, auxiliary: str | None = None, script: str | None = None
) -> Meaning:
    """Return the experiment that the arguments ask for, written in any case; None is an argument left out.

    An argument left out has the default of the given script, or of the script that the other argument
    belongs to: ``main_LL4AL.py`` for LL4AL, ``main_TOD.py`` for any other value and for none.

    Args:
        sampling: The value of ``--sampling``.
        auxiliary: The value of ``--auxiliary``.
        script: The name of a script of the release, with or without ``.py``.

    Raises:
        UnknownNameError: There is no such value or script; the message offers the nearest.
        ConfigurationError: The script does not take the value.

    >>> meaning_of("LL4AL").note("svhn")
    'This is main_LL4AL.py --sampling LL4AL --auxiliary LL4AL of the released code.'
    """
    given = [None if value is None else _plain(value) for value in (sampling, auxiliary)]
    tod, ll4al = SCRIPTS
    named = None if script is None else _script(script)
    default = (named or (ll4al if ll4al.default in given else tod)).default
    asked, loss = (default if value is None else value for value in given)
    strategy, objective = strategy_of(asked), objective_of(loss)
    if named is not None:
        _check_takes(named, asked, loss)
    having = (one for one in SCRIPTS if asked in one.sampling and loss in one.auxiliary)
    found = named or next(having, None)
    return Meaning(asked, loss, strategy, objective, found.name if found else None)


def _script(name: str) -> Script:
    known = {script.name.removesuffix(".py").lower(): script for script in SCRIPTS}
    plain = name.lower().removesuffix(".py")
    if plain not in known:
        raise UnknownNameError("script of the released code", name, [script.name for script in SCRIPTS])
    return known[plain]


def _check_takes(script: Script, sampling: str, auxiliary: str) -> None:
    for option, value, choices in (
        ("--sampling", sampling, script.sampling),
        ("--auxiliary", auxiliary, script.auxiliary),
    ):
        if value not in choices:
            raise ConfigurationError(
                f"{script.name} of the released code takes {option} {' or '.join(choices)}, got {value}; "
                "choose one of these, or leave --script out"
            )


def strategy_of(value: str) -> str:
    """Return the strategy that a value of ``--sampling`` means, written in any case.

    Raises:
        UnknownNameError: There is no such value; the message offers the nearest.

    >>> strategy_of("ta-vaal")
    'ta_vaal'
    """
    return _meant("sampling", value, SAMPLING)


def objective_of(value: str) -> str:
    """Return the objective that a value of ``--auxiliary`` means, written in any case.

    Raises:
        UnknownNameError: There is no such value; the message offers the nearest.

    >>> objective_of("none")
    'supervised'
    """
    return _meant("auxiliary loss", value, AUXILIARY)


def _plain(value: str) -> str:
    return "".join(letter for letter in value.upper() if letter.isalnum())


def _meant(kind: str, value: str, meanings: Mapping[str, str]) -> str:
    if _plain(value) not in meanings:
        raise UnknownNameError(kind, value.upper(), meanings)
    return meanings[_plain(value)]
