"""SARIF 2.1.0 (OASIS), for code-scanning services."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from guardrails import __version__
from guardrails.model import Severity
from guardrails.policy.diagnostics import Diagnostic, Level

_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "note"}
_SEVERITIES = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}


class Result(msgspec.Struct, frozen=True):
    """One result: lines and columns count from 1, in code points; the end column is exclusive."""

    rule: str
    level: str
    message: str
    file: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    fingerprint: str | None = None


def level_of(severity: Severity) -> str:
    """SARIF's level of a rule's severity."""
    return _SEVERITIES[severity]


def of_diagnostics(problems: Sequence[Diagnostic]) -> dict[str, object]:
    """The log of a policy check."""
    results = [
        Result(
            rule=one.code,
            level=_LEVELS[one.level],
            message=f"{one.message}; {one.help}" if one.help else one.message,
            file=one.file,
            line=one.line,
            column=one.column,
        )
        for one in problems
    ]
    return log(results, {one.rule: one.rule for one in results})


def log(results: Iterable[Result], titles: dict[str, str]) -> dict[str, object]:
    """A SARIF log of one run; `titles` describes the rules."""
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "guardrails",
                        "version": __version__,
                        "rules": [
                            {"id": name, "shortDescription": {"text": title}}
                            for name, title in sorted(titles.items())
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(one) for one in results],
            }
        ],
    }


def _result(one: Result) -> dict[str, object]:
    location: dict[str, object] = {"artifactLocation": {"uri": one.file}}
    region = {
        "startLine": one.line,
        "startColumn": one.column,
        "endLine": one.end_line,
        "endColumn": one.end_column,
    }
    if one.line is not None:
        location["region"] = {name: value for name, value in region.items() if value is not None}
    result: dict[str, object] = {
        "ruleId": one.rule,
        "level": one.level,
        "message": {"text": one.message},
        "locations": [{"physicalLocation": location}],
    }
    if one.fingerprint:
        result["partialFingerprints"] = {"value/v1": one.fingerprint}
    return result
