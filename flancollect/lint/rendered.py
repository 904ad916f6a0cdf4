"""What is wrong with the rows of a finished build as they read: how often, of which kind, and in which rows.

Looked for is what templates, styles and options do to each other; what a source itself writes is not counted, as far as
a text alone can tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flancollect.dataset.reader import Build

MOST_EXAMPLES = 5

_LABEL = r"(?:question|q|input|problem|case|task|prompt|answer|a|output|response|reply|solution|correct letter|letter)"
_DOUBLED_CUE = re.compile(rf"(?:^|\n){_LABEL}:[ \t]*\n*[ \t]*{_LABEL}:[ \t]*(?=\n|$)", re.IGNORECASE)
_DOUBLED_LABEL = re.compile(rf"(?:^|\n)(?:{_LABEL}:\s{{0,2}}){{2}}(?=\S)", re.IGNORECASE)
_DOUBLED_INSTRUCTION = re.compile(r"(?:^|\n)Now [^\n]{1,60}\n+Now [^\n]", re.IGNORECASE)
# Within a paragraph of a source `."` may be followed by a full stop of the source's own.
_QUOTED_STOP = re.compile(r'[.!?]"(?:[?!](?!\w)|\.[ \t]*(?:\n|$))')
_MOJIBAKE = re.compile("Ã[\x80-\xbf©¨±]|â€|Â[\x80-\xbf ]|ï¿½|\ufffd")


def _doubled_cue(row: Mapping[str, Any]) -> bool:
    """`Correct letter:` and then `A:`."""
    return _DOUBLED_CUE.search(row["inputs"]) is not None


def _doubled_label(row: Mapping[str, Any]) -> bool:
    """`Input: Input: 3 + 4`."""
    return _DOUBLED_LABEL.search(row["inputs"]) is not None


def _doubled_instruction(row: Mapping[str, Any]) -> bool:
    """`Now it is your turn.` and then `Now solve this`."""
    return _DOUBLED_INSTRUCTION.search(row["inputs"]) is not None


def _quoted_stop(row: Mapping[str, Any]) -> bool:
    """A quoted sentence with its full stop, and then another: `Is it true that "It rained."?`."""
    # Templates of Natural Instructions quote nothing: what is quoted there, the source's definitions quote.
    own = not row.get("template_id", "").startswith("natural_instructions/")
    return own and _QUOTED_STOP.search(row["inputs"]) is not None


def _mojibake(row: Mapping[str, Any]) -> bool:
    """Text that was decoded wrongly before it got here: `â€“` for a dash."""
    return _MOJIBAKE.search(f"{row['inputs']}\n{row['targets']}") is not None


def _option_stop(row: Mapping[str, Any]) -> bool:
    """An option that ends in a full stop, before another one."""
    stops = (
        option for option in row["provenance"]["options"] if option.endswith(".") and option[-2:] != ".."
    )
    return any(f"{option}." in row["inputs"] and f"{option}.." not in row["inputs"] for option in stops)


def _option_twice(row: Mapping[str, Any]) -> bool:
    """The same option under two letters."""
    options = row["provenance"]["options"]
    return len(set(options)) < len(options)


def _unseparated(row: Mapping[str, Any]) -> bool:
    """An answer asked for straight after a list item or a bare word, in a style that says nothing before it."""
    provenance, last_line = row["provenance"], row["inputs"].rstrip().rsplit("\n", 1)[-1]
    return provenance["shot_style"] in _BARE_STYLES and last_line.lstrip("-*+> ") in provenance["options"]


_BARE_STYLES = frozenset({"plain", "inline", "spacious"})
"""The collection's shot styles that have nothing but white space before an answer."""

KINDS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "doubled_cue": _doubled_cue,
    "doubled_label": _doubled_label,
    "doubled_instruction": _doubled_instruction,
    "quoted_stop": _quoted_stop,
    "option_stop": _option_stop,
    "option_twice": _option_twice,
    "unseparated": _unseparated,
    "mojibake": _mojibake,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLint:
    """How the rows of a build read: by submix and kind how many rows (`counts`), and the first of their numbers."""

    rows: Mapping[str, int]
    counts: Mapping[tuple[str, str], int]
    examples: Mapping[tuple[str, str], list[int]] = field(default_factory=dict)

    def rate(self, part: str, kind: str) -> float:
        """Rows of a kind per 100 rows of a part."""
        return 100 * self.counts.get((part, kind), 0) / max(self.rows[part], 1)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: by submix its rows, and the rate of every kind."""
        return {
            part: {"rows": rows, "per_100": {kind: self.rate(part, kind) for kind in KINDS}}
            for part, rows in self.rows.items()
        }

    def lines(self) -> Iterator[str]:
        """For people: a line per part, and one per kind that occurs in it."""
        for part, rows in self.rows.items():
            yield f"{part}: {rows:,} rows"
            for kind, is_so in KINDS.items():
                if (part, kind) in self.counts:
                    numbers = ", ".join(map(str, self.examples[part, kind]))
                    meaning = (is_so.__doc__ or "").rstrip(".")
                    yield f"  {self.rate(part, kind):.2f} per 100 {kind}: {meaning} (rows {numbers})"


def lint_build(build: Build) -> RowLint:
    """Look at every row of a build, by submix; the numbers are those of `load_from_disk`."""
    submixes = {task.task: task.submix for task in build.manifest.tasks}
    rows, counts = Counter[str](), Counter[tuple[str, str]]()
    examples: dict[tuple[str, str], list[int]] = {}
    for number, row in enumerate(build):
        submix = submixes[row["task_name"]]
        rows[submix] += 1
        for kind, is_so in KINDS.items():
            if is_so(row):
                counts[submix, kind] += 1
                of_kind = examples.setdefault((submix, kind), [])
                if len(of_kind) < MOST_EXAMPLES:
                    of_kind.append(number)
    return RowLint(rows=dict(sorted(rows.items())), counts=dict(counts), examples=examples)
