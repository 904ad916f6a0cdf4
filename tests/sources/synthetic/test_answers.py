"""Every answer is computed a second time, from the shown text and by another way where there is one."""

import ast
import re
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from flancollect.sources.synthetic import GENERATORS, categories, reading, sentiment
from tests.sources.synthetic.cells import cells, first_rows, rows_of


def picked(operation, items):
    """The positions that an operation gives, counted from 1 as people do."""
    count = len(items)
    everything = list(range(1, count + 1))
    positions = {
        "first": [1],
        "last": [count],
        "second": [2],
        "next_to_last": [count - 1],
        "middle": [(count + 1) // 2],
        "reverse": [count + 1 - position for position in everything],
        "swap_ends": [count, *everything[1 : count - 1], 1],
        "ends": [1, count],
        "drop_first": [position for position in everything if position > 1],
        "drop_last": [position for position in everything if position < count],
        "rotate_left": [position % count + 1 for position in everything],
        "rotate_right": [(position - 2) % count + 1 for position in everything],
    }[operation]
    return [items[position - 1] for position in positions]


def test_selected_and_reordered_items():
    for parameters, row in rows_of("select_reorder"):
        items = row["items"].split(" ")
        assert row["answer"].split(" ") == picked(parameters["operation"], items)
        assert len(set(items)) == len(items)
        assert parameters["operation"] != "middle" or len(items) % 2


@pytest.mark.parametrize("name", ["sorting", "length_sorting"])
def test_sorted_items_stand_in_order_and_none_is_lost(name):
    for parameters, row in rows_of(name):
        items, answer = row["items"].split(" "), row["answer"].split(" ")
        assert Counter(items) == Counter(answer)
        rank = len if name == "length_sorting" else int if parameters["items"] == "numbers" else str
        ranks = [rank(item) for item in answer]
        upwards = parameters["order"] in ("ascending", "shortest_first")
        pairs = list(pairwise(ranks))
        assert all(a < b if upwards else a > b for a, b in pairs)


def test_counts():
    for parameters, row in rows_of("counting"):
        text = f" {row['items']} ".replace(" ", "  ")
        number = {
            "items": row["items"].count(" ") + 1,
            "different": len(dict.fromkeys(row["items"].split())),
            "occurrences": text.count(f" {row['target']} "),
        }[parameters["count"]]
        assert row["answer"] == str(number)


def test_letter_counts():
    for parameters, row in rows_of("letter_counting"):
        word = row["word"]
        number = {
            "letters": len(re.findall("[a-z]", word)),
            "vowels": len(re.findall("[aeiou]", word)),
            "consonants": len(re.sub("[aeiou]", "", word)),
            "one_letter": len(word.split(row["letter"])) - 1 if row["letter"] else None,
        }[parameters["count"]]
        assert row["answer"] == str(number)


def test_comparisons_name_the_one_item_that_no_other_beats():
    for parameters, row in rows_of("comparison"):
        rank = int if parameters["items"] == "numbers" else str
        answer, others = split_off(row)
        assert all((rank(answer) < rank(x)) == (parameters["wanted"] == "lowest") for x in others)
        assert answer not in others
    for parameters, row in rows_of("length_comparison"):
        answer, others = split_off(row)
        assert all((len(answer) < len(x)) == (parameters["wanted"] == "shortest") for x in others)
        assert len(answer) not in map(len, others)


def split_off(row):
    return row["options"][row["label"]], [x for i, x in enumerate(row["options"]) if i != row["label"]]


def test_comparison_claims():
    holds = {
        "larger": lambda a, b: int(a) - int(b) > 0,
        "smaller": lambda a, b: int(b) - int(a) > 0,
        "longer": lambda a, b: len(a) - len(b) > 0,
        "shorter": lambda a, b: len(b) - len(a) > 0,
        "later": lambda a, b: ord(a) - ord(b) > 0,
        "earlier": lambda a, b: ord(b) - ord(a) > 0,
    }
    for parameters, row in rows_of("comparison_claims"):
        assert row["label"] == holds[parameters["relation"]](row["first"], row["second"])
        assert row["first"] != row["second"]


def truth(node):
    """A Boolean expression's value, from Python's own parser (`xor` written as `!=`)."""
    if isinstance(node, ast.BoolOp):
        values = [truth(part) for part in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.UnaryOp):
        return not truth(node.operand)
    if isinstance(node, ast.Compare):
        left, right = node.left, node.comparators[0]
        if isinstance(node.ops[0], ast.NotEq):
            return truth(left) != truth(right)
        return left.value < right.value if isinstance(node.ops[0], ast.Lt) else left.value > right.value
    return node.value


def test_boolean_values():
    for parameters, row in rows_of("booleans"):
        text = row["expression"].replace("xor", "!=").replace("true", "True").replace("false", "False")
        assert row["label"] == truth(ast.parse(text, mode="eval").body), row
        if not parameters["shape"].startswith("nested"):
            assert parameters["shape"] in row["expression"]


def test_dates():
    def parsed(text):
        return datetime.strptime(text, "%d %B %Y" if " " in text else "%Y-%m-%d").date()

    for parameters, row in rows_of("dates"):
        shown, answer = parsed(row["date"]), parsed(row["answer"])
        step = {"day_after": 1, "day_before": -1}.get(parameters["question"], 0)
        assert (answer - shown).days == step
        assert row["iso"] == shown.isoformat()
        assert (" " in row["answer"]) == (parameters["question"] != "in_digits")
        assert not row["answer"].startswith("0")
    for _, row in rows_of("date_pairs"):
        one, other = map(parsed, row["options"])
        assert row["days"] == str(abs((one - other).days))
        assert (row["earlier"] == 0) == (one < other)
        assert row["earlier"] + row["later"] == 1


def test_calendar_steps():
    weeks = [(date(2024, 1, 1) + timedelta(days=i)).strftime("%A") for i in range(7)]
    months = [date(2024, i, 1).strftime("%B") for i in range(1, 13)]
    for parameters, row in rows_of("calendar_steps"):
        names = weeks if parameters["cycle"] == "weekday" else months
        at = names.index(row["start"])
        for _ in range(int(row["steps"])):
            at += 1 if parameters["direction"] == "after" else -1
            at = 0 if at == len(names) else len(names) - 1 if at < 0 else at
        assert row["label"] == at


def test_sums():
    for parameters, row in rows_of("sums"):
        left, sign, right = row["sum"].split()
        a, b, answer = int(left), int(right), int(row["answer"])
        undone = {
            "+": answer - b == a,
            "-": answer + b == a,
            "x": answer == sum([a] * b),
            "/": answer * b == a,
        }
        assert undone[sign]
        assert {"add": "+", "subtract": "-", "multiply": "x", "divide": "/"}[parameters["operation"]] == sign


STEP = {
    "+": r"Add (\d+)|(?:finds|gets|buys) (\d+) more",
    "-": r"Subtract (\d+)|(?:gives away|loses|sells) (\d+)",
    "x": r"Multiply by (\d+)|(doubles|triples) the number",
}


def test_arithmetic_chains_are_what_the_problem_tells():
    for parameters, row in rows_of("arithmetic_chain"):
        sentences = row["problem"].split(". ")
        value = int(re.search(r"\d+", sentences[0]).group())
        equations = row["chain"].rstrip(".").split(". ")
        for sentence, equation in zip(sentences[1:-1], equations, strict=True):
            ((sign, number),) = (
                (sign, next(filter(None, found.groups())))
                for sign, pattern in STEP.items()
                if (found := re.search(pattern, sentence))
            )
            number = {"doubles": 2, "triples": 3}.get(number) or int(number)
            result = {"+": value + number, "-": value - number, "x": value * number}[sign]
            assert equation == f"{value} {sign} {number} = {result}"
            assert 1 <= result <= 99
            value = result
        assert len(equations) == int(parameters["steps"])
        assert row["answer"] == str(value)


def test_both_tellings_of_a_chain_have_the_program_that_decides_the_split():
    for _, row in rows_of("arithmetic_chain"):
        steps = [equation.split(" = ")[0].split(" ") for equation in row["chain"].split(". ")]
        assert row["program"] == f"{steps[0][0]} " + " ".join(sign + number for _, sign, number in steps)


def edited(edit, text, quoted):
    """The word that an edit gives; `quoted` are the letters that its template names."""
    return {
        "capitals": lambda: "".join(chr(ord(x) - 32) for x in text),
        "small_letters": lambda: "".join(chr(ord(x) + 32) for x in text),
        "capital_first": lambda: chr(ord(text[0]) - 32) + text[1:],
        "spaced": lambda: re.sub("(?<=.)(?=.)", " ", text),
        "joined": lambda: text[::2],
        "backwards": lambda: "".join(reversed(text)),
        "without_vowels": lambda: re.sub("[aeiou]", "", text),
        "double_vowels": lambda: re.sub("([aeiou])", r"\1\1", text),
        "without_letter": lambda: "".join(text.split(quoted[0])),
        "replaced_letter": lambda: quoted[1].join(text.split(quoted[0])),
    }[edit]()


def test_edits():
    for parameters, row in rows_of("editing"):
        assert row["answer"] == edited(parameters["edit"], row["text"], re.findall('"(.)"', row["how"]))
        assert row["answer"]
        assert row["word"] == row["text"].replace(" ", "").lower()


def test_units():
    seconds = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}
    millimetres = {"millimetres": 1, "centimetres": 10, "metres": 1000}
    pieces = {"single pieces": 1, "dozens": 12, "months": 1, "years": 12, "grams": 1, "kilograms": 1000}
    sizes = seconds | millimetres | pieces
    for parameters, row in rows_of("units"):
        larger, smaller = parameters["pair"].split(" and ")
        shown, asked = (larger, smaller) if parameters["into"] == "smaller" else (smaller, larger)
        assert int(row["amount"]) * sizes[shown] == int(row["answer"]) * sizes[asked]


