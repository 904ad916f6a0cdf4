"""Which everyday thing belongs to which category.

Columns: `word` (what is asked about: words joined by commas, or nothing), `category`
(empty unless the question names one), `options` (empty for yes/no questions) and `label` (0-based position
among `options`; of yes/no questions, 1 for yes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import distinct, words

# Two halves without a category in common: a model trained on one can be tested on the other. No word stands in two
# categories (which is why "orange", a fruit and a colour, stands in none), so every question has one answer.
WORLDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nature": {
        "mammals": words("horse cow dog cat lion tiger wolf fox bear rabbit mouse sheep goat camel"),
        "birds": words("eagle owl crow sparrow robin swan parrot penguin pigeon stork heron falcon"),
        "insects": words("ant bee wasp beetle butterfly mosquito cricket grasshopper moth termite"),
        "fish": words("salmon trout tuna herring cod carp pike sardine mackerel haddock"),
        "fruit": words("apple banana pear plum grape mango peach melon lemon apricot fig papaya"),
        "vegetables": words("carrot cabbage onion leek spinach broccoli potato turnip radish celery"),
        "trees": words("oak birch pine maple willow beech spruce poplar larch elm"),
        "flowers": words("tulip daisy orchid daffodil lily violet carnation marigold snowdrop crocus"),
    },
    "people": {
        "tools": words("hammer saw drill pliers spanner screwdriver chisel axe rake shovel"),
        "furniture": words("table chair sofa bed wardrobe desk stool bookcase armchair cupboard"),
        "clothes": words("shirt trousers skirt jacket coat sock glove hat scarf sweater dress"),
        "vehicles": words("car bus lorry bicycle train tram motorcycle tractor van scooter"),
        "instruments": words("piano violin guitar flute trumpet cello harp clarinet oboe trombone"),
        "drinks": words("water coffee tea milk juice lemonade cocoa beer wine cider"),
        "colours": words("red blue green yellow purple black white brown grey pink"),
        "jobs": words("baker teacher nurse farmer lawyer plumber dentist tailor pilot butcher"),
    },
}

World = Mapping[str, tuple[str, ...]]
Row = tuple[str, str, list[str], int]  # the four columns in the schema's order


def _category(draws: Draws, world: World) -> Row:
    """Which category does this word belong to?"""
    names = distinct(draws, tuple(world), draws.between(3, 4))
    label = draws.below(len(names))
    return draws.pick(world[names[label]]), "", names, label


def _shared_category(draws: Draws, world: World) -> Row:
    """What are these three words?"""
    names = distinct(draws, tuple(world), 4)
    label = draws.below(len(names))
    return ", ".join(distinct(draws, world[names[label]], 3)), "", names, label


def _pick_member(draws: Draws, world: World) -> Row:
    """Which of these words belongs to this category?"""
    names = distinct(draws, tuple(world), draws.between(3, 4))
    label = draws.below(len(names))
    return "", names[label], [draws.pick(world[name]) for name in names], label


def _odd_one_out(draws: Draws, world: World) -> Row:
    """Which of these words does not belong with the others?"""
    usual, odd = distinct(draws, tuple(world), 2)
    words = distinct(draws, world[usual], 3)
    # The position of the odd word is drawn after the words, so it says nothing about them.
    label = draws.below(4)
    words.insert(label, draws.pick(world[odd]))
    return ", ".join(words), "", words, label


def _member(draws: Draws, world: World) -> Row:
    """Does this word belong to this category?"""
    category, other = distinct(draws, tuple(world), 2)
    label = draws.below(2)
    return draws.pick(world[category if label else other]), category, [], label


def _both_members(draws: Draws, world: World) -> Row:
    """Do both of these words belong to this category? One of them always does."""
    category, other = distinct(draws, tuple(world), 2)
    one, two = distinct(draws, world[category], 2)
    label = draws.below(2)
    # Shuffled, as the word that may not belong would else always be the second.
    pair = draws.shuffled([one, two if label else draws.pick(world[other])])
    return ", ".join(pair), category, [], label


QUESTIONS: Mapping[str, Callable[[Draws, World], Row]] = {
    "category": _category,
    "shared_category": _shared_category,
    "pick_member": _pick_member,
    "odd_one_out": _odd_one_out,
    "member": _member,
    "both_members": _both_members,
}

PARAMETERS: Mapping[str, tuple[str, ...]] = {"question": tuple(QUESTIONS), "world": tuple(WORLDS)}
SCHEMA = pa.schema(
    [
        ("word", pa.string()),
        ("category", pa.string()),
        ("options", pa.list_(pa.string())),
        ("label", pa.int64()),
    ]
)
CONTENT = ("word", "category", "options")


def row(draws: Draws, *, question: str, world: str) -> dict[str, object]:
    """One question of that kind about one half of the words."""
    word, category, options, label = QUESTIONS[question](draws, WORLDS[world])
    return {"word": word, "category": category, "options": options, "label": label}
