"""Which examples share a packed row. Pure: lengths in, numbers out.

As few rows as best fit needs, and in each of them long and short examples together: best fit alone, which begins
with the longest, would put those of one length, and so of one task, into one row, and a step would see few tasks.
"""

from __future__ import annotations

import numpy as np

from flancollect.draw import Ints


def pack(lengths: Ints, target_lengths: Ints, *, capacity: int, target_capacity: int) -> list[Ints]:
    """Numbers of the examples of each packed row, rows in the order in which they were opened.

    A row holds examples of at most `capacity` tokens by `lengths` and `target_capacity` by `target_lengths`. There
    are at most as many rows as best fit, longest first, needs, and one. Raises ValueError for an example that no row
    can hold.
    """
    if len(lengths) and (lengths.max() > capacity or target_lengths.max() > target_capacity):
        raise ValueError(f"an example is longer than a packed row of {capacity} and {target_capacity} tokens")
    fewest = _fitted(lengths, target_lengths, capacity, target_capacity)
    for rows in (len(fewest), len(fewest) + 1):
        spread = _spread(lengths, target_lengths, capacity, target_capacity, rows)
        if spread is not None:
            return spread
    return fewest


def _spread(
    lengths: Ints, target_lengths: Ints, capacity: int, target_capacity: int, rows: int
) -> list[Ints] | None:
    """Examples over `rows` rows, the longest first, each where most room is; None where one finds none."""
    # Lengths [5, 3, 4, 2] and two rows of 7: 5 goes to row 0, 4 to row 1, 3 to row 1 (3 free against 2), 2 to row 0.
    room = np.full(rows, capacity, dtype=np.int64)
    target_room = np.full(rows, target_capacity, dtype=np.int64)
    members: list[list[int]] = [[] for _ in range(rows)]
    for number in _longest_first(lengths, target_lengths):
        usable = np.where(target_room >= target_lengths[number], room, -1)
        row = int(usable.argmax())
        if usable[row] < lengths[number]:
            return None
        members[row].append(number)
        room[row] -= lengths[number]
        target_room[row] -= target_lengths[number]
    return [np.array(row, dtype=np.int64) for row in members]


def _fitted(lengths: Ints, target_lengths: Ints, capacity: int, target_capacity: int) -> list[Ints]:
    """Best fit, the longest first: each example where it leaves the least room (ties: the row opened first)."""
    # Lengths [5, 3, 4, 2] and rows of 7: 5 opens row 0 (2 free), 4 row 1 (3 free), 3 fits row 1 exactly, and 2 row 0.
    room = np.full(len(lengths), capacity, dtype=np.int64)
    target_room = np.full(len(lengths), target_capacity, dtype=np.int64)
    members: list[list[int]] = []
    for number in _longest_first(lengths, target_lengths):
        rows = len(members)
        after = room[:rows] - lengths[number]
        # Rows that it does not fit are put behind all others by a room that none has.
        after[(after < 0) | (target_room[:rows] < target_lengths[number])] = capacity + 1
        best = int(after.argmin()) if rows else 0
        if not rows or after[best] > capacity:
            best = rows
            members.append([])
        members[best].append(number)
        room[best] -= lengths[number]
        target_room[best] -= target_lengths[number]
    return [np.array(row, dtype=np.int64) for row in members]


def _longest_first(lengths: Ints, target_lengths: Ints) -> list[int]:
    order: list[int] = np.lexsort((np.arange(len(lengths)), -target_lengths, -lengths)).tolist()
    return order