def from_words(text):
    units = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    values = {word: i for i, word in enumerate(units.split(), 1)} | {
        "seventeen": 17,
        "eighteen": 18,
        "nineteen": 19,
    }
    tens = "twenty thirty forty fifty sixty seventy eighty ninety"
    values |= {word: 10 * i for i, word in enumerate(tens.split(), 2)}
    total = 0
    for word in text.replace("-", " ").replace(" and ", " ").split():
        total = total * 100 if word == "hundred" else total + values[word]
    return total


def from_roman(text):
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}[letter] for letter in text]
    return sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))


def test_number_forms():
    read = {"digits": int, "words": from_words, "roman": from_roman}
    for parameters, row in rows_of("number_forms"):
        source, goal = parameters["form"].split("_to_")
        assert read[source](row["number"]) == read[goal](row["answer"]) == int(row["digits"])
        assert not re.search(r"(.)\1{3}", row["answer"] if goal == "roman" else "")


def follows_rule(pattern, items):
    """Whether a whole sequence follows the rule that the pattern's name states."""
    if pattern.startswith(("alternating", "three")):
        period = 2 if pattern.startswith("alternating") else 3
        return all(a == b for a, b in zip(items, items[period:], strict=False)) and len(set(items)) == period
    numbers = [ord(x) for x in items] if pattern.startswith("letters") else [int(x) for x in items]
    steps = [b - a for a, b in pairwise(numbers)]
    if pattern == "multiplying":
        return len({(b * 1000) // a for a, b in pairwise(numbers)}) == 1
    if pattern == "growing_steps":
        return all(b - a == 1 for a, b in pairwise(steps))
    return len(set(steps)) == 1 and (steps[0] < 0) == pattern.endswith(("down", "backward"))


def test_patterns_follow_their_rule_with_the_answer_in_place():
    for parameters, row in rows_of("patterns"):
        shown = row["sequence"].split(" ")
        whole = [row["answer"] if item == "?" else item for item in shown]
        whole += [row["answer"]] if parameters["ask"] == "next" else []
        assert follows_rule(parameters["pattern"], whole), row
        assert row["whole"] == " ".join(whole)
        assert ("?" in shown) == (parameters["ask"] == "missing")


def test_sentiment_is_that_of_every_judging_word():
    assert not set(sentiment.LEXICON[0]) & set(sentiment.LEXICON[1])
    for _, row in rows_of("sentiment"):
        words = set(re.findall(r"\w+", row["review"].lower()))
        found = [bool(words & set(lexicon)) for lexicon in sentiment.LEXICON]
        assert found == [row["label"] == 0, row["label"] == 1], row


def test_category_questions():
    home = {
        word: name
        for world in categories.WORLDS.values()
        for name, listed in world.items()
        for word in listed
    }
    for parameters, row in rows_of("categories"):
        words, options, label = row["word"].split(", "), row["options"], row["label"]
        match parameters["question"]:
            case "category" | "shared_category":
                assert {home[word] for word in words} == {options[label]}
                assert len(set(options)) == len(options)
            case "pick_member":
                assert [home[word] == row["category"] for word in options].index(True) == label
                assert sum(home[word] == row["category"] for word in options) == 1
            case "odd_one_out":
                assert words == options
                assert Counter(home[word] for word in words)[home[options[label]]] == 1
                assert len({home[word] for word in words}) == 2
            case "member" | "both_members":
                assert label == all(home[word] == row["category"] for word in words)
                assert options == []


def test_no_word_is_in_two_categories_of_one_world():
    for world in categories.WORLDS.values():
        listed = [word for words in world.values() for word in words]
        assert len(set(listed)) == len(listed)


def told_values(passage, who, fact):
    """What a passage says about one fact of one person or town."""
    for sentence in re.findall(r"[^.]+\.", passage):
        for form in fact[1]:
            pattern = re.escape(form).replace(r"\{who\}", who).replace(r"\{x\}", "(.+)")
            if found := re.fullmatch(pattern, sentence.strip()):
                yield found.group(1)


def test_the_passage_holds_exactly_the_answer():
    for parameters, row in rows_of("reading"):
        names, facts, _ = reading.DOMAINS[parameters["about"]]
        asked = [
            (who, fact)
            for who in names
            for fact in facts.values()
            if row["question"] in [form.format(who=who) for form in fact[2]]
        ]
        assert len(asked) == 1
        values = list(told_values(row["passage"], *asked[0]))
        assert values == ([] if row["answer"] == reading.UNANSWERABLE else [row["answer"]]), row
        assert row["passage"].count(".") == 4


def test_labels_lie_among_the_options_and_none_is_rare():
    for name, parameters in cells():
        if "label" not in GENERATORS[name].schema.names:
            continue
        rows = first_rows(name, tuple(parameters.values()))
        counts = Counter(row["label"] for row in rows)
        if "options" in GENERATORS[name].schema.names and rows[0]["options"]:
            assert all(0 <= row["label"] < len(row["options"]) for row in rows)
            assert all(len(set(row["options"])) == len(row["options"]) for row in rows)
        fewest = len(rows) / (4 * len(counts))
        assert len(counts) > 1
        assert min(counts.values()) > fewest / 2, (name, parameters, counts)


def test_unanswerable_is_half_of_the_questions_that_may_be():
    answers = [row["answer"] for p, row in rows_of("reading") if p["answerable"] == "sometimes"]
    assert 0.4 < answers.count(reading.UNANSWERABLE) / len(answers) < 0.6
