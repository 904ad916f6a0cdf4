"""Every lint by name, and what they say together: folded, sorted, and without what cards silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flancollect.cards.entries import Catalog
from flancollect.errors import Problem, did_you_mean
from flancollect.lint import cards, prompts, templates
from flancollect.lint.finding import Finding, LintedCard, ignored_lints
from flancollect.lint.samples import Sample

Severity = Literal["problem", "remark", "detail"]
"""A problem is certain and fails the check; a remark is for a person to judge; details are asked for."""

MAX_LISTED_CASES = 4


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
    "no_usable_row": Lint(severity="problem", rows=prompts.no_usable_row),
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
# These two are about silences, so nothing can silence them: they are no keys of LINTS.
UNUSED_SILENCE = "unused_silence"
UNKNOWN_LINT = "unknown_lint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """What a lint says of one place, with all cases that show it; `silenced` gives the card's reason."""

    lint: str
    severity: Severity
    problem: Problem
    cases: tuple[str, ...] = ()
    silenced: str | None = None

    def __str__(self) -> str:
        """Render as a problem, with the first cases."""
        more = len(self.cases) - MAX_LISTED_CASES
        listed = ", ".join(self.cases[:MAX_LISTED_CASES]) + (f" and {more} more" if more > 0 else "")
        cases = f" ({len(self.cases)}: {listed})" if len(self.cases) > 1 else f" ({listed})" if listed else ""
        reason = f" [silenced: {self.silenced}]" if self.silenced is not None else ""
        return f"{self.problem}{cases} [{self.lint}]{reason}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        place = {"file": self.problem.file, "line": self.problem.line, "what": self.problem.what}
        entry = {"lint": self.lint, "severity": self.severity, **place, "cases": list(self.cases)}
        return entry if self.silenced is None else {**entry, "silenced": self.silenced}


@dataclass(frozen=True, slots=True, kw_only=True)
class LintReport:
    """All diagnostics, sorted by severity, file and line; those that a card silences apart.

    `tasks_read` counts the tasks whose rows were linted, `unread` says why others were not, by task.
    """

    diagnostics: tuple[Diagnostic, ...]
    silenced: tuple[Diagnostic, ...] = ()
    tasks_read: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)

    def of(self, severity: Severity) -> tuple[Diagnostic, ...]:
        """The diagnostics of one severity."""
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic.severity == severity)

    def counts(self, severity: Severity) -> dict[str, int]:
        """How many diagnostics of one severity each lint gave, by lint."""
        return dict(sorted(Counter(diagnostic.lint for diagnostic in self.of(severity)).items()))


def lint_catalogue(catalog: Catalog) -> LintReport:
    """Run every static lint."""
    findings = {name: list(lint.static(catalog)) for name, lint in LINTS.items() if lint.static is not None}
    return _report(findings, [*catalog.families.values(), *catalog.tasks.values()])


def lint_rows(samples: Sequence[Sample]) -> LintReport:
    """Run every lint of rows over the tasks that were read."""
    findings = {name: list(lint.rows(samples)) for name, lint in LINTS.items() if lint.rows is not None}
    return _report(findings, [card for sample in samples for card in (sample.task.family, sample.task)])


def merged(one: LintReport, other: LintReport) -> LintReport:
    """Two reports as one."""
    return LintReport(
        # A set, because both report the silences of lints that do not exist.
        diagnostics=tuple(sorted({*one.diagnostics, *other.diagnostics}, key=_order)),
        silenced=one.silenced + other.silenced,
        tasks_read=one.tasks_read + other.tasks_read,
        unread={**one.unread, **other.unread},
    )


def _report(findings: Mapping[str, Sequence[Finding]], linted: Sequence[LintedCard]) -> LintReport:
    """Findings by lint as diagnostics; `linted` are the cards whose silences must be of use."""
    used: set[tuple[str, str]] = set()
    diagnostics: list[Diagnostic] = []
    silenced: list[Diagnostic] = []
    for lint, of_lint in findings.items():
        # One problem of 57 tasks that share a card is one diagnostic with 57 cases, unless a card silences some.
        cases: dict[tuple[Problem, str | None], list[str]] = {}
        for finding in of_lint:
            silencing = [card for card in finding.cards if lint in ignored_lints(card)]
            used |= {(card.file, lint) for card in silencing}
            reason = ignored_lints(silencing[0])[lint] if silencing else None
            cases.setdefault((finding.problem, reason), []).append(finding.case)
        for (problem, reason), of_problem in cases.items():
            diagnostic = Diagnostic(
                lint=lint,
                severity=LINTS[lint].severity,
                problem=problem,
                cases=tuple(dict.fromkeys(filter(None, of_problem))),
                silenced=reason,
            )
            (diagnostics if reason is None else silenced).append(diagnostic)
    for file, lint in sorted({(card.file, lint) for card in linted for lint in ignored_lints(card)}):
        if lint not in LINTS:
            what = f'lint.ignore: no lint "{lint}".' + did_you_mean(lint, LINTS, "Lints", 40)
            diagnostics.append(
                Diagnostic(lint=UNKNOWN_LINT, severity="problem", problem=Problem(file, 0, what))
            )
        elif lint in findings and (file, lint) not in used:  # a lint of rows says nothing until rows are read
            what = f"lint.ignore.{lint}: the lint finds nothing here; take the silence out"
            diagnostics.append(
                Diagnostic(lint=UNUSED_SILENCE, severity="remark", problem=Problem(file, 0, what))
            )
    return LintReport(
        diagnostics=tuple(sorted(diagnostics, key=_order)), silenced=tuple(sorted(silenced, key=_order))
    )


def _order(diagnostic: Diagnostic) -> tuple[int, Problem, str]:
    return ("problem", "remark", "detail").index(diagnostic.severity), diagnostic.problem, diagnostic.lint
