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
from flancollect.jinja.rewrite import parts, rewrite, steps_of, undeclared
from flancollect.jinja.sandbox import BoundedEnvironment

T = TypeVar("T")

MAX_SOURCE = 100_000  # characters of one expression or template

DEEP_PARTS = 60
"""From so many parts on a text could nest deeper than Python compiles (20 loops of three parts each)."""

_RESULT = "result"
_PLAIN = frozenset({str, int, float, bool, type(None)})
_UNDEFINED_NAME = re.compile(r"'(.*)' is undefined", re.DOTALL)


class ExpressionError(ValueError):
    """An expression or template that cannot be compiled, or fails on a row: what, where, what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    """Checked text. `call_steps` is what one call of one of its macros counts.

    `built` compiles it when it first runs: a catalogue is loaded far more often than all its texts are used.
    """

    text: str
    built: Callable[[], Template]
    call_steps: int

    @property
    def template(self) -> Template:
        """The compiled text."""
        return self.built()

    def run(self, row: Mapping[str, Any], finish: Callable[[Context, Iterator[str]], T]) -> T:
        """Run over one row with a full budget; `finish` takes the context and the pieces of output."""
        template = self.template
        names = {**template.environment.globals, **row}
        context = Context(template.environment, names, None, template.blocks)
        token = bounds.start(self.call_steps)
        try:
            return finish(context, template.root_render_func(context))
        except Exception as error:
            raise _at_run_time(error, self, row) from error
        finally:
            bounds.stop(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A compiled expression. `column` is the name when the whole expression is one bare variable."""

    text: str
    variables: frozenset[str]
    column: str | None
    code: _Code = field(repr=False, compare=False)

    def evaluate(self, row: Mapping[str, Any]) -> Any:
        """The native value over one row: a bare column as it stands, all else within the bounds."""
        if self.column is None:
            return self.code.run(row, _result)
        if self.column not in row:
            raise ExpressionError(_no_such_name(self.column, row))
        return row[self.column]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTemplate:
    """A compiled template: reference Jinja, compiled once."""

    text: str
    variables: frozenset[str]
    code: _Code = field(repr=False, compare=False)

    def render(self, row: Mapping[str, Any]) -> str:
        """The text over one row. Raises ExpressionError."""
        return self.code.run(row, _output)


def make_environment() -> BoundedEnvironment:
    """A fresh environment; `environment()` is the shared one."""
    return BoundedEnvironment()


@lru_cache(maxsize=1)
def environment() -> BoundedEnvironment:
    """The one environment of the process. Nothing may be added to it after the fact."""
    return make_environment()


@lru_cache(maxsize=16384)
def compile_expression(text: str) -> Expression:
    """Compile an expression such as `doc.options | first`, once per process. Raises ExpressionError."""
    try:
        tree = _parse_expression(text)
        column = tree.name if isinstance(tree, nodes.Name) else None
        variables, code = _compile(text, lambda: _as_template(_parse_expression(text)))
    except Exception as error:
        raise _at_compile_time(error, text, expression=True) from error
    if column is not None:
        variables |= {column}
    return Expression(text=text, variables=variables, column=column, code=code)


@lru_cache(maxsize=16384)
def compile_template(text: str) -> TextTemplate:
    """Compile a template such as `{{ premise }}{{ options | para }}`, once per process and text.

    Raises ExpressionError.
    """
    try:
        _check_length(text)
        variables, code = _compile(text, lambda: environment().parse(text))
    except Exception as error:
        raise _at_compile_time(error, text, expression=False) from error
    return TextTemplate(text=text, variables=variables, code=code)


def rewritten_template(text: str) -> nodes.Template:
    """The tree that a template compiles from. Raises what the parser raises."""
    env = environment()
    return rewrite(env.parse(text), env)


def rewritten_expression(text: str) -> nodes.Expr:
    """The tree that an expression compiles from. Raises what the parser raises."""
    whole = rewrite(_as_template(_parse_expression(text)), environment())
    found: nodes.Expr = next(whole.find_all(nodes.Assign)).node  # type: ignore[assignment]
    return found


def _as_template(tree: nodes.Expr) -> nodes.Template:
    whole = nodes.Template([nodes.Assign(nodes.Name(_RESULT, "store"), tree, lineno=1)], lineno=1)
    whole.set_environment(environment())
    return whole


def _parse_expression(text: str) -> nodes.Expr:
    _check_length(text)
    parser = Parser(environment(), text, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError(f'"{parser.stream.current}" stands after the end of the expression', 1)
    return tree


def _check_length(text: str) -> None:
    if len(text) > MAX_SOURCE:
        raise bounds.BoundError(f"more than {MAX_SOURCE:,} characters of source")


def _compile(text: str, parse: Callable[[], nodes.Template]) -> tuple[frozenset[str], _Code]:
    """Check a text and find its variables; `parse` gives a fresh tree, since compiling changes it."""
    env = environment()
    tree = parse()
    size = parts(tree)
    variables = undeclared(rewrite(tree, env), env)
    built = lru_cache(maxsize=1)(lambda: env.from_string(parse()))
    if size >= DEEP_PARTS:
        built()
    return frozenset(variables), _Code(text=text, built=built, call_steps=steps_of(size))


def _output(_: Context, pieces: Iterator[str]) -> str:
    return bounds.concat(pieces)


def _result(context: Context, pieces: Iterator[str]) -> Any:
    for _ in pieces:
        pass
    return native(context.vars[_RESULT])


def native(value: Any) -> Any:
    """The value that an expression came to, if it is data within the bounds; lazy lists become lists."""
    if type(value) in _PLAIN:
        return bounds.made(value)
    if isinstance(value, Iterator):
        value = list(bounds.reading(value))
    bounds.written(value)
    return value


# --- errors ------------------------------------------------------------------------------------------------


def _at_compile_time(error: Exception, text: str, expression: bool) -> ExpressionError:
    if isinstance(error, TemplateSyntaxError):
        hint = "; write it without {{ }}" if expression and "{{" in text else ""
        return ExpressionError(f"{error.message}{hint} ({_place(text, error.lineno)})")
    return ExpressionError(f"cannot be compiled: {_said(error)} ({_place(text, 1)})")


def _at_run_time(error: Exception, code: _Code, row: Mapping[str, Any]) -> ExpressionError:
    undefined = _UNDEFINED_NAME.fullmatch(str(error)) if isinstance(error, UndefinedError) else None
    what = _no_such_name(undefined[1], row) if undefined else _said(error)
    return ExpressionError(f"{what} ({_place(code.text, _line_of(error, code.template))})")


def _said(error: Exception) -> str:
    message = str(error)[:400]
    if isinstance(error, bounds.BoundError):
        return f"too much: {message}"
    if isinstance(error, SecurityError):
        return f"{message} Only data, and plain methods of text, lists and mappings, can be used."
    if isinstance(error, RecursionError):
        return "nested too deep, or calling itself without end"
    if isinstance(error, UndefinedError):
        return message
    return f"{type(error).__name__}: {message}"


def _no_such_name(name: str, row: Mapping[str, Any]) -> str:
    return f'no value named "{name}".{did_you_mean(name, map(str, row))}'


def _line_of(error: Exception, template: Template) -> int:
    """The line of the template where the error was raised; 1 where that is unknown."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


def _place(text: str, line: int) -> str:
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1].strip()
    shown = shown if len(shown) <= 120 else f"{shown[:117]}..."
    return f"in `{shown}`" if len(lines) == 1 else f"line {line}: `{shown}`"
