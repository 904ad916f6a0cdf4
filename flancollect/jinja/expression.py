"""The one expression language of cards and templates: Jinja, compiled once, bounded and without side doors.

Text in, `Expression` (gives a native value per row) or `TextTemplate` (gives text per row) out. Cards come
from strangers, so both run in the sandbox of `sandbox.py`: no template can reach Python, change a row, or
use more than a bounded amount of time and memory. Whatever goes wrong is an ExpressionError in plain words.
Compiled values may be used by several threads at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from jinja2 import Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.runtime import Context

from flancollect.errors import did_you_mean
from flancollect.jinja import bounds
from flancollect.jinja.filters import ConversionError
from flancollect.jinja.keyed_choice import KEYED_FILTERS
from flancollect.jinja.methods import TEMPLATE_METHODS
from flancollect.jinja.nulls import NullError, is_null, with_null_checks
from flancollect.jinja.rewrite import node_count, rewrite, steps_per_pass, undeclared
from flancollect.jinja.sandbox import BoundedEnvironment

# What may be imported from outside this package; a contract in pyproject.toml holds all but this module and
# `evaluate` closed. Other names without an underscore are for the modules beside this one.
__all__ = [
    "KEYED_FILTERS",
    "TEMPLATE_METHODS",
    "Expression",
    "ExpressionError",
    "NullValueError",
    "TextTemplate",
    "compile_expression",
    "compile_template",
    "environment",
    "is_null",
]

T = TypeVar("T")

MAX_SOURCE = 100_000  # characters of one expression or template

# Python's compiler takes 20 nested loops. A loop has three nodes at least (itself, its target, its list), so
# a text of fewer than 60 nodes cannot be too deep, and need not be compiled to be sure that it can be.
DEEP_NODES = 60

_RESULT = "result"
_SCALARS = frozenset({str, int, float, bool, type(None)})
_WITHIN_NULL = re.compile(r"'?None'? has no (?:attribute|element) (.*)", re.DOTALL)
_UNDEFINED_NAME = re.compile(r"'(.*)' is undefined", re.DOTALL)


class ExpressionError(ValueError):
    """An expression or template that cannot be compiled, or fails on a row: what, where, what to do."""


class NullValueError(ExpressionError):
    """An expression or template that would make a value of a null: the row has a hole there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _LazyTemplate:
    """Checked text. `call_steps` is what one call of one of its macros counts.

    `load` compiles it when it first runs: a catalogue is loaded far more often than all its texts are used.
    """

    text: str
    load: Callable[[], Template]
    call_steps: int

    def run(
        self, row: Mapping[str, Any], variables: frozenset[str], finish: Callable[[Context, Iterator[str]], T]
    ) -> T:
        """Run over one row with a full budget; `finish` takes the context and the pieces of output."""
        template = self.load()
        # A column `range` goes before the function of that name, unless the text calls it.
        functions = {name: f for name, f in template.environment.globals.items() if name not in variables}
        names = {**template.environment.globals, **row, **functions}
        context = Context(template.environment, names, None, template.blocks)
        token = bounds.start(self.call_steps)
        try:
            return finish(context, template.root_render_func(context))
        except Exception as error:
            raise _run_error(error, self, row) from error
        finally:
            bounds.stop(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A compiled expression. `column` is the name when the whole expression is one bare variable.

    `words` are those of `none`, `true` and `false` that it uses as values.
    """

    text: str
    variables: frozenset[str]
    words: frozenset[str]
    column: str | None
    template: _LazyTemplate = field(repr=False, compare=False)

    def evaluate(self, row: Mapping[str, Any]) -> Any:
        """The native value over one row: a bare column as it stands, all else within the bounds."""
        if self.column is None:
            return self.template.run(row, self.variables, _read_result)
        if self.column not in row:
            raise ExpressionError(_unknown_name(self.column, row))
        return row[self.column]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTemplate:
    """A compiled template: reference Jinja, compiled once."""

    text: str
    variables: frozenset[str]
    template: _LazyTemplate = field(repr=False, compare=False)

    def render(self, row: Mapping[str, Any]) -> str:
        """The text over one row. Raises ExpressionError."""
        return self.template.run(row, self.variables, lambda _, pieces: bounds.concat(pieces))


@lru_cache(maxsize=1)
def environment() -> BoundedEnvironment:
    """The one environment of the process. Nothing may be added to it after the fact."""
    return BoundedEnvironment()


@lru_cache(maxsize=16384)
def compile_expression(text: str) -> Expression:
    """Compile an expression such as `doc.options | first`, once per process. Raises ExpressionError."""
    try:
        tree = _parse_expression(text)
        column = tree.name if isinstance(tree, nodes.Name) else None
        constants = [
            node.value for node in (tree, *tree.find_all(nodes.Const)) if isinstance(node, nodes.Const)
        ]
        # What is a bare column is read, not run: its name may be any word of the language.
        bare = nodes.Const(None) if column is not None else None
        variables, template = _compile(text, lambda: _as_template(bare or _parse_expression(text)))
    except Exception as error:
        raise _compile_error(error, text, expression=True) from error
    if column is not None:
        # `range` is a column where it stands alone, though Jinja sees a name that the environment has.
        variables |= {column}
    words = frozenset(str(value).lower() for value in constants if value is None or isinstance(value, bool))
    return Expression(text=text, variables=variables, words=words, column=column, template=template)


@lru_cache(maxsize=16384)
def compile_template(text: str) -> TextTemplate:
    """Compile a template such as `{{ premise }}{{ options | para }}`, once per process and text.

    Raises ExpressionError.
    """
    try:
        _check_length(text)
        variables, template = _compile(text, lambda: _parse_template(text))
    except Exception as error:
        raise _compile_error(error, text, expression=False) from error
    return TextTemplate(text=text, variables=variables, template=template)


def rewritten_template(text: str) -> nodes.Template:
    """The tree that a template compiles from. Raises what the parser raises."""
    return rewrite(_parse_template(text), environment())


def rewritten_expression(text: str) -> nodes.Expr:
    """The tree that an expression compiles from. Raises what the parser raises."""
    template = rewrite(_as_template(_parse_expression(text)), environment())
    expression: nodes.Expr = next(template.find_all(nodes.Assign)).node  # type: ignore[assignment]
    return expression


def _as_template(tree: nodes.Expr) -> nodes.Template:
    # Jinja's own compile_expression does the same: `{% set result = <expression> %}`, and `result` is read.
    template = nodes.Template([nodes.Assign(nodes.Name(_RESULT, "store"), tree, lineno=1)], lineno=1)
    template.set_environment(environment())
    return template


def _parse_expression(text: str) -> nodes.Expr:
    _check_length(text)
    parser = Parser(environment(), text, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError(f'"{parser.stream.current}" stands after the end of the expression', 1)
    return with_null_checks(tree)


def _parse_template(text: str) -> nodes.Template:
    return with_null_checks(environment().parse(text))


def _check_length(text: str) -> None:
    if len(text) > MAX_SOURCE:
        raise bounds.BoundError(f"more than {MAX_SOURCE:,} characters of source")


def _compile(text: str, parse: Callable[[], nodes.Template]) -> tuple[frozenset[str], _LazyTemplate]:
    """Check a text and find its variables; `parse` gives a fresh tree, since compiling changes it."""
    env = environment()
    tree = parse()
    size = node_count(tree)
    variables = undeclared(rewrite(tree, env), env)
    load = lru_cache(maxsize=1)(lambda: env.from_string(parse()))
    if size >= DEEP_NODES:
        load()
    return frozenset(variables), _LazyTemplate(text=text, load=load, call_steps=steps_per_pass(size))


def _read_result(context: Context, pieces: Iterator[str]) -> Any:
    # The template is a generator that writes nothing; walking through it runs the assignment.
    for _ in pieces:
        pass
    return native(context.vars[_RESULT])


def native(value: Any) -> Any:
    """The value that an expression came to, if it is data within the bounds; lazy lists become lists."""
    if type(value) in _SCALARS:
        return bounds.check_result(value)
    if isinstance(value, Iterator):
        value = list(bounds.count_values(value))
    bounds.reserve_output(value)
    return value


def _compile_error(error: Exception, text: str, expression: bool) -> ExpressionError:
    if isinstance(error, TemplateSyntaxError):
        hint = "; write it without {{ }}" if expression and "{{" in text else ""
        return ExpressionError(f"{error.message}{hint} ({_location(text, error.lineno)})")
    return ExpressionError(f"cannot be compiled: {_explanation(error)} ({_location(text, 1)})")


def _run_error(error: Exception, lazy: _LazyTemplate, row: Mapping[str, Any]) -> ExpressionError:
    problem, is_null = _explanation(error), isinstance(error, NullError)
    if isinstance(error, UndefinedError):
        if undefined := _UNDEFINED_NAME.fullmatch(str(error)):
            problem = _unknown_name(undefined[1], row)
        elif within_null := _WITHIN_NULL.match(str(error)):
            problem, is_null = f"null where {within_null[1]} is looked for", True
    # The innermost frame of the template says which of its lines failed; 1 where there is none.
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = lazy.load().get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    kind = NullValueError if is_null else ExpressionError
    return kind(f"{problem} ({_location(lazy.text, line)})")


def _explanation(error: Exception) -> str:
    message = str(error)[:400]
    if isinstance(error, bounds.BoundError):
        return f"too much: {message}"
    if isinstance(error, SecurityError):
        return f"{message} Only data, and plain methods of text, lists and mappings, can be used."
    if isinstance(error, RecursionError):
        return "nested too deep, or calling itself without end"
    if isinstance(error, UndefinedError | NullError | ConversionError):
        return message
    return f"{type(error).__name__}: {message}"


def _unknown_name(name: str, row: Mapping[str, Any]) -> str:
    return f'no value named "{name}".{did_you_mean(name, map(str, row))}'


def _location(text: str, line: int) -> str:
    lines = text.splitlines() or [""]
    excerpt = lines[min(line, len(lines)) - 1].strip()
    if len(excerpt) > 120:
        excerpt = f"{excerpt[:117]}..."
    return f"in `{excerpt}`" if len(lines) == 1 else f"line {line}: `{excerpt}`"
