"""Files whose names say which of how many they are: `train-00000-of-00002.parquet`, or with a hash behind it.

The tools of the Hub name them so; the digits and the hash vary by tool and age.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flancollect.errors import SourceError

_SHARD = re.compile(r"(?P<split>.*?)-?(?P<number>\d+)-of-(?P<count>\d+)(?P<hash>-[0-9a-f]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardName:
    """What a file's name says: of which split it is the file `number` of `count`; of no count where it says none."""

    split: str
    number: int = 0
    count: int | None = None
    like: str = ""


def shard_name(stem: str) -> ShardName:
    """A name without its ending, read. `like` is the pattern of all names of its set."""
    match = _SHARD.fullmatch(stem)
    if match is None:
        return ShardName(split=stem)
    digits = len(match["number"])
    like = f"{stem[: match.start('number')]}{{:0{digits}}}-of-{match['count']}{'-*' if match['hash'] else ''}"
    return ShardName(split=match["split"], number=int(match["number"]), count=int(match["count"]), like=like)


def refuse_incomplete(stems: Iterable[str], place: str) -> None:
    """Raise SourceError when a set of numbered files lacks one: a split must not be read in part without a word."""
    sets: dict[str, list[ShardName]] = {}
    for name in map(shard_name, stems):
        if name.count is not None:
            sets.setdefault(name.like, []).append(name)
    for like, names in sets.items():
        count, numbers = names[0].count or 0, {name.number for name in names}
        first = 1 if count in numbers else 0  # some tools count from 1
        missing = sorted(set(range(first, first + count)) - numbers)
        if missing:
            raise SourceError(
                f"{place}: {len(missing)} of {count} files are missing: "
                f"{', '.join(like.format(number) for number in missing[:5])}{', ...' if missing[5:] else ''}"
            )


def refuse_gaps(stems: Iterable[str], place: str) -> None:
    """Raise SourceError when files named by numbers alone (`0000`, `0001`) lack one before the last."""
    stems = list(stems)
    if not stems or not all(map(str.isdecimal, stems)):
        return
    numbers = set(map(int, stems))
    missing = sorted(set(range(min(1, *numbers), max(numbers))) - numbers)
    if missing:
        names = ", ".join(f"{number:0{len(stems[0])}}" for number in missing[:5])
        raise SourceError(
            f"{place}: {len(missing)} of the numbered files are missing: {names}{', ...' if missing[5:] else ''}"
        )


def refuse_two_sets(stems: Iterable[str], place: str) -> None:
    """Raise SourceError when a split has files of two sets, or one twice: its rows would come twice."""
    first: dict[tuple[str, int], str] = {}
    counts: dict[str, tuple[int | None, str]] = {}
    for stem in stems:
        name = shard_name(stem)
        count, other = counts.setdefault(name.split, (name.count, stem))
        twin = first.setdefault((name.split, name.number), stem)
        if count != name.count or twin != stem:
            raise SourceError(
                f'{place}: {stem} and {other if count != name.count else twin} are both the split "{name.split}": '
                f"delete the files of one of them"
            )
