"""composition.svg: how many rows each submixture has, split by template style. Pure text, no fonts needed."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from flancollect.artifacts import Manifest
from flancollect.cards.variants import VARIANTS
from flancollect.exports.dataset_card.text import percent

WIDTH, LABEL, NUMBERS, BAR, LINE = 760, 150, 130, 22, 34
# An inverted style, four places behind its forward one in VARIANTS, has a lighter tint of the same hue.
COLOURS = ("#1b6ca8", "#e07b39", "#5aa469", "#c05780", "#7fb3d9", "#f2b88a", "#a5d0ae", "#e0a6bd")


def picture(manifest: Manifest) -> str:
    """A horizontal bar per submixture, the largest first; its parts are template styles."""
    rows: dict[str, dict[str, int]] = {}
    for task in manifest.tasks:
        styles = rows.setdefault(task.submix, {})
        styles[task.variant] = styles.get(task.variant, 0) + task.rows
    ordered = sorted(rows, key=lambda name: (-sum(rows[name].values()), name))
    used = [name for name in VARIANTS if any(name in styles for styles in rows.values())]
    largest = max((sum(styles.values()) for styles in rows.values()), default=0) or 1
    height = LINE * len(ordered) + 60
    title = f"{manifest.mixture}: {manifest.rows:,} rows by submixture and template style"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" role="img" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" '
        f"aria-label={quoteattr(_printable(title))}>",
        f"<title>{_text(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for place, name in enumerate(ordered):
        lines += _bar(name, rows[name], 10 + place * LINE, largest, manifest.rows)
    top = 10 + len(ordered) * LINE + 12
    for place, style in enumerate(used):
        # Four entries or fewer stand a quarter of the width apart, more share it.
        x = 20 + place * (WIDTH - 30) // max(len(used), 4)
        lines += [
            f'<rect x="{x}" y="{top}" width="12" height="12" fill="{_colour(style)}"/>',
            f'<text x="{x + 17}" y="{top + 11}" font-size="11">{_text(style)}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _bar(name: str, styles: dict[str, int], top: int, largest: int, whole: int) -> list[str]:
    """One submixture: its name, a rectangle for each of its styles, and its number of rows."""
    width = WIDTH - LABEL - NUMBERS
    middle = top + BAR * 3 // 4
    lines = [f'<text x="{LABEL - 10}" y="{middle}" text-anchor="end">{_text(name)}</text>']
    total = 0
    for style in (name for name in VARIANTS if name in styles):
        # Both edges are rounded from the sums, not the widths: so parts meet, and the bar ends where it should.
        start, end = (LABEL + rows * width // largest for rows in (total, total + styles[style]))
        lines.append(
            f'<rect x="{start}" y="{top}" width="{end - start}" height="{BAR}" fill="{_colour(style)}">'
            f"<title>{_text(f'{name} {style}: {styles[style]:,} rows')}</title></rect>"
        )
        total += styles[style]
    share = f"{total:,} ({percent(total, whole)})"
    x = LABEL + total * width // largest + 8
    return [*lines, f'<text x="{x}" y="{middle}" fill="#333333">{_text(share)}</text>']


def _colour(style: str) -> str:
    return COLOURS[list(VARIANTS).index(style) % len(COLOURS)]


def _text(text: str) -> str:
    return escape(_printable(text))


def _printable(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
