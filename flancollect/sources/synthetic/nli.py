"""What follows from quantified sentences about made-up kinds: the old figures of logic.

Columns: `premise` (one to three sentences), `hypothesis`, and `label` (0 yes, 1 no, 2 cannot tell).
"Some" means at least one. No label depends on whether the kinds have members at all, and cases that
everyday speech reads otherwise ("some are" as "some are not") are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import NAMES, distinct, words

LABELS = ("yes", "no", "cannot tell")
# No language has these, so nothing that a model knows about the world helps or misleads it. Every one takes "a"
# and a plain "s" in the plural, which the sentences below rely on.
NOUNS = words(
    "bim blen blick borf brill dabble dop drin fep flim frond gazzer glim gop grell jut kroll lem marb "
    "mib mop narp nell pib plon quab rell rop sart sib snell tam tolm trell vark vim wem wug yim zand "
    "zib zorp"
)

# Premises => hypothesis, over kinds A, B, C; "is A" and "not A" speak of one named member. For each form the
# figures of each label, in the order of LABELS. "some A B => no B A" is a "no": at least one A is a B, so that B is
# an A. "all A B => some A B" stands nowhere: it fails where there are no As at all.
FIGURES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "one_premise": (
        ("some A B => some B A", "no A B => no B A"),
        (
            "all A B => some_not A B",
            "some A B => no A B",
            "some A B => no B A",
            "no A B => some A B",
            "no A B => some B A",
            "some_not A B => all A B",
        ),
        ("all A B => all B A", "some A B => all B A", "some_not A B => no B A", "some_not A B => all B A"),
    ),
    "two_premises": (
        (
            "all A B; all B C => all A C",
            "all A B; no B C => no A C",
            "all A B; no C B => no A C",
            "some A B; all B C => some A C",
            "some A B; no B C => some_not A C",
            "all B A; some B C => some A C",
            "all B A; some_not B C => some_not A C",
        ),
        (
            "all A B; all B C => some_not A C",
            "all A B; no B C => some A C",
            "all A B; no C B => some A C",
            "some A B; all B C => no A C",
            "some A B; no B C => all A C",
            "all B A; some B C => no A C",
            "all B A; some_not B C => all A C",
        ),
        (
            "all A B; some B C => some A C",
            "all A B; all C B => all A C",
            "all A B; some_not B C => some_not A C",
            "some A B; some B C => some A C",
            "some A B; all C B => some A C",
            "no A B; no B C => no A C",
            "no A B; all B C => no A C",
        ),
    ),
    "member": (
        (
            "all A B; is A => is B",
            "all A B; not B => not A",
            "no A B; is A => not B",
            "no A B; is B => not A",
        ),
        ("all A B; is A => not B", "all A B; not B => is A", "no A B; is A => is B", "no A B; is B => is A"),
        (
            "all A B; is B => is A",
            "all A B; not A => not B",
            "some A B; is A => is B",
            "no A B; not A => is B",
        ),
    ),
    "member_chain": (
        (
            "all A B; all B C; is A => is C",
            "all A B; all B C; not C => not A",
            "all A B; no B C; is A => not C",
            "all A B; no B C; is C => not A",
        ),
        (
            "all A B; all B C; is A => not C",
            "all A B; all B C; not C => is A",
            "all A B; no B C; is A => is C",
            "all A B; no B C; is C => is A",
        ),
        (
            "all A B; all B C; is C => is A",
            "all A B; some B C; is A => is C",
            "all A B; no B C; not A => is C",
            "some A B; all B C; is A => is C",
        ),
    ),
}

SENTENCES: Mapping[str, tuple[str, ...]] = {
    "all": ("All {a}s are {b}s.", "Every {a} is a {b}."),
    "some": ("Some {a}s are {b}s.", "At least one {a} is a {b}."),
    "no": ("No {a}s are {b}s.", "No {a} is a {b}."),
    "some_not": ("Some {a}s are not {b}s.", "At least one {a} is not a {b}."),
    "is": ("{who} is a {a}.",),
    "not": ("{who} is not a {a}.",),
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"form": tuple(FIGURES)}
SCHEMA = pa.schema([("premise", pa.string()), ("hypothesis", pa.string()), ("label", pa.int64())])
CONTENT = ("premise", "hypothesis")


def _sentence(draws: Draws, statement: str, meaning: Mapping[str, str]) -> str:
    quantifier, *kinds = statement.split()
    # "some_not B C" makes {"a": what B means, "b": what C means}; "is B" has one kind, and fills only {a}.
    names = dict(zip("ab", (meaning[kind] for kind in kinds), strict=False))
    return draws.pick(SENTENCES[quantifier]).format(**names, who=meaning["who"])


def row(draws: Draws, *, form: str) -> dict[str, object]:
    """A figure of the drawn label, told with made-up kinds, its premises in any order."""
    label = draws.below(len(LABELS))
    premises, _, hypothesis = draws.pick(FIGURES[form][label]).partition(" => ")
    meaning = dict(zip("ABC", distinct(draws, NOUNS, 3), strict=True)) | {"who": draws.pick(NAMES)}
    sentences = [_sentence(draws, statement, meaning) for statement in draws.shuffled(premises.split("; "))]
    return {
        "premise": " ".join(sentences),
        "hypothesis": _sentence(draws, hypothesis, meaning),
        "label": label,
    }
