"""Cards come from strangers: whatever would loop or grow without end stops early, and says at which bound."""

from __future__ import annotations

import datetime
import resource
import time

import pytest

from flancollect.jinja import bounds, operators
from flancollect.jinja.expression import ExpressionError, compile_expression, compile_template

BIG = "a" * 1_000_000
ROW = {
    "big": BIG,
    "other": "a" * 999_999 + "b",
    "numbers": list(range(50_000)),
    "mapping": {str(i): i for i in range(50_000)},
    "day": datetime.date(2020, 1, 2),
}
STEPS, TEXT, ITEMS, BITS, WORK = "loop steps", "a text longer", "a list longer", "bits", "characters handled"

EXPRESSIONS = [
    ("'x' * 10**10", TEXT),
    ("10**10 * 'x'", TEXT),
    ("[0] * 10**10", ITEMS),
    ("(0,) * 10**9", ITEMS),
    ("'x'|center(10**10)", TEXT),
    ("'x'|center(10000000000)", TEXT),
    ("['x']|map('center', 10**9)|list", TEXT),
    ("'x'.ljust(10**9)", TEXT),
    ("'x'.rjust(10**9)", TEXT),
    ("'x'.center(10**9)", TEXT),
    ("'x'.zfill(10**9)", TEXT),
    ("'\\t'.expandtabs(10**9)", TEXT),
    ("'\\t'.expandtabs(tabsize=10**9)", TEXT),
    ("('x'|safe).center(10**9)", TEXT),
    ("('x'|e).replace('x', 'y' * 3000000).replace('y', 'zz')", TEXT),
    ("('x'|safe).join(['y' * 3000000] * 2)", TEXT),
    ("('{:>1000000000}'|safe).format(1)", TEXT),
    ("('%1000000000d'|safe) % 1", TEXT),
    ("('x'|safe) * 10**9", TEXT),
    ("('x'|safe)|center(10**9)", TEXT),
    ("'%1000000000d' % 1", TEXT),
    ("'%*d' % (10**9, 1)", TEXT),
    ("'%.1000000000f' % 1.5", TEXT),
    ("'%(((a)))1000000000d' % {'((a))': 1}", TEXT),
    ("'%(a)s%(a)s%(a)s%(a)s%(a)s' % {'a': big}", TEXT),
    ("'%1000000000d'|format(1)", TEXT),
    ("'%1000000000d' is odd", TEXT),
    ("'%1000000000d' is even", TEXT),
    ("'%1000000000d' is divisibleby 1", TEXT),
    ("['%1000000000d']|select('odd')|list", TEXT),
    ("'{:>1000000000}'.format(1)", TEXT),
    ("'{:>{}}'.format(1, 10**9)", TEXT),
    ("'{0:.1000000000f}'.format(1.5)", TEXT),
    ("'{:%1000000000Y}'.format(day)", TEXT),
    ("'{x:>1000000000}'.format_map({'x': 1})", TEXT),
    ("'{0}{0}{0}{0}{0}'.format(big)", TEXT),
    ("('{}' * 1000000).format(1)", STEPS),
    ("2 ** (2 ** 30)", BITS),
    ("(10 ** 1000) * (10 ** 1000)", BITS),
    ("1 - -(10 ** 1233) * 10", BITS),
    ("[10 ** 1233]|sum(start=10 ** 1233 * 5)", BITS),
    ("('f' * 4000000)|int(base=16)", "4,096 characters"),
    ("1|round(10**9, 'ceil')", "400 digits"),
    ("12345|round(-(10**10))", "400 digits"),
    ("('a' * 2000)|replace('', 'b' * 4000)", TEXT),
    ("('a' * 2000).replace('', 'b' * 4000)", TEXT),
    ("([1] * 100000)|join('x' * 1000)", TEXT),
    ("('x' * 1000).join(['a'] * 100000)", TEXT),
    ("([big] * 1000)|join", WORK),
    ("([big] * 1000)|map('upper')|join", WORK),
    ("([big] * 1000000)|sort", WORK),
    ("([[big]] * 10000)|map(attribute=0)|sort", WORK),
    ("([big] * 1000000)|unique|list", WORK),
    ("([big] * 1000000)|map('length')|list", STEPS),
    ("(big ~ 'x') in [big ~ 'y'] * 1000000", WORK),
    ("[big ~ 'y'] * 1000000 == [big ~ 'x'] * 1000000", WORK),
    ("[1]|batch(10**9, 'x')|list", ITEMS),
    ("[1]|slice(10**9)|list", STEPS),
    ("'a\\nb'|indent(10**9)", TEXT),
    ("('\\n' * 100000)|indent(1000, blank=true)", TEXT),
    ("range(10**9)|list", "Range too big"),
    ("range(99999)|map('string')|map('string')|list", STEPS),
    ("([[0] * 1000] * 1000)|sum(start=[])|length", WORK),
    ("{'a': 1}|tojson(indent=10**9)", "64 spaces"),
    ("('a' * 2000000).rfind('b' ~ 'a' * 1000000)", WORK),
    ("('a' * 2000000).rsplit('b' ~ 'a' * 1000000)", WORK),
    ("('a' * 2000000).strip('b' * 100000 ~ 'a')", WORK),
    ("('a' * 2000000)|trim('b' * 100000 ~ 'a')", WORK),
    ("('ab ' * 1300000).split()|length", ITEMS),
    ("('ab ' * 1300000)|title", TEXT),
    ("(' ' * 200000)|wordwrap(20)", TEXT),
    ("[big, big, big, big, big]", TEXT),
]


