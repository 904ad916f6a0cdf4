"""Short made-up reviews whose sentiment is carried by the adjectives of a small lexicon.

Columns: `review` and `label` (0 negative, 1 positive, 2 neutral; only `labels: three` has the last).
Neutral reviews state facts and judge nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import NAMES, article, distinct, words

LABELS = ("negative", "positive", "neutral")
# By label. No adjective stands in both, and no part or fact below uses one: the adjectives alone carry the label.
LEXICON = (
    words(
        "awful bad boring clumsy dreadful disappointing dull horrible lifeless mediocre miserable poor "
        "shoddy terrible tedious unpleasant useless weak worthless"
    ),
    words(
        "amazing beautiful brilliant charming delightful excellent fantastic fine good great impressive "
        "lovely marvellous outstanding perfect pleasant splendid superb terrific wonderful"
    ),
)
# What is reviewed: its parts, and the neutral facts there are.
SUBJECTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "film": (
        ("acting", "plot", "music", "ending", "dialogue", "camera work"),
        ("runs for {n} minutes", "was shot in {n} days", "has {n} scenes", "was shown in {n} towns"),
    ),
    "book": (
        ("story", "style", "opening", "ending", "main character", "cover"),
        ("has {n} pages", "was printed in {n} towns", "took {n} weeks to write", "has {n} pictures"),
    ),
    "restaurant": (
        ("soup", "bread", "service", "fish", "dessert", "coffee"),
        ("has {n} tables", "has {n} candles", "lists {n} dishes", "seats {n} guests"),
    ),
    "hotel": (
        ("room", "bed", "breakfast", "staff", "view", "garden"),
        ("has {n} rooms", "lies {n} minutes from the station", "has {n} parking places", "has {n} floors"),
    ),
    "phone": (
        ("screen", "sound", "camera", "battery", "keyboard", "casing"),
        ("weighs {n} grams", "comes in {n} colours", "stores {n} songs", "charges in {n} minutes"),
    ),
}
JUDGEMENTS = (
    "The {part} was {adjective}.",
    "The {part} was {adjective} and the {other} was {second}.",
    "What {article} {subject}!",
    "{article} {subject}, and the {part} was {second}.",
    "{name} found the {part} {adjective}.",
    "The {part} of the {subject} was {adjective}, and {name} called the {other} {second}.",
)
FACTS = ("The {subject} {fact}.", "{name} says the {subject} {fact}.", "This {subject} {fact} and {fact_2}.")

PARAMETERS: Mapping[str, tuple[str, ...]] = {"subject": tuple(SUBJECTS), "labels": ("two", "three")}
SCHEMA = pa.schema([("review", pa.string()), ("label", pa.int64())])
CONTENT = ("review",)


def _judgement(draws: Draws, subject: str, label: int) -> str:
    adjective, second = distinct(draws, LEXICON[label], 2)
    part, other = distinct(draws, SUBJECTS[subject][0], 2)
    text = draws.pick(JUDGEMENTS).format(
        subject=subject,
        part=part,
        other=other,
        adjective=adjective,
        second=second,
        article=article(adjective),
        name=draws.pick(NAMES),
    )
    return text[0].upper() + text[1:]


def row(draws: Draws, *, subject: str, labels: str) -> dict[str, object]:
    """A review of one or two sentences that agree with its label."""
    label = draws.below(3 if labels == "three" else 2)
    if label == 2:
        # Both facts are drawn before the sentence is, which may show only the first.
        first, second = distinct(draws, SUBJECTS[subject][1], 2)
        fact, fact_2 = first.format(n=draws.between(2, 60)), second.format(n=draws.between(2, 60))
        text = draws.pick(FACTS).format(subject=subject, name=draws.pick(NAMES), fact=fact, fact_2=fact_2)
        return {"review": text, "label": label}
    sentences = [_judgement(draws, subject, label)]
    if draws.chance(1, 3):
        sentences.append(_judgement(draws, subject, label))
    return {"review": " ".join(sentences), "label": label}
