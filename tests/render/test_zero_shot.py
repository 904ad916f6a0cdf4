"""One row in one template: exactly what Jinja gives, options and labels in place."""

from __future__ import annotations

import jinja2
import pytest

from flancollect.cards.catalog import load_catalog
from flancollect.cards.family import Family, Template
from flancollect.cards.style_card import DialogStyle, OptionStyle
from flancollect.errors import CardError
from flancollect.render.examples import example_row, render_example
from flancollect.render.normalise import Row
from flancollect.render.zero_shot import join_zero_shot, render_examples


def family(**needs: str) -> Family:
    return Family(name="f", needs=needs, options="open", example={}, templates=(), file="f.yaml")  # type: ignore[arg-type]


def template(text: str, target: str = "{{ answer }}", intro: str | None = None) -> Template:
    return Template(
        id="f/forward/w",
        direction="forward",
        name="w",
        intro=intro,
        input=text,
        target=target,
        options="either",
        shows_options="options" in text,
        hold_out=False,
        file="f.yaml",
        line=12,
    )


def row(**fields: object) -> Row:
    return Row(id=0, fields=fields, answer="no", options=("yes", "no"), answer_index=1, content=0)


LETTERS = OptionStyle(header="Pick:", item="{{ upper }} {{ text }}", answer="label", label="{{ upper }}")


def test_with_options_and_without_the_same_template_reads_well() -> None:
    asked = template("Is it?{{ options | para }}", intro="Read.")
    shown = render_examples([row()], asked, family(), LETTERS, None)[0]
    plain = render_examples([row()], asked, family(), None, None)[0]
    assert (join_zero_shot(shown), shown.target) == ("Read.\n\nIs it?\n\nPick:\nA yes\nB no", "B")
    assert (join_zero_shot(plain), plain.target) == ("Read.\n\nIs it?", "no")


def test_turns_are_written_out_in_the_dialog_style() -> None:
    style = DialogStyle(speakers=["User", "Bot"], turn="{{ speaker }}: {{ text }}")
    (shown,) = render_examples(
        [row(talk=["hi", "hello", "bye"])], template("{{ talk }}"), family(talk="turns"), None, style
    )
    assert shown.input == "User: hi\nBot: hello\nUser: bye"


def test_a_template_that_fails_names_its_file_and_line() -> None:
    with pytest.raises(CardError, match=r"f\.yaml:12 .*forward\.w: "):
        render_examples([row(x=[])], template("{{ x[3] }}"), family(x="list"), None, None)


def test_every_embedded_template_renders_as_plain_jinja_does() -> None:
    reference = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    reference.filters |= {
        "para": lambda text: f"\n\n{text}" if text else "",
        "line": lambda text: f"\n{text}" if text else "",
        "clause": lambda text: text.rstrip(".?!"),
        "label": lambda text, word: text if ": " in text[:20] else word + text,
        "one": lambda value: value if isinstance(value, str) else value[0],
        "many": lambda value: [value] if isinstance(value, str) else value,
        "numbered": lambda items: "\n".join(f"{i}. {item}" for i, item in enumerate(items, 1)),
    }
    for spec in load_catalog().families.values():
        if "turns" in spec.needs.values():
            continue
        example = example_row(spec)
        values = {**example.fields, "answer": example.answer, "options": "", "choices": list(example.options)}
        for found in spec.templates:
            shown = render_example(spec, found, None)
            assert shown.input == reference.from_string(found.input).render(values), found.id
            assert shown.target == reference.from_string(found.target).render(values), found.id


@pytest.mark.parametrize(
    ("turn", "between", "form"),
    [("{{ speaker }}: {{ text }}", "\n", "A: ...\nB: ..."), ("- {{ text }}", "\n\n", "- ...\n\n- ...")],
)
def test_a_template_can_say_how_turns_are_written(turn: str, between: str, form: str) -> None:
    family = next(family for family in load_catalog().families.values() if family.name == "dialog_answer")
    style = DialogStyle(speakers=["A", "B"], turn=turn, between=between)
    template = next(each for each in family.templates if each.name == "find_conversation")
    (example,) = render_examples([example_row(family)], template, family, None, style)
    assert example.input.endswith(f"in this form.\n{form}")
