"""Templates made by hypothesis: every construct of the language, nested and mixed."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

_TEXT = st.sampled_from(["", "x", "é中🎉", "a b", "\n", "{", "}", "\\n", '"', "'", "%", "0", "|||", "ß"])


def _literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _form(pattern: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A pattern whose `@` are filled in order."""
    return st.tuples(*parts).map(lambda filled: _filled(pattern, filled))


def _filled(pattern: str, parts: tuple[str, ...]) -> str:
    head, *rest = pattern.split("@")
    return head + "".join(part + text for part, text in zip(parts, rest, strict=True))


def _forms(patterns: tuple[str, ...], *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.sampled_from(patterns).flatmap(lambda pattern: _form(pattern, *parts[: pattern.count("@")]))


_text_atoms = st.one_of(st.sampled_from(["a", "a", "d.k", "d['k']", "items[0]", "x"]), _TEXT.map(_literal))
_number_atoms = st.sampled_from(["b", "n", "1", "0", "2", "-3", "2.5", "true", "loop.index", "loop.length"])
_list_atoms = st.sampled_from(["items", "items", "[]", "['p', 'q']", "range(n)", "[1, none, 2.5]"])
_odd = st.sampled_from(
    [
        "none",
        "d",
        "absent",
        "y",
        "ns.v",
        "ns",
        "d.items",
        "d.missing",
        "loop.previtem",
        "loop",
        "(1, b)",
        "{'k': a}",
    ]
)


def _texts(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    numbers, lists, tests = _number_atoms, _list_atoms, st.deferred(lambda: conditions)
    return st.one_of(
        _forms(_TEXT_FILTERS, inner, inner),
        _forms(_TEXT_METHODS, inner, inner),
        _forms(
            ("(@)[1:]", "(@)[:2]", "(@)[::-1]", "(@)[-1:]", "(@)[n:]", "(@)[0]", "(@)[-1]", "(@)[0:9:2]"),
            inner,
        ),
        _forms(("(@) ~ (@)", "(@) + (@)", "(@) * n", "'%s %s' % (@, @)", "'%s' | format(@)"), inner, inner),
        _forms(("(@) | string", "(@) ~ ''", "'%05.1f' % (@)", "(@) | tojson"), numbers),
        _forms(_LISTS_TO_TEXT, lists),
        _form("(@) if (@) else (@)", inner, tests, inner),
        _form("(@) if (@)", inner, tests),
        _form("(@) or (@)", inner, inner),
        _form("(@) and (@)", inner, inner),
    )


_TEXT_FILTERS = (
    *(
        "(@) | lower",
        "(@) | upper",
        "(@) | trim",
        "(@) | capitalize",
        "(@) | title",
        "(@) | string",
        "(@) | safe",
    ),
    *("(@) | replace('a', 'bb')", "(@) | replace('x', '')", "(@) | replace('', '-', 2)", "(@) | para"),
    *("(@) | line", "(@) | one", "(@) | default('d')", "(@) | default(@, true)", "(@) | first", "(@) | last"),
    *("(@) | e", "(@) | trim('x')", "(@) | reverse", "(@) | tojson", "(@) | truncate(4)", "(@) | indent"),
    *("(@) | join('-')", "(@) | wordwrap(3)", "(@) | center(9)", "(@) | choice", "(@) | replace(@, 'q')"),
)
_TEXT_METHODS = (
    *("(@).strip()", "(@).strip('x ')", "(@).lower()", "(@).title()", "(@).replace('a', 'bbb')"),
    *("(@).replace('x', '')", "(@).join(items)", "(@).join(['p', @])", "(@).split(' ')[0]", "(@).center(9)"),
    *(
        "(@).format(@, k=b)",
        "(@).upper().lower()",
        "(@).split()[-1]",
        "(@).removeprefix('a')",
        "(@).zfill(5)",
    ),
)
_LISTS_TO_TEXT = (
    *("(@) | join", "(@) | join(', ')", "(@) | join(a)", "(@) | first", "(@) | last", "(@) | numbered"),
    *(
        "(@) | map('string') | join('+')",
        "(@) | choice",
        "(@) | random",
        "(@) | tojson",
        "', '.join(@)",
        "(@)[0]",
    ),
)
texts = st.recursive(_text_atoms, _texts, max_leaves=4)
numbers = st.one_of(
    _number_atoms,
    _forms(
        ("(@) + (@)", "(@) - (@)", "(@) * (@)", "(@) / (@)", "(@) // (@)", "(@) % (@)"),
        _number_atoms,
        _number_atoms,
    ),
    _forms(("(@) | round", "(@) | round(1)", "(@) | abs", "(@) | int", "-(@)", "(@) | float"), _number_atoms),
    _forms(("(@) | length", "(@).count('a')", "(@).find('b')", "(@) | wordcount", "(@) | int"), texts),
    _forms(("(@) | length", "(@) | count", "(@) | list | length"), _list_atoms),
)
lists = st.one_of(
    _list_atoms,
    _form("[@, @]", texts, texts),
    _form("[@]", numbers),
    _forms(
        (
            "(@).split()",
            "(@).split(' ')",
            "(@).split('a', 1)",
            "(@) | list",
            "(@).splitlines()",
            "(@) | many",
        ),
        texts,
    ),
    _forms(
        (
            *(
                "(@) | list",
                "(@) | sort",
                "(@) | unique | list",
                "(@) | reverse | list",
                "(@)[1:]",
                "(@)[:-1]",
            ),
            *(
                "(@) | map('upper') | list",
                "(@) | select | list",
                "(@) | reject('none') | list",
                "(@) + ['z']",
            ),
            *(
                "(@) | map('upper')",
                "(@) | select('in', items)",
                "(@) | batch(2) | list",
                "zip(@, @)",
                "(@) * 2",
            ),
        ),
        _list_atoms,
        _list_atoms,
    ),
)
conditions = st.one_of(
    _forms(("(@) == (@)", "(@) != (@)", "(@) < (@)", "(@) in (@)", "(@) not in (@)"), texts, texts),
    _forms(("(@) == (@)", "(@) != (@)", "(@) < (@)", "(@) >= (@)", "1 < (@) <= (@)"), numbers, numbers),
    _forms(("(@) in (@)", "(@) not in (@)", "(@) == (@)"), texts, lists),
    _forms(("@", "not (@)", "(@) is string", "(@).startswith('a')", "(@).isdigit()", "(@) is lower"), texts),
    _forms(
        ("@", "(@) is odd", "(@) is number", "(@) is divisibleby(2)", "(@) in [1, 2]", "(@) is eq(1)"),
        numbers,
    ),
    _forms(("@", "not (@)", "(@) is sequence", "(@) is iterable", "(@) is mapping"), lists),
    st.sampled_from(
        ["x is defined", "absent is defined", "y is undefined", "d.missing is defined", "a is none"]
    ),
    st.sampled_from(
        ["a is defined and n", "not x is defined", "loop.last", "loop.first", "not loop.last", "true"]
    ),
)
expressions = st.one_of(texts, texts, numbers, lists, conditions, _odd)


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Statements around further text."""
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        _form("{% if @ %}@{% endif %}", conditions, inner),
        _form(
            "{% if @ -%}@{% elif @ %}@{%- else %}@{% endif %}", conditions, inner, conditions, inner, inner
        ),
        _form("{% for x in @ %}@{% endfor %}", lists, inner),
        _form("{% for x in @ %}@{{ loop.index }}/{{ loop.length }}@{% endfor %}", lists, inner, inner),
        _form("{% for x in @ if @ %}@{% endfor %}", lists, conditions, inner),
        _form("{%- for x in @ -%}@{% else %}@{% endfor %}", lists, inner, inner),
        _form("{% for x, y in zip(items, @) %}@{% endfor %}", lists, inner),
        _form("{% for y, x in d.items() %}@{% endfor %}", inner),
        _form("{% set x %}@{% endset %}@", inner, inner),
        _form("{% set x | upper | trim %}@{% endset %}", inner),
        _form("{% filter lower %}@{% endfilter %}", inner),
        _form("{% with x = @, y = a %}@{% endwith %}", expressions, inner),
        _form("{% set ns = namespace(v=@) %}@{{ ns.v }}", texts, inner),
        _form(
            "{% set y = [@] %}@{{ y }}{% for x in items if x not in y %}@{% set _ = y.append(x) %}{% endfor %}{{ y }}",
            texts,
            inner,
            inner,
        ),
        _form(
            "{% set ns = namespace(v='') %}{% for x in @ if x != ns.v %}@{% set ns.v = x %}{% endfor %}",
            lists,
            inner,
        ),
    )


_lines = st.one_of(
    st.sampled_from(["", "text ", "é\n", "  \n  ", "{ }", "\\", '"', "{# note #}", "\n\n"]),
    _form("{{ @ }}", expressions),
    _form("{{ @ }}", texts),
    _form("{{- @ -}}", texts),
    _form("{% set @ = @ %}", st.sampled_from(["x", "y", "a", "items"]), expressions),
    _form("{% set x, y = @, @ %}", expressions, expressions),
    _form("{% set ns.v = @ %}", expressions),
)
templates = st.recursive(_lines, _blocks, max_leaves=6)

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.sampled_from([10**20, 1.5, 1e16, float("nan"), float("inf"), -0.0, 1e-7]),
    st.sampled_from(
        ["", "a", "abc", "ABC x", "é中🎉 ß", " pad ", "7", "a b a", "<b>&", "%s", "{}", "\u2028\n"]
    ),
)
values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["k", "z", "items", "0"]), inner, max_size=2),
    ),
    max_leaves=4,
)
_usual: dict[str, st.SearchStrategy[Any]] = {
    "a": st.sampled_from(["a", "abc x", "", "é中🎉 ß", "%s {} <b>"]),
    "b": st.sampled_from([1, 2, -1, 0]),
    "items": st.lists(st.sampled_from(["a", "bb", "", "ß"]), max_size=4),
    "d": st.fixed_dictionaries({"k": st.sampled_from(["v", "", "é"])}),
    "n": st.integers(0, 3),
}
columns: st.SearchStrategy[dict[str, list[Any]]] = st.one_of(
    st.fixed_dictionaries(
        {name: st.lists(column, min_size=3, max_size=3) for name, column in _usual.items()}
    ),
    st.fixed_dictionaries(
        {name: st.lists(st.one_of(column, values), min_size=3, max_size=3) for name, column in _usual.items()}
    ),
)
