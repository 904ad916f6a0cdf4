"""Strict YAML: text in, plain values with line numbers out.

YAML 1.1 turns `[no, yes]` into booleans and `1_000` into a number; here every scalar is the text that was
written, and the card models give it its type. What makes a card ambiguous or dangerous (duplicate keys,
anchors, tags, several documents) is a problem with a line. The tree is built from parser events without
recursion, so that nothing is expanded before it is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from flancollect.errors import CardError, Problem

Value: TypeAlias = "dict[str, Value] | list[Value] | str | None"
KeyPath: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 4_000_000
MAX_DEPTH = 40

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOTHING = frozenset({"", "~", "null"})
# Tabs, and what YAML 1.1 takes for line breaks but editors do not, are better said by an escape.
_ODD_BREAKS = {"\x85": r"\x85", "\u2028": r"\u2028", "\u2029": r"\u2029"}
_REFUSED = re.compile("[^\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN_WORDS = (
    ("mapping values are not allowed", 'a ":" stands where none may; quote the text that holds it'),
    ("expected <block end>", "the indentation does not fit the lines above, or a quote is missing"),
    ("did not find expected key", "the indentation does not fit the lines above, or a quote is missing"),
    ("did not find expected '-'", 'every item of this list must start with "- " at the same indentation'),
    ("could not find expected ':'", 'a ":" is missing after the key'),
    ("found unexpected end of stream", "a quote or bracket is opened and never closed"),
    ("expected ',' or", "a bracket or brace is opened and never closed, or a comma is missing"),
    ("found undefined tag handle", "tags (!name) are not part of cards; quote the text"),
    ("cannot start any token", "this character cannot start a plain text; quote the text"),
    ("found unknown escape character", 'unknown "\\" escape; in single quotes a backslash is plain'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file's value, and the 1-based line of every key path; a mapping entry has the line of its key.

    `file` is the name that problems show.
    """

    file: str
    value: Value
    lines: Mapping[KeyPath, int]

    def line_of(self, path: Iterable[str | int]) -> int:
        """The line of a key path, or of its nearest parent that is written in the file."""
        parts = tuple(path)
        while parts and parts not in self.lines:
            parts = parts[:-1]
        return self.lines.get(parts, 1)