def nested(use: str, item: str = "[ns.s, ns.s]") -> str:
    """A template that holds a value of 2**60 parts in a few bytes, and does something with it."""
    start = "(1,)" if item.startswith("(") else "[1]"
    return (
        f"{{% set ns = namespace(s={start}, t={start}) %}}{{% for i in range(60) %}}"
        f"{{% set ns.s = {item} %}}{{% set ns.t = {item.replace('ns.s', 'ns.t')} %}}{{% endfor %}}{use}"
    )


def looped(body: str, times: int = 90_000) -> str:
    return f"{{% for i in range({times}) %}}{body}{{% endfor %}}"


TEMPLATES = [
    ("{% for i in range(10**12) %}{% endfor %}", "Range too big"),
    (looped(looped("x")), STEPS),
    (looped("{{ big }}"), TEXT),
    (looped("x" * 100), TEXT),
    (looped("{{ i + 0.5 }}" * 100), STEPS),
    ("{% set ns = namespace(s='x') %}" + looped("{% set ns.s = ns.s + ns.s %}"), TEXT),
    ("{% set ns = namespace(s='x') %}" + looped("{% set ns.s = ns.s ~ ns.s %}"), TEXT),
    ("{% set ns = namespace(s=[1]) %}" + looped("{% set ns.s = ns.s + ns.s %}"), ITEMS),
    ("{% set ns = namespace(s=[]) %}" + looped("{% set ns.s = ns.s + [i] %}"), WORK),
    ("{% set ns = namespace(s=[]) %}" + looped("{% set ns.s = ns.s + [big ~ i] %}"), WORK),
    ("{% set ns = namespace(n=2) %}" + looped("{% set ns.n = ns.n * ns.n %}"), BITS),
    ("{% set ns = namespace(n=1) %}" + looped("{% set ns.n = ns.n - (-ns.n) %}"), BITS),
    ("{% set ns = namespace(s='a' * 1000) %}" + looped("{% set ns.s = ns.s|replace('a', ns.s) %}"), TEXT),
    ("{% set x %}" + looped("{{ big }}") + "{% endset %}", TEXT),
    ("{% filter upper %}" + looped("{{ big }}") + "{% endfilter %}", TEXT),
    ("{% macro f() %}{{ caller() }}{% endmacro %}" + looped("{% call f() %}{{ big }}{% endcall %}"), WORK),
    ("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}", "calling itself"),
    ("{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}", STEPS),
    ("{% for i in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}", "calling itself"),
    (
        "{% for i in [1, 2] recursive %}{% if loop.depth < 60 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
        STEPS,
    ),
    ("{% macro f() %}{{ varargs|length }}{% endmacro %}" + looped("{{ f(*numbers) }}"), WORK),
    (looped("{% set x = namespace(**mapping) %}"), WORK),
    (looped("{% set x = dict(mapping) %}"), WORK),
    (looped("{% set x = mapping.copy() %}"), WORK),
    (looped("{% set x = mapping.keys() - numbers %}"), WORK),
    (looped("{% set x = zip(numbers, numbers) %}"), STEPS),
    (looped("{% set x = numbers[:] %}"), WORK),
    (looped("{% set x = range(99999)|list %}"), WORK),
    (looped("{% set x = range(99999)|sum %}"), WORK),
    (looped("{% if 1.5 in range(99999) %}{% endif %}"), WORK),
    (looped("{% if big == other %}{% endif %}"), WORK),
    (looped("{% if 'q' in big %}{% endif %}"), WORK),
    (looped("{% if big is in [other] %}{% endif %}"), WORK),
    (looped("{% if big.count('q') %}{% endif %}"), WORK),
    (looped("{% if big.startswith(other) %}{% endif %}"), WORK),
    (looped("{% set x = big[1:] %}"), WORK),
    (looped("{% set x = big|upper %}"), WORK),
    *(
        (nested(use), "too much")
        for use in ("{{ ns.s }}", "{{ ns.s ~ 'x' }}", "{{ ns.s|tojson }}", "{{ ns.s|string }}")
    ),
    *(
        (nested(use), "too much")
        for use in (
            "{{ '%s' % (ns.s,) }}",
            "{{ '{}'.format(ns.s) }}",
            "{{ '{!r}'.format(ns) }}{{ [ns.s]|upper }}",
        )
    ),
    *(
        (nested(use), "too much")
        for use in ("{{ ns.s|safe }}", "{{ ns.s is lower }}", "{{ ns.s == ns.t }}", "{{ ns.s in [ns.t] }}")
    ),
    *(
        (nested(use), "too much")
        for use in ("{{ ns.s is eq ns.t }}", "{{ [ns.t].index(ns.s) }}", "{{ ns.s|numbered }}")
    ),
    (nested("{% for x in [1] %}{{ loop.changed(ns.s) }}{{ loop.changed(ns.t) }}{% endfor %}"), "too much"),
    *(
        (nested(use, "(ns.s, ns.s)"), "too much")
        for use in ("{{ {ns.s: 1} }}", "{{ {}[ns.s] }}", "{{ {}.get(ns.s) }}")
    ),
    *(
        (nested(use, "(ns.s, ns.s)"), "too much")
        for use in ("{{ dict([(ns.s, 1)]) }}", "{{ [ns.s]|unique|list }}")
    ),
]


