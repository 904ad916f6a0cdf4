"""Every lint by name, and what they say together: folded, sorted, and without what cards silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flancollect.cards.entries import Catalog
from flancollect.errors import Problem, did_you_mean
from flancollect.lint import cards, prompts, templates
from flancollect.lint.finding import Finding, Owner, silences
from flancollect.lint.samples import Sample

Severity = Literal["problem", "remark", "detail"]
"""A problem is certain and fails the check; a remark is for a person to judge; details are asked for."""

SHOWN_CASES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """A lint of the catalogue as written (`static`), or of its rows."""

    severity: Severity
    static: Callable[[Catalog], Iterator[Finding]] | None = None
    rows: Callable[[Sequence[Sample]], Iterator[Finding]] | None = None


LINTS: Mapping[str, Lint] = {
    "answer_in_prompt": Lint(severity="problem", static=templates.answer_in_prompt),
    "duplicate_template": Lint(severity="problem", static=templates.duplicate_template),
    "hold_out_trained": Lint(severity="problem", static=templates.hold_out_trained),
    "unused_need": Lint(severity="problem", static=templates.unused_need),
    "label_style": Lint(severity="problem", static=cards.label_style),
    "repeated_template": Lint(severity="remark", static=templates.repeated_template),
    "near_duplicate_template": Lint(severity="remark", static=templates.near_duplicate_template),
    "few_templates": Lint(severity="remark", static=templates.few_templates),
    "no_inversion": Lint(severity="remark", static=templates.no_inversion),
    "untidy_example": Lint(severity="remark", static=templates.untidy_example),
    "lost_characters": Lint(severity="remark", static=templates.lost_characters),
    "lost_in_styles": Lint(severity="remark", static=cards.lost_in_styles),
    "unshown_field": Lint(severity="remark", static=cards.unshown_field),
    "unknown_license": Lint(severity="remark", static=cards.unknown_license),
    "line_breaks": Lint(severity="detail", static=templates.line_breaks),
    "fails_on_row": Lint(severity="problem", rows=prompts.fails_on_row),
    "answer_not_in_options": Lint(severity="problem", rows=prompts.answer_not_in_options),
    "options_alike": Lint(severity="remark", rows=prompts.options_alike),
    "empty_field": Lint(severity="remark", rows=prompts.empty_field),
    "empty_text": Lint(severity="remark", rows=prompts.empty_text),
    "untrimmed_field": Lint(severity="remark", rows=prompts.untrimmed_field),
    "untidy_rows": Lint(severity="remark", rows=prompts.untidy_rows),
    "target_in_prompt": Lint(severity="remark", rows=prompts.target_in_prompt),
    "label_leak": Lint(severity="remark", rows=prompts.label_leak),
    "no_exemplar": Lint(severity="remark", rows=prompts.no_exemplar),
    "unusable_rows": Lint(severity="remark", rows=prompts.unusable_rows),
}
UNUSED_SILENCE = "unused_silence"
UNKNOWN_LINT = "unknown_lint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """What a lint says of one place, with all cases in which it was seen; `silenced` gives the reason."""

    lint: str
    severity: Severity
    problem: Problem
    cases: tuple[str, ...] = ()
    silenced: str | None = None

    def __str__(self) -> str:
        """Render as a problem, with the first cases."""
        more = len(self.cases) - SHOWN_CASES
        shown = ", ".join(self.cases[:SHOWN_CASES]) + (f" and {more} more" if more > 0 else "")
        cases = f" ({len(self.cases)}: {shown})" if len(self.cases) > 1 else f" ({shown})" if shown else ""
        reason = f" [silenced: {self.silenced}]" if self.silenced is not None else ""
        return f"{self.problem}{cases} [{self.lint}]{reason}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        place = {"file": self.problem.file, "line": self.problem.line, "what": self.problem.what}
        found = {"lint": self.lint, "severity": self.severity, **place, "cases": list(self.cases)}
        return found if self.silenced is None else {**found, "silenced": self.silenced}


@dataclass(frozen=True, slots=True, kw_only=True)
class LintReport:
    """All that was said, sorted by severity, file and line; silenced findings apart.

    `read` counts the tasks whose rows were linted, `unread` says why others were not.
    """

    diagnostic: tuple[Diagnostic, ...]
    silenced: tuple[Diagnostic, ...] = ()
    read: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)

    def of(self, severity: Severity) -> tuple[Diagnostic, ...]:
        """What was said with one severity."""
        return tuple(diagnostic for diagnostic in self.diagnostic if diagnostic.severity == severity)

    def counts(self, severity: Severity) -> dict[str, int]:
        """How often each lint spoke with one severity."""
        return dict(sorted(Counter(diagnostic.lint for diagnostic in self.of(severity)).items()))


def lint_catalogue(catalog: Catalog) -> LintReport:
    """Run every static lint."""
    found = {name: list(lint.static(catalog)) for name, lint in LINTS.items() if lint.static is not None}
    owners: list[Owner] = [*catalog.families.values(), *catalog.tasks.values()]
    return _report(found, owners)


def lint_rows(samples: Sequence[Sample]) -> LintReport:
    """Run every lint of rows over the tasks that were read."""
    found = {name: list(lint.rows(samples)) for name, lint in LINTS.items() if lint.rows is not None}
    owners: list[Owner] = [owner for sample in samples for owner in (sample.task.family, sample.task)]
    return _report(found, owners)


def together(one: LintReport, other: LintReport) -> LintReport:
    """Two reports as one."""
    return LintReport(
        diagnostic=tuple(sorted({*one.diagnostic, *other.diagnostic}, key=_order)),
        silenced=one.silenced + other.silenced,
        read=one.read + other.read,
        unread={**one.unread, **other.unread},
    )


def _report(found: Mapping[str, Sequence[Finding]], owners: Sequence[Owner]) -> LintReport:
    used: set[tuple[str, str]] = set()
    diagnostic: list[Diagnostic] = []
    silenced: list[Diagnostic] = []
    for name, findings in found.items():
        cases: dict[tuple[Problem, str | None], list[str]] = {}
        for finding in findings:
            silent = [owner for owner in finding.owners if name in silences(owner)]
            used |= {(owner.file, name) for owner in silent}
            reason = silences(silent[0])[name] if silent else None
            cases.setdefault((finding.problem, reason), []).append(finding.case)
        for (problem, reason), seen in cases.items():
            told = tuple(dict.fromkeys(filter(None, seen)))
            one = Diagnostic(
                lint=name, severity=LINTS[name].severity, problem=problem, cases=told, silenced=reason
            )
            (diagnostic if reason is None else silenced).append(one)
    diagnostic += _silences_without_use(owners, set(found), used)
    return LintReport(
        diagnostic=tuple(sorted(diagnostic, key=_order)), silenced=tuple(sorted(silenced, key=_order))
    )


def _silences_without_use(
    owners: Sequence[Owner], ran: set[str], used: set[tuple[str, str]]
) -> Iterator[Diagnostic]:
    """Silences of lints that do not exist, and of lints that ran and had nothing to say of the card."""
    for file, name in sorted({(owner.file, name) for owner in owners for name in silences(owner)}):
        if name not in LINTS:
            what = f'lint.ignore: no lint "{name}".' + did_you_mean(name, LINTS, "Lints", 40)
            yield Diagnostic(lint=UNKNOWN_LINT, severity="problem", problem=Problem(file, 0, what))
        elif name in ran and (file, name) not in used:
            what = f"lint.ignore.{name}: the lint finds nothing here; take the silence out"
            yield Diagnostic(lint=UNUSED_SILENCE, severity="remark", problem=Problem(file, 0, what))


def _order(diagnostic: Diagnostic) -> tuple[int, Problem, str]:
    return ("problem", "remark", "detail").index(diagnostic.severity), diagnostic.problem, diagnostic.lint
