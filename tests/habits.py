"""What `make check` asks of names and comments, which no linter knows: `python -m tests.habits [FOLDER...]`.

A name says what a thing is, not how it came about: `problems`, not `found`; `columns`, not `wanted`. At most 0.5 %
of the names that a package binds may have such a word in them, and at least 3 % of its lines hold a comment.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
PACKAGES = ("flancollect", "finetune")
MAX_NAME_SHARE = 0.005
MIN_COMMENT_SHARE = 0.03

# Each says that somebody found, gave, kept or wanted the thing, and leaves the reader to find out what it is.
WORD = re.compile(
    "found|there|held|wanted|said|taken|made|given|asked|kept|left|known|seen|shown|chosen|begun|waiting|drawn|owed|"
    "standing|earlier|alike|apart|beside|inside|growing|quick|claim|patiently|trouble"
)
ALLOWED = {
    "beside": "a key of file sources in published cards",
    "rows_asked": "a key of manifest.json and of `build --json`",
    "share_alike": "what licenses call it",
}
RENAME = (
    "Name each for what it is (problems, tasks, columns, reason, remaining), not for how it came about. A term of the "
    "field or a key of a file format goes into ALLOWED in tests/habits.py, with its reason."
)
EXPLAIN = "Too few comments: write the reason, the source or an example beside the lines that surprise."
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")  # row_count, RowCount and HTTPServer in words
DIRECTIVE = re.compile(
    r"#!.*|#\s*(noqa(: *[A-Z]+\d+(, *[A-Z]+\d+)*)?|type: *ignore(\[[\w, -]+\])?|fmt: *\w+)\s*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What a package binds and explains. `offenders` are places and names, in the order of files and lines."""

    names: int
    offenders: tuple[str, ...]
    lines: int
    comments: int

    def verdicts(self) -> list[str]:
        """What is wrong and what to do about it; nothing when the package keeps both habits."""
        out = [*self.offenders, RENAME] if len(self.offenders) > MAX_NAME_SHARE * self.names else []
        if self.comments < MIN_COMMENT_SHARE * self.lines:
            out.append(EXPLAIN)
        return out

    def __str__(self) -> str:
        bad, share = len(self.offenders), len(self.offenders) / max(self.names, 1)
        explained = self.comments / max(self.lines, 1)
        return (
            f"names: {bad} of {self.names:,} ({share:.2%}) say how a thing came about; "
            f"comments: {self.comments:,} of {self.lines:,} lines ({explained:.2%})"
        )


def bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of everything that the source binds, `self.name = ...` included; uses and strings are none."""
    for node in ast.walk(tree):
        match node:
            # Names are stored by assignments, :=, loops, comprehensions and `with ... as`.
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.MatchMapping(rest=str(name)):
                yield node.lineno, name


def comment_lines(text: str) -> int:
    """How many lines hold a comment for people; `#!` and bare orders to tools (noqa, type: ignore, fmt) are none."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and not DIRECTIVE.fullmatch(token.string) for token in tokens)


def measure(folder: Path) -> Habits:
    """The habits of all Python files under a folder."""
    names, offenders, lines, comments = 0, [], 0, 0
    for file in sorted(folder.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        lines += len(text.splitlines())
        comments += comment_lines(text)
        for line, name in sorted(bindings(ast.parse(text, str(file)))):
            names += 1
            if name not in ALLOWED and any(WORD.fullmatch(part.lower()) for part in PART.findall(name)):
                offenders.append(f"{file}:{line}  {name}")
    return Habits(names=names, offenders=tuple(offenders), lines=lines, comments=comments)


def main(folders: Sequence[str]) -> int:
    """Print what is wrong, and the summary of each folder; 1 when anything is."""
    failed = 0
    for folder in folders or [name for name in PACKAGES if (REPO / name).is_dir()]:
        habits = measure(Path(folder))
        verdicts = habits.verdicts()
        print("\n".join([*verdicts, f"{folder}: {habits}"]))
        failed |= bool(verdicts)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
