"""What is legal in a policy and probably not meant. Warnings, never errors."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.detectors import JudgeSpec
from guardrails.model import Action, Hook, Mode, Severity
from guardrails.policy.compile import Compiled
from guardrails.policy.decode import LoadedFile
from guardrails.policy.diagnostics import Diagnostic, Level
from guardrails.policy.language import Rule
from guardrails.policy.policyset import CompiledRule


def lint(compiled: Compiled) -> list[Diagnostic]:
    """Every warning about every decoded file."""
    ready = {} if compiled.policies is None else {rule.id: rule for rule in compiled.policies.rules}
    return [
        problem
        for file in compiled.files
        if file.policy is not None
        for number, rule in enumerate(file.policy.rules)
        for problem in _rule(file, number, rule, ready.get(rule.id))
    ]


def _rule(file: LoadedFile, number: int, rule: Rule, compiled: CompiledRule | None) -> Iterator[Diagnostic]:
    path = ("rules", number)

    def warning(code: str, message: str, help: str) -> Diagnostic:
        return file.diagnostic(path, code, message, help, level=Level.WARNING)

    hits = sum(one.hit is not None for one in rule.examples)
    proves = not isinstance(rule.detect, JudgeSpec)  # a provider's answers are no examples
    if proves and not hits:
        yield warning("no-hit", f"rule `{rule.id}` has no `hit` example", "mark what must be found with «…»")
    if proves and len(rule.examples) == hits:
        yield warning(
            "no-miss", f"rule `{rule.id}` has no `miss` example", "add the nearest text that must pass"
        )
    if rule.severity is Severity.CRITICAL and rule.action is Action.FLAG and rule.mode is not Mode.SHADOW:
        yield warning(
            "critical-flag",
            f"rule `{rule.id}` is critical and only flags",
            "mask or deny, or lower the severity",
        )
    if compiled and _acts_on_responses(compiled) and not (compiled.on_streams or compiled.deny_streams):
        yield warning(
            "not-on-streams",
            f"rule `{rule.id}` needs the whole text: it is not enforced on streamed responses",
            "`streams: deny` in the policy refuses such requests; or scope the rule to `hooks: [request]`",
        )


def _acts_on_responses(rule: CompiledRule) -> bool:
    return (
        rule.mode is Mode.ENFORCE
        and rule.action is not Action.FLAG
        and all(one.hooks is None or Hook.RESPONSE in one.hooks for one in rule.scopes)
    )
