"""Failures on purpose: which request fails, and how. Seeded by request, not by time or thread."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["status", "cut upload", "cut download", "lost answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Requests whose method and path match (regular expressions) fail, each with a chance of `rate`.

    "status": answered with `status` and `headers`, not carried out. "cut upload": the connection closes before
    the body is read. "cut download": it closes halfway through the answer. "lost answer": carried out, and it
    closes without an answer. At most `times` such failures.
    """

    kind: Kind = "status"
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = ".*"
    path: str = ".*"
    rate: float = 1.0
    times: int = 1_000_000


class Faults:
    """Decides for every request. Equal requests in equal order per path fail equally."""

    def __init__(self, rules: Sequence[Fault], seed: int) -> None:
        self._rules, self._seed = tuple(rules), seed
        self._asked: Counter[tuple[str, str]] = Counter()
        self._done: Counter[int] = Counter()
        self._lock = threading.Lock()

    def of(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self._asked[method, path] += 1
            for number, rule in enumerate(self._rules):
                if self._done[number] < rule.times and self._hits(rule, number, method, path):
                    self._done[number] += 1
                    return rule
            return None

    def _hits(self, rule: Fault, number: int, method: str, path: str) -> bool:
        if not (re.fullmatch(rule.method, method) and re.search(rule.path, path)):
            return False
        text = f"{self._seed} {number} {method} {path} {self._asked[method, path]}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") < rule.rate * 2**64
