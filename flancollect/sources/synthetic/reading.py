"""Short texts about made-up people and towns, and a question about one of their facts.

Columns: `passage`, `question`, `answer`. With `answerable: sometimes` half of the questions ask for a fact
that the text leaves out, and their answer is the word `unanswerable`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import NAMES, distinct, words

UNANSWERABLE = "unanswerable"
TOWNS = words(
    "Aldby Brenmoor Calden Dorwick Elsmere Farholt Garsby Hollin Ilmer Jassoch Kelham Lornach Merrin "
    "Nethby Orlick Pellan Quarley Rothen Selwick Tolby Ulmere Varnholt Westry Yarlock Zelden"
)
# Each fact: what it can be, how it is told, how it is asked for. {who} is the person or the town.
Fact = tuple[Sequence[str], Sequence[str], Sequence[str]]
PERSON: Mapping[str, Fact] = {
    "town": (TOWNS, ("{who} lives in {x}.",), ("Where does {who} live?", "Which town does {who} live in?")),
    "job": (
        words("baker teacher nurse farmer lawyer plumber dentist tailor pilot butcher"),
        ("{who} works as a {x}.", "{who} earns a living as a {x}."),
        ("What is the job of {who}?", "What does {who} work as?"),
    ),
    "pet": (
        words("dog cat parrot rabbit goat pony tortoise canary"),
        ("{who} keeps a {x}.", "{who} has a {x} as a pet."),
        ("Which animal does {who} keep?", "What pet does {who} have?"),
    ),
    "colour": (
        words("red blue green yellow purple orange brown white"),
        ("{who} likes the colour {x} best.", "The favourite colour of {who} is {x}."),
        ("What is the favourite colour of {who}?", "Which colour does {who} like best?"),
    ),
    "year": (
        [str(year) for year in range(1950, 2000)],
        ("{who} was born in {x}.",),
        ("When was {who} born?", "In which year was {who} born?"),
    ),
    "sport": (
        words("tennis chess rowing swimming fencing hockey golf judo"),
        ("{who} practises {x}.", "On Sundays {who} goes in for {x}."),
        ("Which sport does {who} practise?", "What sport does {who} go in for?"),
    ),
}
TOWN: Mapping[str, Fact] = {
    "founded": (
        [str(year) for year in range(1100, 1900, 7)],
        ("{who} was founded in {x}.",),
        ("When was {who} founded?", "In which year was {who} founded?"),
    ),
    "river": (
        words("Ane Brill Corra Dunn Ester Fenn Gart Holm Isel Lorre"),
        ("{who} lies on the river {x}.", "The river {x} flows through {who}."),
        ("Which river does {who} lie on?", "Which river flows through {who}?"),
    ),
    "product": (
        words("honey glass cheese paper wool salt pottery candles clocks ropes"),
        ("{who} is known for its {x}.", "People come to {who} for its {x}."),
        ("What is {who} known for?", "What do people come to {who} for?"),
    ),
    "people": (
        [f"{hundreds * 100}" for hundreds in range(4, 90)],
        ("{who} has {x} inhabitants.", "In {who} live {x} people."),
        ("How many inhabitants does {who} have?", "How many people live in {who}?"),
    ),
    "mayor": (
        NAMES,
        ("The mayor of {who} is {x}.", "{who} has a mayor called {x}."),
        ("Who is the mayor of {who}?",),
    ),
    "market": (
        words("Monday Tuesday Wednesday Thursday Friday Saturday"),
        ("The market of {who} is held on {x}.", "{who} has its market on {x}."),
        ("On which day is the market of {who} held?", "Which day is market day in {who}?"),
    ),
}
# Names, facts, and how many of the named a text is about.
DOMAINS: Mapping[str, tuple[Sequence[str], Mapping[str, Fact], int]] = {
    "person": (NAMES, PERSON, 1),
    "town": (TOWNS, TOWN, 1),
    "two_people": (NAMES, PERSON, 2),
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"about": tuple(DOMAINS), "answerable": ("always", "sometimes")}
SCHEMA = pa.schema([("passage", pa.string()), ("question", pa.string()), ("answer", pa.string())])
CONTENT = ("passage", "question")


def row(draws: Draws, *, about: str, answerable: str) -> dict[str, object]:
    """Four facts of one person or town, or two of each of two people, and a question about the first of them.

    A fact left out of the first person's part is told of the second, if there is one.
    """
    names, facts, subjects = DOMAINS[about]
    who = distinct(draws, names, subjects)
    *present, absent = distinct(draws, tuple(facts), 3 if subjects == 2 else 5)
    # Two people: Ada's town and pet, Ben's town and job. "Where does Ada live?" can be mixed up with Ben's town, and
    # to "What is the job of Ada?", which the text leaves out, Ben's job is the wrong answer at hand.
    pairs = [(who[0], fact) for fact in present]
    pairs += [(name, fact) for name in who[1:] for fact in (present[0], absent)]
    values = {(name, fact): draws.pick(facts[fact][0]) for name, fact in pairs}
    sentences = [draws.pick(facts[fact][1]).format(who=name, x=x) for (name, fact), x in values.items()]
    # `chance` is not drawn for "always": the two settings are different streams anyway, by their keys.
    missing = answerable == "sometimes" and draws.chance(1, 2)
    question = draws.pick(facts[absent if missing else present[0]][2]).format(who=who[0])
    answer = UNANSWERABLE if missing else values[who[0], present[0]]
    return {"passage": " ".join(draws.shuffled(sentences)), "question": question, "answer": answer}
