"""The findings of a section as sentences, as far as its statistics support them.

"Ahead" and "behind" are used only where the areas under the curves differ with a corrected p below 0.05.
"""

from __future__ import annotations

from collections.abc import Sequence

from nextlabel.report.sections import BASELINE, Section

__all__ = ["details", "joined", "lead", "ratio_text"]


def lead(section: Section) -> str:
    """Return the main finding as one sentence.

    For example "On digits, random needs 1.4 times as many labels as cod to reach random's final accuracy."
    """
    where, random = f"On {section.title}", section.baseline
    if random is None:
        best = max(section.curves, key=lambda curve: curve.final.mean)
        return (
            f"{where}, {best.strategy} ends highest with {100 * best.final.mean:.1f} % {section.metric}, but "
            f"without {BASELINE}, the labels saved are unknown."
        )
    if not section.others:
        end = f"{100 * random.final.mean:.1f} % {section.metric}"
        return f"{where}, {BASELINE} ends with {end}; no other strategy was run."
    if not section.against_random:
        return f"{where}, there is no learning curve to compare: one cycle only, or no seed in common."
    if all(comparison.p is None for comparison in section.against_random.values()):
        return f"{where}, {_mean_ratios(section)}, but with {_seeds(section)} this may be random variation."
    return f"{where}, {_compared(section)}."


def details(section: Section) -> tuple[str, ...]:
    """Return the sentences that qualify the lead: what else is significant, and what is not."""
    tested = {name: c for name, c in section.against_random.items() if c.p is not None}
    ahead = [name for name, comparison in tested.items() if comparison.sign > 0]
    unclear = [name for name, comparison in tested.items() if comparison.sign == 0]
    unreached = [name for name, saved in section.saved.items() if saved.censored]
    sentences = []
    if ahead:
        sentences.append(f"Over the whole curve, {_are(ahead)} ahead of {BASELINE}.")
    if unclear and len(unclear) < len(tested):
        sentences.append(f"With {_seeds(section)}, {joined(unclear)} {_CANNOT} from {BASELINE}.")
    in_lead = len(unreached) == len(section.saved) and len(unclear) == len(tested)
    if unreached and not in_lead:
        verb = "does" if len(unreached) == 1 else "do"
        sentences.append(f"On average, {joined(unreached)} {verb} not reach {_target(section)}.")
    return (*sentences, *_among_the_others(section))


def ratio_text(ratio: float) -> str:
    """Return a ratio of label counts as a phrase: ``"1.4 times as many labels as"``."""
    return "as many labels as" if f"{ratio:.1f}" == "1.0" else f"{ratio:.1f} times as many labels as"


def joined(names: Sequence[str]) -> str:
    """Join names as in a sentence.

    >>> joined(["cod", "margin", "badge"])
    'cod, margin and badge'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_CANNOT = "cannot be distinguished"


def _compared(section: Section) -> str:
    ahead = [name for name, comparison in section.against_random.items() if comparison.sign > 0]
    behind = [name for name, comparison in section.against_random.items() if comparison.sign < 0]
    reached = [name for name in ahead if not section.saved[name].censored]
    if reached:
        losers = f", while {_are(behind)} behind {BASELINE}" if behind else ""
        return f"{_ratios(section, reached)}{losers}"
    if ahead and behind:
        return f"{_are(ahead)} ahead of {BASELINE} over the whole curve and {_are(behind)} behind it"
    if ahead:
        return f"{_are(ahead)} ahead of {BASELINE} over the whole curve, but not at its end"
    if behind:
        return f"{_are(behind)} behind {BASELINE}, and no strategy is ahead of it"
    subject = section.others[0].strategy if len(section.others) == 1 else "the strategies"
    known = f"on average, {_mean_ratios(section)}"
    return f"{subject} {_CANNOT} from {BASELINE} with {_seeds(section)}; {known}"


def _among_the_others(section: Section) -> tuple[str, ...]:
    """Return how the strategies compare with each other, in at most one sentence."""
    pairs = [pair for pair in section.between if pair.p is not None]
    if not pairs:
        return ()
    decided = [pair for pair in pairs if pair.sign]
    if not decided:
        names = joined([curve.strategy for curve in section.others])
        return (f"With {_seeds(section)}, {names} {_CANNOT} from each other.",)
    ranked = [(pair.first, pair.second) if pair.sign > 0 else (pair.second, pair.first) for pair in decided]
    leads = joined([f"{front} is ahead of {back}" for front, back in ranked])
    rest = "; no other pair differs significantly" if len(decided) < len(pairs) else ""
    return (f"Among the strategies, {leads}{rest}.",)


def _mean_ratios(section: Section) -> str:
    if reached := [name for name, saved in section.saved.items() if not saved.censored]:
        return _ratios(section, reached)
    names = [curve.strategy for curve in section.others]
    subject = f"{names[0]} does not reach" if len(names) == 1 else "no strategy reaches"
    return f"{subject} {_target(section)}"


def _ratios(section: Section, names: Sequence[str]) -> str:
    groups: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: -section.saved[name].ratio):
        groups.setdefault(ratio_text(section.saved[name].ratio), []).append(name)
    ratios = joined([f"{text} {joined(members)}" for text, members in groups.items()])
    return f"{BASELINE} needs {ratios} to reach {_target(section)}"


def _target(section: Section) -> str:
    return f"{BASELINE}'s final {section.metric}"


def _are(names: Sequence[str]) -> str:
    return f"{joined(names)} {'is' if len(names) == 1 else 'are'}"


def _seeds(section: Section) -> str:
    n = min(len(curve.seeds) for curve in section.curves)
    return f"{n} seed{'' if n == 1 else 's'}"
