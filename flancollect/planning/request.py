"""What a user asks for: a mixture by name, and the settings that shape its rows."""

from __future__ import annotations

import os
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, get_args

from flancollect.artifacts import PathLike
from flancollect.cards.licenses import POLICIES, PolicyName
from flancollect.errors import UsageError
from flancollect.sources.table import SourceAccess

ResolveFrom = Literal["sources", "frozen", "declared"]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A mixture, benchmark, submix or task by name (task globs too), and how much of it, drawn how.

    `rows` is the total in place of the mixture's own size, `only` narrows the tasks by globs (`!glob` excludes),
    `license_policy` skips tasks whose license it does not take. `resolve_from`: `sources` looks at every
    source, at the commit that the lock pins; `frozen` takes the lock alone; `declared` reaches nothing, and
    fills gaps in the lock with the sizes that cards declare. Without `lock` the embedded one is used. Raises
    UsageError for a value that no build can have, and for a text where several are meant.
    """

    name: str
    _: KW_ONLY
    catalogs: tuple[PathLike, ...] = ()
    rows: int | None = None
    seed: int = 0
    only: tuple[str, ...] = ()
    license_policy: PolicyName | None = None
    access: SourceAccess = field(default_factory=SourceAccess)
    lock: PathLike | None = None
    resolve_from: ResolveFrom = "sources"

    def __post_init__(self) -> None:
        """Refuse what no build can give."""
        # Here and not in the command line alone, as scripts make requests too.
        if self.rows is not None and type(self.rows) is not int:
            raise UsageError(f"rows={self.rows!r}: give a whole number, or None for the mixture's own size")
        if self.rows is not None and self.rows < 1:
            raise UsageError(f"--rows {self.rows}: ask for at least one row")
        if type(self.seed) is not int:
            raise UsageError(f"seed={self.seed!r}: give a whole number")
        for name, value, choices in (
            ("license_policy", self.license_policy, [None, *POLICIES]),
            ("resolve_from", self.resolve_from, get_args(ResolveFrom)),
        ):
            if value not in choices:
                raise UsageError(f"{name}={value!r}: give one of {', '.join(map(repr, choices))}")
        # A text is a sequence of its letters, each of which would pass for a glob or a folder.
        for name in ("only", "catalogs"):
            if isinstance(value := getattr(self, name), str | os.PathLike):
                raise UsageError(f"{name}={value!r}: give a tuple, ({value!r},)")


def as_request(request: BuildRequest | str) -> BuildRequest:
    """The request itself, or a name as the request for all of it that its card says."""
    return BuildRequest(request) if isinstance(request, str) else request
