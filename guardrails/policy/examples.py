"""A rule's examples are its tests: each marks every span that must be found, and allows no other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeVar

from guardrails.detectors.base import Deadline
from guardrails.engine import Decision, Engine
from guardrails.masking import Keys, Replacement, apply_plan
from guardrails.model import Address, Context, Hook, Kind, Role, Segment, Span, Verdict
from guardrails.policy.compile import Compiled, LoadError, compile_files, read_files
from guardrails.policy.decode import marked
from guardrails.policy.diagnostics import Diagnostic
from guardrails.policy.language import Example, Rule
from guardrails.policy.policyset import PolicySet

E = TypeVar("E", bound=Enum)

SECONDS = 10.0
"""Time for one example, in seconds: the first may load a model."""

# Examples are judged under a key of their own, so that what a placeholder becomes can be written down.
_KEYS = Keys(b"the key under which examples are judged")
_CONTEXT = Context(tenant="examples")


def load_proven(
    paths: Sequence[Path], *, cache: Path | None = None, providers: Collection[str] | None = None
) -> PolicySet:
    """The compiled set of all policy files under `paths`, every example of which holds.

    `providers` are those that rules may ask, None for any. Raises `LoadError`.
    """
    compiled = compile_files(read_files(paths), cache=cache, providers=providers)
    problems = prove(compiled)
    if compiled.policies is None or problems:
        raise LoadError([*compiled.diagnostics, *problems])
    return compiled.policies


def prove(compiled: Compiled) -> list[Diagnostic]:
    """Runs every example of every rule; an error for each that does not hold."""
    if compiled.policies is None:
        return []
    problems = []
    for file in compiled.files:
        if file.policy is None:
            continue
        for number, rule in enumerate(file.policy.rules):
            alone = compiled.policies.only(rule.id)
            for place, example in enumerate(rule.examples):
                problem = _try(alone, rule, example)
                if problem:
                    path = ("rules", number, "examples", place)
                    problems.append(file.diagnostic(path, "example-fails", *problem))
    return problems


def _try(policies: PolicySet, rule: Rule, example: Example) -> tuple[str, str] | None:
    """What is wrong with an example: a message and a help, None when it holds."""
    text, expected = marked(example.hit) if example.hit is not None else (example.miss or "", ())
    (compiled,) = policies.rules
    hook = example.hook or _within(Hook.REQUEST, Hook, [one.hooks for one in compiled.scopes])
    role = example.role or _within(Role.USER, Role, [one.roles for one in compiled.scopes])
    kind = example.kind or _within(Kind.TEXT, Kind, [one.kinds for one in compiled.scopes])
    engine, deadline = Engine(policies, _KEYS), Deadline.after(SECONDS)
    if example.tool is not None:
        body = _calling(example.tool, text)
        decision = engine.judge_body(
            body, Hook.RESPONSE, _CONTEXT, deadline=deadline, today=dt.date.min
        ).decision
    else:
        decision = engine.judge(
            [Segment(Address(""), role, kind, text)],
            hook,
            _CONTEXT,
            deadline=deadline,
            today=dt.date.min,
            request={"messages": [{"role": "system", "content": example.prompt or ""}]},
        )
    if decision.unjudged:
        failure = decision.unjudged[0]
        return f"rule `{rule.id}` could not judge this example: {failure.reason.value}", failure.detail
    found = sorted({Span(one.start, one.end) for one in decision.findings})
    if found != sorted(set(expected)):
        return _difference(rule, text, found, list(expected))
    if example.becomes is not None:
        return _becomes(rule, example.becomes, text, decision)
    return None


def _calling(tool: str, arguments: str) -> object:
    """A response that calls a tool."""
    call = {"type": "function", "function": {"name": tool, "arguments": arguments}}
    return {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [call]}}]}


def _within(usual: E, choices: type[E], scopes: Sequence[frozenset[E] | None]) -> E:
    """The usual choice where the rule's scopes have it, else the first that they have."""
    fits = [one for one in choices if all(scope is None or one in scope for scope in scopes)]
    return usual if usual in fits or not fits else fits[0]


def _difference(rule: Rule, text: str, found: list[Span], expected: list[Span]) -> tuple[str, str]:
    # Examples are the author's own words: they may be shown.
    if not expected:
        return f"rule `{rule.id}` finds something in this `miss`", f"it finds {_shown(text, found)}"
    if not found:
        return f"rule `{rule.id}` finds nothing in this `hit`", f"expected {_shown(text, expected)}"
    return (
        f"rule `{rule.id}` finds other spans than this `hit` marks",
        f"found {_shown(text, found)}; expected {_shown(text, expected)}",
    )


def _shown(text: str, spans: list[Span]) -> str:
    return ", ".join(f"`{text[span.start : span.end]}`" for span in spans)


def _becomes(rule: Rule, becomes: str, text: str, decision: Decision) -> tuple[str, str] | None:
    if decision.verdict is not Verdict.MASK:
        return f"rule `{rule.id}` does not mask, so `becomes` has no meaning", "remove `becomes`"
    masked = apply_plan(text, [Replacement(edit.start, edit.end, edit.text) for edit in decision.edits])
    if masked != becomes:
        return f"rule `{rule.id}` masks this `hit` to something else", f"it becomes `{masked}`"
    return None