def stopped(run: object, bound: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with pytest.raises(ExpressionError, match=bound):
        run()  # type: ignore[operator]
    assert time.process_time() - began < 3  # about 0.5 s alone on a desktop processor
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000


@pytest.mark.parametrize(("text", "bound"), EXPRESSIONS)
def test_an_expression_stops_at_a_bound(text: str, bound: str) -> None:
    stopped(lambda: compile_expression(text).evaluate(ROW), bound)


@pytest.mark.parametrize(("text", "bound"), TEMPLATES)
def test_a_template_stops_at_a_bound(text: str, bound: str) -> None:
    stopped(lambda: compile_template(text).render(ROW), bound)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x" * 100_001, "100,000 characters of source"),
        ("{{ 1 }}{{ 2 }}" * 6_000, "10,000 parts"),
        ("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", "nested too deep"),
        ("{{ " + "+".join("1" * 3_000) + " }}", "nested too deep"),
        ("{{ 1" + "|abs" * 2_000 + " }}", "nested too deep"),
        ("{% for i in [1] %}" * 30 + "{% endfor %}" * 30, "too many statically nested blocks"),
        ("{{ " + "9" * 2_000 + " }}", "4,096 bits"),
        ("{{ " + "9" * 90_000 + " }}", "integer"),
    ],
)
def test_a_source_that_is_too_large_is_refused_when_compiled(text: str, says: str) -> None:
    stopped(lambda: compile_template(text), says)


def test_every_row_has_its_own_budget() -> None:
    template = compile_template("{% for i in range(60000) %}{% endfor %}ok")
    assert [template.render({}) for _ in range(3)] == ["ok", "ok", "ok"]


def test_a_row_that_failed_leaves_no_budget_behind() -> None:
    with pytest.raises(ExpressionError):
        compile_template(looped(looped(""))).render({})
    assert compile_template(looped("", 100_000)).render({}) == ""
    assert len(operators.multiply("x", bounds.MAX_TEXT)) == bounds.MAX_TEXT


def test_what_is_at_a_bound_passes() -> None:
    assert len(compile_template("{{ 'x' * 4000000 }}").render({})) == bounds.MAX_TEXT
    assert compile_expression("2 ** 4095").evaluate({}) == 2**4095
    assert compile_expression("([0] * 1000000)|length").evaluate({}) == bounds.MAX_ITEMS
    assert compile_template(looped("", 100_000)).render({}) == ""


def test_a_long_column_passes_as_it_stands() -> None:
    text = "x" * (bounds.MAX_TEXT + 1)
    assert compile_expression("text").evaluate({"text": text}) is text


def test_a_weight_counts_each_value_as_often_as_a_list_holds_it() -> None:
    inner = ["ab", 1.5]
    assert bounds.weigh("abc") == 3
    assert bounds.weigh(inner) == 3 * bounds.ITEM + 2
    assert bounds.weigh([inner, inner]) == 2 * bounds.ITEM + 2 * bounds.weigh(inner)
    assert bounds.weigh({"k": "v"}) == bounds.ITEM + 2
