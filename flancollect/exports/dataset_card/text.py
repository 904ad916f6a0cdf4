"""Text from cards made safe for Markdown, and tables of it. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

MOST_CHARACTERS = 400


def prose(text: str) -> str:
    """Text that shows as it is in Markdown: no markup, no HTML, no links, on one line, not endless."""
    line = " ".join(text.split())
    line = line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}..."
    line = re.sub(r"([\\`*_\[\]|~#{}!$])", r"\\\1", html.escape(line, quote=False))
    # GitHub and the Hub make links of bare addresses; `:\//` shows as `://` and is none.
    return line.replace("://", r":\//").replace("www.", r"www\.")


def code(text: str) -> str:
    """Text as a code span, also inside tables and with backticks of its own."""
    line = " ".join(text.split()).replace("|", r"\|")
    # A code span ends at as many backticks as began it, so it begins with one more than any run in the text. A
    # backtick at an edge would be counted as one of these; the space that parts them is not shown.
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else ""


def fenced(text: str, language: str = "") -> str:
    """Text as a code block, whatever backticks it holds."""
    fence = "`" * max(3, max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def link(text: str, url: str) -> str:
    """A link to a web address; other addresses stay text."""
    if not re.match(r"https?://", url):
        return prose(text)
    return f"[{prose(text)}](<{quote(url, safe=':/?#&=%+,;@~$')}>)"


def table(head: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """A Markdown table of cells that are safe already; numbers stand at the right, with separators."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    # Shares are text already, and stand at the right like numbers.
    numbers = [
        bool(cells) and all(re.fullmatch(r"[\d.,%]+", row[i]) for row in cells) for i in range(len(head))
    ]
    rule = ["---:" if number else "---" for number in numbers]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(head), rule, *cells])


def percent(part: int, whole: int) -> str:
    """A share with one decimal, rounded half up in integers."""
    # 1 of 3 is (1 * 2000 + 3) // 6 = 333 tenths of a percent; floats might round differently elsewhere.
    tenths = (part * 2000 + whole) // (2 * whole) if whole else 0
    return f"{tenths // 10}.{tenths % 10}%"