def load(path: Path, shown_as: str) -> Document:
    """Read one YAML file; `shown_as` names it in problems. Raises CardError with all that is wrong."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _failure(shown_as, 0, f"cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise _failure(shown_as, 0, f"the file is larger than {MAX_BYTES:,} bytes; split it")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _failure(shown_as, line, "not UTF-8 text; save the file as UTF-8") from error
    return parse(text, shown_as)


def parse(text: str, shown_as: str) -> Document:
    """Read YAML text; see `load`."""
    text = text.removeprefix("\ufeff")
    problems = _refused_characters(text, shown_as)
    if problems:
        raise CardError(problems)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _failure(shown_as, 0, f"the text is larger than {MAX_BYTES:,} bytes; split it")
    reader = _Reader(file=shown_as)
    try:
        for event in _events(text, _LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        reader.problem(_line(error), _in_plain_words(error))
    except CardError as error:
        reader.problems.extend(error.problems)
    else:
        if reader.root is None and not reader.problems:
            reader.problem(0, "the file is empty")
    if reader.problems:
        raise CardError(reader.problems)
    return Document(file=shown_as, value=reader.root, lines=reader.lines)


def _events(text: str, loader_class: Any) -> Iterator[Event]:
    loader = loader_class(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


@dataclass(slots=True)
class _Open:
    """A mapping or list being read. `key` is the mapping key whose value comes next."""

    value: dict[str, Value] | list[Value]
    path: KeyPath
    key: str | None = None


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Builds the tree from events, collecting problems and lines on the way."""

    file: str
    root: Value = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    documents: int = 0

    def problem(self, line: int, what: str) -> None:
        """Note a problem and read on."""
        self.problems.append(Problem(self.file, line, what))

    def take(self, event: Event) -> None:
        """Add one event to the tree."""
        if isinstance(event, ScalarEvent):
            self._check_marks(event)
            self._scalar(event)
        elif isinstance(event, CollectionStartEvent):
            self._check_marks(event)
            self._start(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self.stack.pop()
        elif isinstance(event, AliasEvent):
            self.problem(_line(event), f"the reference *{event.anchor} is not part of cards; write it out")
            self._place(None, event)
        elif isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _failure(self.file, _line(event), 'a second document starts ("---"); use one file each')

    def _check_marks(self, event: ScalarEvent | CollectionStartEvent) -> None:
        if event.anchor is not None:
            self.problem(_line(event), f"the anchor &{event.anchor} is not part of cards; write it out")
        if event.tag is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.problem(_line(event), f"the tag {shown} is not part of cards; remove it")

    def _scalar(self, event: ScalarEvent) -> None:
        value = None if event.implicit[0] and event.value in _NOTHING else event.value
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._key(top, value, event)
        else:
            self._place(value, event)

    def _key(self, top: _Open, key: str | None, event: ScalarEvent) -> None:
        line = _line(event)
        if key is None:
            self.problem(line, "an empty key; give it a name, or quote it")
            key = ""
        elif key == "<<" and event.implicit[0]:
            self.problem(line, "the merge key << is not part of cards; write it out")
        elif key in top.value:
            first = self.lines[(*top.path, key)]
            self.problem(line, f'the key "{key}" is already there, at line {first}; keep one of them')
        top.key = key
        self.lines.setdefault((*top.path, key), line)

    def _start(self, event: CollectionStartEvent) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise _failure(self.file, _line(event), f"nested deeper than {MAX_DEPTH} levels")
        value: dict[str, Value] | list[Value] = {} if isinstance(event, MappingStartEvent) else []
        self.stack.append(_Open(value, self._place(value, event)))

    def _place(self, value: Value, event: Event) -> KeyPath:
        """Put a finished or opened value where it belongs, and say where that is."""
        line = _line(event)
        if not self.stack:
            self.root = value
            self.lines[()] = line
            return ()
        top = self.stack[-1]
        if isinstance(top.value, list):
            path = (*top.path, len(top.value))
            top.value.append(value)
            self.lines[path] = line
            return path
        if top.key is None:
            raise _failure(self.file, line, "a key must be text; a list or mapping cannot be one")
        path, key = (*top.path, top.key), top.key
        top.value[key] = value
        top.key = None
        return path


def _refused_characters(text: str, shown_as: str) -> list[Problem]:
    """The first tab or character that YAML cannot hold raw of every line that has one."""
    if _REFUSED.search(text) is None:
        return []
    found = ((number, _REFUSED.search(line)) for number, line in enumerate(text.split("\n"), 1))
    return [Problem(shown_as, number, _how_to_write(match.group())) for number, match in found if match][:20]


def _how_to_write(char: str) -> str:
    if char == "\t":
        return r'a tab; indent with spaces, and write a tab in text as "\t" in double quotes'
    escape = _ODD_BREAKS.get(char, f"\\u{ord(char):04x}")
    return f'the invisible character U+{ord(char):04X}; write it as "{escape}" in double quotes'


def _in_plain_words(error: yaml.MarkedYAMLError) -> str:
    said = " ".join(part for part in (error.context, error.problem) if part)
    meaning = next((plain for sign, plain in _PLAIN_WORDS if sign in said), None)
    return f"not valid YAML: {meaning or said}"


def _line(where: Event | yaml.MarkedYAMLError) -> int:
    mark = where.problem_mark if isinstance(where, yaml.MarkedYAMLError) else where.start_mark
    return 0 if mark is None else int(mark.line) + 1


def _failure(file: str, line: int, what: str) -> CardError:
    return CardError([Problem(file, line, what)])
