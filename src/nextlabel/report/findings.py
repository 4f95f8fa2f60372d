"""Say in words what a section showed, and no more than its statistics bear.

"Ahead" and "behind" are said only where the areas under the curves differ with a corrected p below 0.05.
"""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.report.sections import BASELINE, Section
from nextlabel.results import METRIC

__all__ = ["details", "joined", "lead", "ratio_text"]


def lead(section: Section) -> str:
    """Return the one sentence that a reader should take away.

    Returns:
        A sentence such as "On digits, random needs 1.4 times as many labels as cod to get to random's final
        accuracy."
    """
    where = f"On {section.title}"
    if section.baseline is None:
        best = max(section.curves, key=lambda curve: curve.final.mean)
        return (
            f"{where}, {best.strategy} ends highest with {_amount(section, best.final.mean)}, "
            f"but without {BASELINE} nothing can be said of labels saved."
        )
    if not section.others:
        final = _amount(section, section.baseline.final.mean)
        return f"{where}, {BASELINE} ends with {final}; no other strategy was run."
    if not section.against_random:
        return f"{where}, there is no learning curve to compare: one cycle only, or no seed in common."
    if all(comparison.p is None for comparison in section.against_random.values()):
        doubt = f"with {_seeds(section)} none of this can be told from randomness"
        return f"{where}, {_mean_ratios(section)}, but {doubt}."
    return f"{where}, {_compared(section)}."


def details(section: Section) -> tuple[str, ...]:
    """Return the sentences that qualify the lead: who is ahead of whom, and what cannot be told."""
    tested = {name: c for name, c in section.against_random.items() if c.p is not None}
    ahead = [name for name, comparison in tested.items() if comparison.sign > 0]
    open_ = [name for name, comparison in tested.items() if comparison.sign == 0]
    unreached = [name for name, saved in section.saved.items() if saved.censored]
    sentences = []
    if ahead:
        sentences.append(f"Over the whole curve, {_are(ahead)} ahead of {BASELINE}.")
    if open_ and len(open_) < len(tested):
        sentences.append(f"With {_seeds(section)}, {joined(open_)} cannot be told from {BASELINE}.")
    if unreached and (
        len(unreached) < len(section.saved) or len(open_) < len(tested)
    ):  # else the lead says it
        verb = "does" if len(unreached) == 1 else "do"
        sentences.append(
            f"On average, {joined(unreached)} {verb} not reach {BASELINE}'s final {section.metric}."
        )
    return (*sentences, *_among_the_others(section))


def ratio_text(ratio: float) -> str:
    """Return a ratio of label counts as a reader says it: ``"1.4 times as many labels as"``."""
    return "as many labels as" if f"{ratio:.1f}" == "1.0" else f"{ratio:.1f} times as many labels as"


def joined(names: Sequence[str]) -> str:
    """Join names as prose does.

    >>> joined(["cod", "margin", "badge"])
    'cod, margin and badge'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _amount(section: Section, fraction: float) -> str:
    if section.metric == METRIC:
        return f"{100 * fraction:.1f} % of the test items right"
    return f"a {section.metric} of {100 * fraction:.1f} %"


def _compared(section: Section) -> str:
    ahead = [name for name, comparison in section.against_random.items() if comparison.sign > 0]
    behind = [name for name, comparison in section.against_random.items() if comparison.sign < 0]
    reached = [name for name in ahead if not section.saved[name].censored]
    if reached:
        ratios = _ratios(section, reached)
        losers = f", while {_are(behind)} behind {BASELINE}" if behind else ""
        return f"{BASELINE} needs {ratios} to get to {BASELINE}'s final {section.metric}{losers}"
    if ahead and behind:
        return f"{_are(ahead)} ahead of {BASELINE} over the whole curve and {_are(behind)} behind it"
    if ahead:
        return f"{_are(ahead)} ahead of {BASELINE} over the whole curve, but not at its end"
    if behind:
        return f"{_are(behind)} behind {BASELINE}, and no strategy is ahead of it"
    subject = section.others[0].strategy if len(section.others) == 1 else "the strategies"
    known = f"on average, {_mean_ratios(section)}"
    return f"{subject} cannot be told from {BASELINE} with {_seeds(section)}; {known}"


def _among_the_others(section: Section) -> tuple[str, ...]:
    """Return what can be said of the strategies against each other, in at most one sentence."""
    pairs = [pair for pair in section.between if pair.p is not None]
    if not pairs:
        return ()
    names = [curve.strategy for curve in section.others]
    decided = [pair for pair in pairs if pair.sign]
    if not decided:
        apart = "each other" if len(names) == 2 else "one another"
        return (f"With {_seeds(section)}, {joined(names)} cannot be told from {apart}.",)
    ranked = [(pair.first, pair.second) if pair.sign > 0 else (pair.second, pair.first) for pair in decided]
    leads = joined([f"{front} is ahead of {back}" for front, back in ranked])
    rest = "; no other pair can be told apart" if len(decided) < len(pairs) else ""
    return (f"Among the strategies, {leads}{rest}.",)


def _mean_ratios(section: Section) -> str:
    reached = [name for name, saved in section.saved.items() if not saved.censored]
    if not reached:
        names = [curve.strategy for curve in section.others]
        subject = f"{names[0]} does not reach" if len(names) == 1 else "no strategy reaches"
        return f"{subject} {BASELINE}'s final {section.metric}"
    ratios = _ratios(section, reached)
    return f"{BASELINE} needs {ratios} to get to {BASELINE}'s final {section.metric}"


def _ratios(section: Section, names: Sequence[str]) -> str:
    ranked = sorted(names, key=lambda name: -section.saved[name].ratio)
    groups: dict[str, list[str]] = {}
    for name in ranked:
        groups.setdefault(ratio_text(section.saved[name].ratio), []).append(name)
    return joined([f"{text} {joined(members)}" for text, members in groups.items()])


def _are(names: Sequence[str]) -> str:
    return f"{joined(names)} {'is' if len(names) == 1 else 'are'}"


def _seeds(section: Section) -> str:
    n = min(len(curve.seeds) for curve in section.curves)
    return f"{n} seed{'' if n == 1 else 's'}"
