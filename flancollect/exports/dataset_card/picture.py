"""composition.svg: how many rows each submixture has, split by template style. Pure text, no fonts needed."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from flancollect.artifacts import Manifest
from flancollect.cards.variants import VARIANTS
from flancollect.exports.dataset_card.text import percent

WIDTH, LABEL, NUMBERS, BAR, LINE = 760, 150, 130, 22, 34
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
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" aria-label={_attribute(title)}>',
        f"<title>{_text(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for place, name in enumerate(ordered):
        lines += _bar(name, rows[name], 10 + place * LINE, largest, manifest.rows)
    lines += _legend(used, 10 + len(ordered) * LINE + 12)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _bar(name: str, styles: dict[str, int], top: int, largest: int, whole: int) -> list[str]:
    total = sum(styles.values())
    room = WIDTH - LABEL - NUMBERS
    middle = top + BAR * 3 // 4
    lines = [f'<text x="{LABEL - 10}" y="{middle}" text-anchor="end">{_text(name)}</text>']
    before = 0
    for style in (name for name in VARIANTS if name in styles):
        left, right = (LABEL + rows * room // largest for rows in (before, before + styles[style]))
        lines.append(
            f'<rect x="{left}" y="{top}" width="{right - left}" height="{BAR}" fill="{_colour(style)}">'
            f"<title>{_text(f'{name} {style}: {styles[style]:,} rows')}</title></rect>"
        )
        before += styles[style]
    share = f"{total:,} ({percent(total, whole)})"
    end = LABEL + total * room // largest + 8
    return [*lines, f'<text x="{end}" y="{middle}" fill="#333333">{_text(share)}</text>']


def _legend(styles: list[str], top: int) -> list[str]:
    lines: list[str] = []
    for place, style in enumerate(styles):
        left = 20 + place * (WIDTH - 30) // max(len(styles), 4)
        lines += [
            f'<rect x="{left}" y="{top}" width="12" height="12" fill="{_colour(style)}"/>',
            f'<text x="{left + 17}" y="{top + 11}" font-size="11">{_text(style)}</text>',
        ]
    return lines


def _colour(style: str) -> str:
    return COLOURS[list(VARIANTS).index(style) % len(COLOURS)]


def _text(text: str) -> str:
    return escape(_printable(text))


def _attribute(text: str) -> str:
    return quoteattr(_printable(text))


def _printable(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
