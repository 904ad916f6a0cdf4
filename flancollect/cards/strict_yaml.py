"""Strict YAML: text in, plain values with line numbers out.

YAML 1.1 turns `[no, yes]` into booleans and `1_000` into a number; here every scalar is the text that was
written, and the card models give it its type. What makes a card ambiguous or dangerous (duplicate keys,
anchors, tags, several documents) is a problem with a line. The tree is built from parser events without
recursion, so that nothing is expanded before it is checked.

For the text on the left the parser gives the events in the middle; each adds to the tree, and to its lines:

    answer:               MappingStart                    {}                          (): 1
      choices: [no, yes]  Scalar "answer", MappingStart   {answer: {}}                (answer,): 1
      index: label        Scalar "choices", SequenceStart {answer: {choices: []}}     (answer, choices): 2
                          Scalar "no", Scalar "yes", End  ... {choices: [no, yes]}    (answer, choices, 0): 2 ...
                          Scalar "index", Scalar "label"  ... {..., index: label}     (answer, index): 3
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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

# Our own cards stay under 6 KB and ten levels. The bounds keep a stranger's file from taking the machine's memory.
MAX_BYTES = 4_000_000
MAX_DEPTH = 40

# libyaml's parser is more than ten times as fast, and absent where PyYAML was built without it; the events are equal.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null"})
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

    def problem(self, path: Iterable[str | int], what: str) -> Problem:
        """A problem at the line of a key path."""
        return Problem(self.file, self.line_of(path), what)


def load(path: Path, file: str) -> Document:
    """Read one YAML file; `file` names it in problems. Raises CardError with all that is wrong."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _failure(file, 0, f"cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise _failure(file, 0, f"the file is larger than {MAX_BYTES:,} bytes; split it")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _failure(file, line, "not UTF-8 text; save the file as UTF-8") from error
    return parse(text, file)


def parse(text: str, file: str) -> Document:
    """Read YAML text; see `load`."""
    text = text.removeprefix("\ufeff")
    problems = _refused_characters(text, file)
    if problems:
        raise CardError(problems)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _failure(file, 0, f"the text is larger than {MAX_BYTES:,} bytes; split it")
    reader = _Reader(file=file)
    loader = _LOADER(text)
    try:
        while loader.check_event():
            reader.add(loader.get_event())
    except yaml.MarkedYAMLError as error:
        reader.problem(_line(error), _in_plain_words(error))
    except CardError as error:
        reader.problems.extend(error.problems)
    else:
        if reader.root is None and not reader.problems:
            reader.problem(0, "the file is empty")
    finally:
        loader.dispose()
    if reader.problems:
        raise CardError(reader.problems)
    return Document(file=file, value=reader.root, lines=reader.lines)


@dataclass(slots=True)
class _Open:
    """A mapping or list being read. `key` is the mapping key whose value comes next."""

    value: dict[str, Value] | list[Value]
    path: KeyPath
    key: str | None = None


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Builds the tree from events, collecting problems and lines on the way.

    `stack` holds the collections that are open, the innermost last.
    """

    file: str
    root: Value = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    documents: int = 0

    def problem(self, line: int, what: str) -> None:
        """Note a problem and read on."""
        self.problems.append(Problem(self.file, line, what))

    def add(self, event: Event) -> None:
        """Add one event to the tree."""
        line = _line(event)
        if isinstance(event, ScalarEvent | CollectionStartEvent):
            if event.anchor is not None:
                self.problem(line, f"the anchor &{event.anchor} is not part of cards; write it out")
            if event.tag is not None:
                tag = event.tag.replace("tag:yaml.org,2002:", "!!")
                self.problem(line, f"the tag {tag} is not part of cards; remove it")
        if isinstance(event, ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, CollectionStartEvent):
            if len(self.stack) >= MAX_DEPTH:
                raise _failure(self.file, line, f"nested deeper than {MAX_DEPTH} levels")
            value: dict[str, Value] | list[Value] = {} if isinstance(event, MappingStartEvent) else []
            self.stack.append(_Open(value, self._place(value, line)))
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self.stack.pop()
        elif isinstance(event, AliasEvent):
            self.problem(line, f"the reference *{event.anchor} is not part of cards; write it out")
            self._place(None, line)
        elif isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _failure(self.file, line, 'a second document starts ("---"); use one file each')

    def _scalar(self, event: ScalarEvent, line: int) -> None:
        """A text: the next key of the innermost mapping, or a value."""
        # `implicit[0]` is true for plain scalars alone, so that "null" and '' in quotes stay text.
        value = None if event.implicit[0] and event.value in _NULLS else event.value
        top = self.stack[-1] if self.stack else None
        if top is None or isinstance(top.value, list) or top.key is not None:
            self._place(value, line)
            return
        if value is None:
            self.problem(line, "an empty key; give it a name, or quote it")
            value = ""
        elif value == "<<" and event.implicit[0]:
            self.problem(line, "the merge key << is not part of cards; write it out")
        elif value in top.value:
            first = self.lines[(*top.path, value)]
            self.problem(line, f'the key "{value}" is already there, at line {first}; keep one of them')
        top.key = value
        self.lines.setdefault((*top.path, value), line)

    def _place(self, value: Value, line: int) -> KeyPath:
        """Put a finished or opened value where it belongs, and say where that is."""
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
        if top.key is None:  # a collection or an alias where a key should stand: `? [a, b] : c`
            raise _failure(self.file, line, "a key must be text; a list or mapping cannot be one")
        path, key = (*top.path, top.key), top.key
        top.value[key] = value
        top.key = None
        return path


def _refused_characters(text: str, file: str) -> list[Problem]:
    """The first tab or character that YAML cannot hold raw of every line that has one."""
    if _REFUSED.search(text) is None:
        return []
    problems = []
    # Not `splitlines`, which would also break at the very characters that are refused, and count other lines.
    for line, content in enumerate(text.split("\n"), 1):
        match = _REFUSED.search(content)
        if match is None:
            continue
        char = match.group()
        escape = _ODD_BREAKS.get(char, f"\\u{ord(char):04x}")
        what = f'the invisible character U+{ord(char):04X}; write it as "{escape}" in double quotes'
        if char == "\t":
            what = r'a tab; indent with spaces, and write a tab in text as "\t" in double quotes'
        problems.append(Problem(file, line, what))
    return problems[:20]  # a binary file has one in every line


def _in_plain_words(error: yaml.MarkedYAMLError) -> str:
    message = " ".join(part for part in (error.context, error.problem) if part)
    meaning = next((plain for sign, plain in _PLAIN_WORDS if sign in message), None)
    return f"not valid YAML: {meaning or message}"


def _line(where: Event | yaml.MarkedYAMLError) -> int:
    mark = where.problem_mark if isinstance(where, yaml.MarkedYAMLError) else where.start_mark
    return 0 if mark is None else int(mark.line) + 1


def _failure(file: str, line: int, what: str) -> CardError:
    return CardError([Problem(file, line, what)])
