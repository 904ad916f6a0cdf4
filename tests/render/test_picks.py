"""What is drawn for a row depends on its names alone; exemplars are other rows that ask other things."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from flancollect.cards.family import Template
from flancollect.cards.mixture_card import Shots
from flancollect.cards.style_card import OptionStyle, ShotStyle
from flancollect.cards.styles import Styles
from flancollect.cards.variants import VARIANTS
from flancollect.render.normalise import Row
from flancollect.render.picks import DrawScope, ExemplarPool, Pick, pick_rows
from tests.render.single import pick

STYLES = Styles(
    options={name: OptionStyle(item="{{ text }}") for name in "abc"},
    shots={name: ShotStyle(exemplar="{{ input }}{{ target }}", query="{{ input }}") for name in "xyz"},
)


def template(name: str, *, shows_options: bool = True) -> Template:
    return Template(
        id=f"f/forward/{name}",
        direction="forward",
        name=name,
        intro=None,
        input="",
        target="",
        options="either",
        shows_options=shows_options,
        hold_out=False,
        file="f.yaml",
        line=1,
    )


def row(id_: int, content: int | None = None) -> Row:
    return Row(
        id=id_,
        fields={},
        answer="a",
        options=("a", "b"),
        answer_index=0,
        content=id_ if content is None else content,
    )


TEMPLATES = [template("one"), template("two"), template("plain", shows_options=False)]


def picked(variant: str, ids: Sequence[int], pool: Sequence[Row] = (), repeat: int = 0) -> list[Pick]:
    names = DrawScope(seed=0, draws_as="t", variant=VARIANTS[variant], repeat=repeat)
    return [pick(names, row(i), TEMPLATES, STYLES, pool, Shots(min=2, max=4)) for i in ids]


def test_every_template_and_style_gets_its_turn_and_repeats_differ() -> None:
    picks = picked("zs_opt", range(300))
    assert {p.template.name for p in picks} == {"one", "two", "plain"}
    assert {p.option_style for p in picks if p.template.shows_options} == set("abc")
    assert {p.option_style for p in picks if not p.template.shows_options} == {None}
    assert [p.template for p in picked("zs_opt", range(300), repeat=1)] != [p.template for p in picks]


def test_no_options_and_no_shots_where_the_variant_has_none() -> None:
    assert {p.option_style for p in picked("zs_noopt", range(50))} == {None}
    assert all(p.shot_style is None and p.exemplars == () for p in picked("zs_opt", range(50), [row(99)]))


@given(size=st.integers(0, 60), same=st.integers(1, 5))
def test_exemplars_differ_from_the_row_and_from_each_other(size: int, same: int) -> None:
    pool = [row(i, content=i // same) for i in range(size)]
    names = DrawScope(seed=0, draws_as="t", variant=VARIANTS["fs_opt"], repeat=0)
    for question in pool[:10]:
        shown = pick(names, question, TEMPLATES, STYLES, pool, Shots(min=2, max=4)).exemplars
        contents = [exemplar.content for exemplar in shown]
        assert question.content not in contents
        assert len(set(contents)) == len(contents) <= 4
        others = {r.content for r in pool} - {question.content}
        assert len(contents) >= min(2, len(others)) if size <= 16 else contents


def test_many_rows_are_picked_as_one_by_one() -> None:
    for variant, size, repeat in (
        ("fs_opt", 0, 0),
        ("fs_opt", 15, 0),
        ("fs_noopt", 17, 1),
        ("zs_opt", 400, 2),
    ):
        pool = [row(i, content=i // 2) for i in range(size)]
        names = DrawScope(seed=5, draws_as="té", variant=VARIANTS[variant], repeat=repeat)
        rows = [row(i) for i in (*range(40), 10**12)]
        shots = Shots(min=1, max=4)
        together = pick_rows(
            names, rows, TEMPLATES, STYLES, ExemplarPool(rows=list(pool), source="pool"), shots
        )
        assert together == [pick(names, one, TEMPLATES, STYLES, pool, shots) for one in rows]


def test_the_number_of_exemplars_is_drawn_between_min_and_max() -> None:
    counts = {len(p.exemplars) for p in picked("fs_opt", range(200), [row(i) for i in range(1000, 1100)])}
    assert counts == {2, 3, 4}


MANY = [template(name, shows_options=False) for name in "abcdefg"]


def few_shot(variant: str, shots: Shots, rows: int = 400) -> list[Pick]:
    names = DrawScope(seed=0, draws_as="t", variant=VARIANTS[variant], repeat=0)
    pool = ExemplarPool(rows=[row(i) for i in range(1000, 1300)], source="pool")
    return pick_rows(names, [row(i) for i in range(rows)], MANY, STYLES, pool, shots)


@given(count=st.integers(1, 12))
def test_mixed_exemplars_have_different_templates_as_long_as_there_are_any(count: int) -> None:
    for each in few_shot("fs_opt", Shots(min=count, max=count, templates="mixed"), rows=20):
        names = [template.name for template in each.exemplar_templates]
        assert len(names) == len(each.exemplars) == count
        assert len(set(names)) == min(count, len(MANY))
        assert names[len(MANY) :] == names[: max(count - len(MANY), 0)]


def test_every_template_serves_at_every_place_of_a_mixed_prompt() -> None:
    picks = few_shot("fs_opt", Shots(min=3, max=3, templates="mixed"))
    for place in range(3):
        assert {each.exemplar_templates[place].name for each in picks} == set("abcdefg")


def test_exemplars_stand_in_the_question_s_template_unless_they_are_mixed() -> None:
    for each in few_shot("fs_opt", Shots()):
        assert set(each.exemplar_templates) == {each.template}


def test_mixing_templates_draws_the_same_templates_styles_and_exemplars() -> None:
    same, mixed = (few_shot("fs_opt", Shots(templates=templates)) for templates in ("same", "mixed"))
    for one, other in zip(same, mixed, strict=True):
        assert (one.template, one.shot_style, one.exemplars) == (
            other.template,
            other.shot_style,
            other.exemplars,
        )


def test_flan_2022_mixes_five_in_half_of_the_prompts_with_options_and_shows_two_or_three_in_the_others() -> (
    None
):
    shots = Shots(templates="flan2022")
    picks = few_shot("fs_opt", shots, rows=1000)
    mixed = [each for each in picks if len(each.exemplars) == 5]
    assert 440 < len(mixed) < 560
    assert all(len(set(each.exemplar_templates)) == 5 for each in mixed)
    counts = [len(each.exemplars) for each in picks if len(each.exemplars) != 5]
    assert set(counts) == {2, 3}
    assert 0.4 < counts.count(2) / len(counts) < 0.6
    for each in [*(p for p in picks if len(p.exemplars) != 5), *few_shot("fs_noopt", shots)]:
        assert len(each.exemplars) in (2, 3)
        assert set(each.exemplar_templates) == {each.template}


def test_mixed_rows_are_picked_as_one_by_one() -> None:
    names = DrawScope(seed=5, draws_as="té", variant=VARIANTS["fs_opt"], repeat=1)
    pool = [row(i) for i in range(40)]
    rows = [row(i) for i in (*range(60), 10**12)]
    for templates in ("mixed", "flan2022"):
        shots = Shots(templates=templates)
        together = pick_rows(names, rows, MANY, STYLES, ExemplarPool(rows=pool, source="pool"), shots)
        assert together == [pick(names, one, MANY, STYLES, pool, shots) for one in rows]
