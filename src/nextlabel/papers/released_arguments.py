"""Arguments of the papers' released code and their meaning in nextlabel. Imports no torch.

Beware of the names: in the papers *TOD* is the discrepancy in general and *COD*, the cyclic output
discrepancy, is the query score. The released code uses ``--sampling TOD`` for COD, and ``--auxiliary TOD``
for the unsupervised loss with an EMA teacher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nextlabel.errors import ConfigurationError, UnknownNameError
from nextlabel.papers.differences import CONFIGURED

__all__ = ["AUXILIARY", "SAMPLING", "SCRIPTS", "Meaning", "Script", "meaning_of"]

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
"""Strategies by value of ``--sampling``. The release itself has RANDOM, TOD and LL4AL."""

AUXILIARY: Mapping[str, str] = {
    "NONE": "supervised",
    "TOD": "tod",
    "CYCLICOD": "cyclic",
    "LL4AL": "learning_loss",
    "MEANTEACHER": "mean_teacher",
}
"""Objectives by value of ``--auxiliary``. The release itself has NONE, TOD and LL4AL."""


@dataclass(frozen=True)
class Script:
    """A script of the release: its name, the default of both arguments, and the choices of each."""

    name: str
    default: str
    sampling: tuple[str, ...]
    auxiliary: tuple[str, ...]


SCRIPTS = (
    Script("main_TOD.py", "TOD", ("RANDOM", "TOD"), ("NONE", "TOD")),
    Script("main_LL4AL.py", "LL4AL", ("RANDOM", "LL4AL"), ("NONE", "LL4AL")),
)
"""The scripts of the release with their choices; the first takes RANDOM with NONE, which both support."""

SEGMENTATION = ("cityscapes", "nuclei")
"""Segmentation data sets with presets; the release cannot run them."""

UNREAD_MODULE: Mapping[str, float | str] = {"detach_after": 0.0, "module_gradients": "accumulated"}
"""Options of the objective ``learning_loss`` for RANDOM with NONE in ``main_LL4AL.py``: the module trains on
detached features, and its gradients are never zeroed."""


@dataclass(frozen=True)
class Meaning:
    """The experiment requested by the arguments; ``script`` is None if the release has no such experiment."""

    sampling: str
    auxiliary: str
    strategy: str
    objective: str
    script: str | None

    @property
    def trains_unread_module(self) -> bool:
        """Whether it trains a loss module that nothing reads: RANDOM with NONE in ``main_LL4AL.py``."""
        return (self.script, self.sampling, self.auxiliary) == ("main_LL4AL.py", "RANDOM", "NONE")

    def note(self, dataset: str, preset: str = "code") -> str:
        """Return one sentence on how the experiment relates to the released code."""
        arguments = f"--sampling {self.sampling} --auxiliary {self.auxiliary}"
        if dataset in SEGMENTATION:
            return (
                f"The released code has no segmentation: its settings are applied to {dataset}, with the "
                "papers' loss if there is an EMA teacher."
            )
        if self.script is None:
            return f"Neither script of the released code supports {arguments}; only nextlabel does."
        data = "" if dataset in CONFIGURED else f", on {dataset}, for which it has no configuration"
        constants = "" if preset == "code" else f", with the constants of the preset {preset}"
        return f"This is {self.script} {arguments} of the released code{data}{constants}."


def meaning_of(
    sampling: str | None = None, auxiliary: str | None = None, script: str | None = None
) -> Meaning:
    """Return the experiment that the arguments request, in any case; None stands for an omitted argument.

    An omitted argument has the default of the given script, or of the script that the other argument belongs
    to: ``main_LL4AL.py`` for LL4AL, otherwise ``main_TOD.py``. A script may be given without ``.py``.

    Raises:
        UnknownNameError: There is no such value or script; the message suggests the nearest.
        ConfigurationError: The script does not take the value.

    >>> meaning_of("LL4AL").note("svhn")
    'This is main_LL4AL.py --sampling LL4AL --auxiliary LL4AL of the released code.'
    """
    given = [value and "".join(filter(str.isalnum, value.upper())) for value in (sampling, auxiliary)]
    tod, ll4al = SCRIPTS
    by_name = {one.name.removesuffix(".py").lower(): one for one in SCRIPTS}
    named = None if script is None else by_name.get(script.lower().removesuffix(".py"))
    if script is not None and named is None:
        raise UnknownNameError("script of the released code", script, [one.name for one in SCRIPTS])
    default = (named or (ll4al if ll4al.default in given else tod)).default
    asked, loss = (default if value is None else value for value in given)
    for kind, value, known in (("sampling", asked, SAMPLING), ("auxiliary loss", loss, AUXILIARY)):
        if value not in known:
            raise UnknownNameError(kind, value, known)
    if named is not None:
        for option, value in (("sampling", asked), ("auxiliary", loss)):
            choices = named.sampling if option == "sampling" else named.auxiliary
            if value not in choices:
                raise ConfigurationError(
                    f"{named.name} of the released code takes --{option} {' or '.join(choices)}, "
                    f"got {value}; choose one of these, or leave --script out"
                )
    having = (one for one in SCRIPTS if asked in one.sampling and loss in one.auxiliary)
    found = named or next(having, None)
    return Meaning(asked, loss, SAMPLING[asked], AUXILIARY[loss], found.name if found else None)
