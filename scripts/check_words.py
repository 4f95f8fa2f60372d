"""List the words that nextlabel's language avoids, where they still stand, and what to write instead.

Looks at ``src``, ``docs``, ``README.md`` and ``CONTRIBUTING.md``: at identifiers, strings, comments, prose
and names of files alike. ``CHANGELOG.md`` is checked only on request, because its table of renames lists the
old names. The exit code is 1 where a word is found.
Words that no pattern can judge ("open", "here", "there") are left to the reviewer.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKED = ("src", "docs", "README.md", "CONTRIBUTING.md")
SUFFIXES = {".py", ".md", ".toml", ".csv", ".html", ".css"}

GAP = r"""(?:[\s#>]+(?:"\s+[a-z]?")?)"""
"""What may lie between two words: a space, or the end of a line of prose, of a comment or of a string."""

PER_AFTER = (
    "labels?|labelled|rows?|numbers?|one|one (?:score|loss|class|output)|once|means?|scores?|"
    "predicted loss|hour|record|screen|"
    "steps|epochs|folder|section|std|values?|id|count|lines?|entry|idea|asked|more|queried|campaign|bytes|"
    "flags|index|files|% of it|two|three|numbers"
)
PER_UNITS = (
    "cycle|item|class|channel|cell|core|seed|data set|process|phase|epoch|candidate|training|pixel|"
    "picture|image|strategy|call|commit|file|draw|row|run|step|batch"
)
AFTER_TRAINING = (
    "steps?|runs?|loops?|sets?|loss(?:es)?|items?|objectives?|batch(?:es)?|data|images?|pictures?|time|examples?|"
    "split|pool|curves?|config|configuration|labels?|mode|epochs?|accuracy|procedure|phases?|recipes?|"
    "schedules?|settings?|parts?|rows?|scripts?|options?|budget|files?"
)
NOUNS_ENDING_IN_ING = ("training", "testing", "embedding", "numbering")


def word(*forms: str) -> str:
    """Return the pattern of words, also as a part of an identifier: ``told`` in ``_told_by`` and ``ToldBy``.

    >>> [bool(re.search(word("moment"), text)) for text in ("MomentKeeper", "kept_moment", "momentum")]
    [True, True, False]
    """
    lower, title, upper = ("|".join(map(case, forms)) for case in (str.lower, str.capitalize, str.upper))
    return rf"(?:(?<![A-Za-z])(?:{lower})|{title})(?![a-z])|(?<![A-Za-z])(?:{upper})(?![A-Za-z])"


@dataclass(frozen=True)
class Rule:
    """A word that is avoided.

    Args:
        word: Its name in the counts.
        pattern: Where it stands; a space means any white space.
        instead: What to write.
        allowed: Passages in which it may stand.
    """

    word: str
    pattern: str
    instead: str
    allowed: str = ""


# Words passed to derive() are part of every stored number, and keep their spelling.
ALWAYS_ALLOWED = r'derive\([^()"]*"[^"]*"'

RULES = (
    Rule("picture", word("picture", "pictures"), "'image'", allowed="</?picture>"),
    Rule(
        "a row an item",
        rf"(?i:\b|(?=%))(?i:{PER_AFTER}) an? (?:{PER_UNITS})s?\b(?! (?:of|belongs|has|is|that)\b)"
        r"|\b[A-Z_]+_A_[A-Z]+\b",
        "'per' ('labels per cycle')",
        allowed=r"(?<!one\x20)\blabel an item\b|\bmeans a data set\b"
        r"|\b(?:how|as) labelled an? \w+|\bflags a file gives\b",
    ),
    Rule(
        "share",
        r"(?i:(?<=[a-z]_)shares?(?![a-z])|\b_?shares?_(?=[a-z])|\bshares? of\b"
        r"|\b(?:an?|the|its|their|same|this|each|every|one|pixel|whose|other|those|by|labelled|as) shares?\b"
        r"|\bcount or shares?\b|\w's? shares?\b"
        r"|\bshares? (?:below|above|like|found|sampled|against|among|than|is|are|was|were|must)\b)"
        r"|\bShares?\b(?! (?:the|one|a|an|your|memory)\b)"
        r"|\bshares?(?: (?:[-+*/=<>]=?|for|if|else)(?= )|[=)\]}]|: (?:float|int|str|Tensor|In|NDArray))"
        r"|[\[({*+/.'\"-]shares?\b(?!: )|\* shares?\b|\bshares?(?:\.[a-z]|:\.|: Seq)|\bnot shares?\b"
        r"|\bfor .{0,40}\bshares? in\b|, share: |\b(?:return|lambda) shares?\b",
        "'fraction' or 'proportion'",
    ),
    Rule("chance", word("chance", "chances"), "'random' or 'randomness' ('at random')"),
    Rule(
        "a training",
        r"\b(?i:an?|one|each|every|another|this|last|first|next|previous|second|whole) training\b"
        rf"(?! (?:{AFTER_TRAINING})\b)|\b[Tt]rainings\b",
        "'training run', 'fit' or 'epoch'",
    ),
    Rule("told", word("told"), "'reported', 'shown' or 'stated'; 'labelled_by' in the ledger"),
    Rule("came", word("came"), "'got' or 'given'"),
    Rule("beside", word("beside"), "'next to' or 'alongside'"),
    Rule("anew", word("anew"), "'again' or 'from scratch'"),
    Rule("mend", word("mend", "mends", "mended", "mending"), "'fix' or 'repair'"),
    Rule("shelf", word("shelf", "shelves"), "'registry' or 'catalogue'"),
    Rule(
        "word",
        word("word", "words"),
        "'name', 'value' or 'option'",
        allowed=r"\b(?:in|own|other|few|these|those|two|plain) words\b|check_words|\bword for word\b",
    ),
    Rule(
        "moment",
        word("moment", "moments"),
        "'snapshot'",
        allowed=r"\bany moment\b|\brandom moments?\b|\bat the moment (?:of|when)\b|\bbatch moments?\b",
    ),
    Rule(
        "start",
        r"\bstart_size\b|\bstart set\b|\b[Ll]abels at the start\b|(?:config|settings|setup)\.start\b"
        r"|--start\b|\[?['\"`]start['\"`]|^start = (?:[\d.]|int)"
        r"|\bstart: (?:Amount|Annotated)|\bthe start takes\b",
        "'initial set' or 'initial_size'",
    ),
    Rule(
        "start='warm'",
        r"\bstart\s?=+\s?['\"`]{0,2}(?:warm|cold)\b|\bstart: (?:Start|Literal)\b|(?<!config)\.start\b(?!\()",
        "'warm_start=True' or 'warm_start=False'",
        allowed=r"(?:settings|setup)\.start\b|match\.start\b",
    ),
    Rule("companion", word("companion", "companions", "company"), "'wrapper'"),
    Rule(
        "dense",
        word("dense"),
        "'segmentation', 'images' or 'masks'",
        allowed=r"(?i:\bdense (?:layers?|matrix|matrices|arrays?|tensors?)\b)",
    ),
    Rule("audit", word("audit", "audits", "audited", "auditing"), "'diagnostics of the score'; 'on_query='"),
    Rule("outstanding", rf"{word('outstanding')}|\bopen (?:items|queries|labels|requests)\b", "'pending'"),
    Rule(
        "alone",
        r"\balone\(|\bimport .*\balone\b|['\"`]alone['\"`]|another process (?:is working|works) on",
        "'lock', 'exclusive_lock', 'locked by another process'",
    ),
    Rule(
        "cells begun",
        r"\b[Cc]ells? (?:that were |were |was )?begun\b|['\"`]begun['\"`]",
        "'run' or 'started'",
    ),
    Rule("exhibit", word("exhibit", "exhibits"), "'figure' or 'table'"),
    # Names that were changed.
    Rule("least_steps", r"\w*least_steps\b", "'min_steps_per_epoch'"),
    Rule("cold_epochs", r"\w*cold_epochs\b", "'epochs_from_scratch'"),
    Rule("resolutions", r"\bresolutions\b", "'progressive_resize'"),
    Rule("scan_batch_size", r"\bscan_batch_size\b", "'predict_batch_size'"),
    Rule(
        "subset",
        r"\bsubset_size\b|\bconfig\.subset\b|['\"`]subset['\"`]|^(?:# )?subset\b|--subset\b|\bsubset: int\b",
        "'candidate_size'",
    ),
    Rule("advance", r"\b_?advance(?=\s?[=:,)(]| or\b| is\b)|\b[Aa]dvance(?= \|)", "'progress'"),
    Rule("shortfall", word("shortfall"), "'missing'"),
    Rule("view_of_arrays", r"\bview_of_arrays\b", "'make_view'"),
    Rule("checked_view", r"\bchecked_view\b", "'validate_view'"),
    Rule("Viewer", r"\b[Vv]iewer\b", "'ViewBuilder'"),
    Rule(
        "explained",
        r"\bexplained\(|\bimport .*\bexplained\b|^    explained,|['\"`]explained['\"`]",
        "'translate_errors'",
    ),
    Rule("end_with_parent", r"\bend_with_parent\b", "'exit_with_parent'"),
    Rule("amount", r"\bamount\(|\bimport .*\bamount\b|['\"`]amount['\"`]", "'resolve_count'"),
    Rule("PixelMeasures", r"\bPixelMeasures?\b", "'SegmentationMetrics'"),
    Rule(
        "AdversarialGame",
        r"\bAdversarialGame\b|\bGameRules\b|\b_Match\b|\.play\(|\bdef play\b"
        r"|:meth:`play`|\bplay(?:s|ed)? the game\b",
        "'VaalTrainer', '.train()', 'VaalConfig'",
    ),
    Rule("when", r"\bcard\.when\b|[\"'`]when[\"'`]|\bwhen=|^\s+when: str\b", "'use_when'"),
    Rule(
        "gerund file",
        rf"^FILE: \S*?\b(?!(?:{'|'.join(NOUNS_ENDING_IN_ING)})\.py)[a-z]+ing\.py$",
        "a noun as the file's name ('validation', 'loaders')",
    ),
    # Old messages and help texts.
    Rule(
        "ended by signal",
        r"\bended by signal\b|\bended \{why\b|\bby signal \{",
        "'the worker was killed by signal N (out of memory?)'",
    ),
    Rule(
        "never begun",
        r"\bnever begun\b",
        "'the campaign in X has no events yet; run the script that created it'",
    ),
    Rule("taking all", r"\btaking all\b", "'requested N items, only M are left; returning all of them'"),
    Rule(
        "Cells at once", r"\b[Cc]ells at once\b", "'Runs to execute in parallel [default: number of cores].'"
    ),
    Rule(
        "may be repeated", r"\bkey=value; may be repeated\b", "'Override a setting (key=value, repeatable).'"
    ),
    Rule("Say how far", r"\b[Ss]ay how far\b", "'Show the progress of a run or campaign.'"),
    Rule("comes to", r"\bconfiguration comes to\b", "'Show the resolved configuration or its schema.'"),
)

# Where a word may stay: the path, the word, and what the line holds (anything where empty).
EXEMPT = (
    (r"src/nextlabel/papers/", "exhibit", ""),
    (r"docs/repro\w*\.md", "exhibit", ""),
    (r"docs/reference/(?:papers|repro\w*)\.md", "exhibit", ""),
    # Written from the help of `nextlabel reproduce`, whose text lies in papers/.
    (r"docs/command_line\.md", "exhibit", ""),
    # Names of stored drawings of the papers' figures.
    (r"README\.md|docs/\w+\.md", "exhibit", r"images/exhibit-"),
    # Titles that others gave to their papers.
    (r".*", "dense", r"Densely Connected|Dense (?:Prediction|Labell?ing|Object Detection)"),
)


def _compiled(rule: Rule) -> tuple[Rule, re.Pattern[str], re.Pattern[str]]:
    allowed = "|".join(filter(None, (ALWAYS_ALLOWED, rule.allowed)))
    pattern, spared = (re.compile(text.replace(" ", GAP), re.M) for text in (rule.pattern, allowed))
    return rule, pattern, spared


COMPILED = tuple(map(_compiled, RULES))


@dataclass(frozen=True)
class Hit:
    """One place where a word stands."""

    path: str
    line: int
    text: str
    rule: Rule

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: '{self.text}': write {self.rule.instead}"


def hits(path: str, text: str) -> list[Hit]:
    """Return the avoided words of a file, its name included, by line.

    Args:
        path: Relative to the repository, with forward slashes.
        text: What the file holds.
    """
    named = f"FILE: {path}\n{text}"  # a hit in the first line is one in the name
    lines = named.split("\n")
    found = []
    for rule, pattern, allowed in COMPILED:
        matches = list(pattern.finditer(named))
        spared = [match.span() for match in allowed.finditer(named)] if matches else []
        for match in matches:
            row = named.count("\n", 0, match.start())
            inside = any(first <= match.start() and match.end() <= last for first, last in spared)
            if not inside and not _is_exempt(path, rule.word, lines[row]):
                found.append(Hit(path, max(row, 1), " ".join(match.group().split()), rule))
    return sorted(found, key=lambda hit: hit.line)


def _is_exempt(path: str, word_: str, line: str) -> bool:
    return any(
        word_ == exempt and re.match(where, path) and re.search(held, line) for where, exempt, held in EXEMPT
    )


def texts(root: Path, places: Iterable[str] = CHECKED) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every file that is checked, in order."""
    for place in places:
        path = root / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in SUFFIXES:
                text = file.read_text(encoding="utf-8")
                newest = file.name == "CHANGELOG.md"
                yield file.relative_to(root).as_posix(), _newest_entry(text) if newest else text


def _newest_entry(changelog: str) -> str:
    """Return the changelog up to its second entry; what older versions changed is history."""
    starts = [match.start() for match in re.finditer(r"^## ", changelog, re.M)]
    return changelog[: starts[1]] if len(starts) > 1 else changelog


def main(arguments: list[str] | None = None) -> int:
    """Print the hits, or their counts, and return the exit code."""
    parser = argparse.ArgumentParser(description="List the words that nextlabel's language avoids.")
    parser.add_argument("places", nargs="*", default=CHECKED, help="files and folders [default: all checked]")
    parser.add_argument("--count", action="store_true", help="print the counts per word and their sum only")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    given = parser.parse_args(arguments)
    found = [hit for path, text in texts(given.root, given.places) for hit in hits(path, text)]
    counts = Counter(hit.rule.word for hit in found)
    if not given.count:
        print(*found, sep="\n", end="\n" if found else "")
    for name, count in counts.most_common():
        print(f"{count:6} {name}")
    print(f"{sum(counts.values()):6} in all")
    return 1 if found and not given.count else 0


if __name__ == "__main__":
    sys.exit(main())
