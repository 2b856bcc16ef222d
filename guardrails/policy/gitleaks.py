"""Turns a gitleaks configuration into rules of ours, and says what it could not turn.

The shapes of the configuration are documented in the project's README. Expressions are of Go's `regexp`
(RE2); ours are of the Python package `regex`, and every repetition of ours has an upper bound.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec

from guardrails.detectors.base import SpecError
from guardrails.detectors.expression import RegexSpec

BOUNDS = (1_000, 400, 150, 60, 25)
"""What `*` and `+` may repeat at most: the first that keeps the expression within the limits."""


class ImportFailure(Exception):
    """A file that is no gitleaks configuration."""


class Imported(msgspec.Struct, frozen=True):
    """A rule of ours. `id` is fit for a policy."""

    id: str
    title: str
    detect: RegexSpec


class Left(msgspec.Struct, frozen=True):
    """What was not turned: of which rule (or of the whole file, for an empty name), and why."""

    rule: str
    why: str


class _Allowlist(msgspec.Struct, rename={"regex_target": "regexTarget"}):
    regexes: tuple[str, ...] = ()
    stopwords: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    regex_target: str = ""


class _Rule(msgspec.Struct, rename={"secret_group": "secretGroup"}):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    description: str = ""
    regex: str = ""
    secret_group: Annotated[int, msgspec.Meta(ge=0)] = 0
    entropy: float = 0.0
    path: str = ""
    keywords: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    allowlist: _Allowlist | None = None
    allowlists: tuple[_Allowlist, ...] = ()
    required: tuple[Any, ...] = ()


class _Config(msgspec.Struct):
    rules: tuple[_Rule, ...] = ()
    allowlist: _Allowlist | None = None
    allowlists: tuple[_Allowlist, ...] = ()
    extend: dict[str, Any] = {}


def turn(text: str) -> tuple[list[Imported], list[Left]]:
    """The rules of a configuration, and what of it is left. Raises `ImportFailure`."""
    try:
        config = msgspec.convert(tomllib.loads(text), _Config)
    except tomllib.TOMLDecodeError as error:
        raise ImportFailure(f"is no TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise ImportFailure(f"is no gitleaks configuration: {error}") from None
    turned: list[Imported] = []
    left = list(_left_of_file(config))
    ids: set[str] = set()
    for rule in config.rules:
        try:
            one = _turned(rule)
        except _CannotTurn as reason:
            left.append(Left(rule.id, str(reason)))
            continue
        if one.id in ids:
            left.append(Left(rule.id, "another rule has this id"))
            continue
        ids.add(one.id)
        turned.append(one)
        left += [Left(rule.id, why) for why in _left_of_rule(rule)]
    return turned, left


class _CannotTurn(Exception):
    pass


def _left_of_file(config: _Config) -> Iterator[Left]:
    if config.extend:
        yield Left("", "`extend`: the configuration that it builds on is not read")
    for allowlist in (*config.allowlists, *([config.allowlist] if config.allowlist else [])):
        yield from (Left("", why) for why in _left_of_allowlist(allowlist))


def _left_of_rule(rule: _Rule) -> Iterator[str]:
    if rule.path:
        yield "`path`: texts of LLM traffic have none; the rule looks everywhere"
    if rule.required:
        yield "`required`: rules do not depend on one another"
    for allowlist in (*rule.allowlists, *([rule.allowlist] if rule.allowlist else [])):
        yield from _left_of_allowlist(allowlist)


def _left_of_allowlist(allowlist: _Allowlist) -> Iterator[str]:
    for name, what in (("regexes", allowlist.regexes), ("stopwords", allowlist.stopwords)):
        if what:
            yield f"allowlist `{name}` ({len(what)}): write dated exceptions with an owner instead"
    for name, what in (("paths", allowlist.paths), ("commits", allowlist.commits)):
        if what:
            yield f"allowlist `{name}` ({len(what)}): texts of LLM traffic have none"


def _turned(rule: _Rule) -> Imported:
    if not rule.regex:
        raise _CannotTurn("it has no `regex`: files are not looked for by their path")
    id = re.sub(r"[^a-z0-9]+", "-", rule.id.lower()).strip("-")
    if not id:
        raise _CannotTurn("its id has no letter or digit")
    problem = ""
    for bound in BOUNDS:
        spec = RegexSpec(
            pattern=translated(rule.regex, rule.secret_group, bound),
            min_entropy=min(max(rule.entropy, 0.0), 8.0),
            label=re.sub(r"[^A-Z0-9]+", "_", f"GITLEAKS {id}".upper()),
        )
        try:
            spec.detector()
        except SpecError as error:
            problem = error.message
        else:
            title = rule.description.strip() or rule.id
            return Imported(f"gitleaks.{id}", title, spec)
    raise _CannotTurn(problem)


_PIECE = re.compile(
    r"""(?xs)
    (?P<escape> \\ (?: [pP]\{\^?\w+\} | [pP]\w | x\{[0-9A-Fa-f]+\} | x[0-9A-Fa-f]{2} | [0-7]{1,3} | . ) )
    | (?P<class> \[ \^? \]? (?: \[:\^?\w+:\] | \\. | [^\]\\] )* \] )
    | (?P<flags> \( \? [imsU-]+ \) )
    | (?P<open> \( (?: \? (?: P?<\w+> | [imsU-]* : ) )? )
    | (?P<close> \) )
    | (?P<repeat> [*+] | \{ \d+ (?: , \d* )? \} )
    | (?P<other> . )
    """
)
_NAME = re.compile(r"\(\?P?<")


def translated(expression: str, secret: int, bound: int) -> str:
    """A Go expression as one of ours: repetitions bounded, flags scoped, the secret's group named.

    `secret` is the number of that group; 0 for the first group, where there is one. Raises `_CannotTurn`.
    """
    pieces: list[str] = []
    scopes = [""]  # the flags that hold to the end of each open group, as they are written
    groups = 0
    wanted = secret or 1
    for found in _PIECE.finditer(expression):
        kind, text = found.lastgroup, found[0]
        if kind == "flags":
            if "U" in text:
                raise _CannotTurn("the flag `U` has no counterpart")
            pieces.append(f"{text[:-1]}:")
            scopes[-1] += f"{text[:-1]}:"
        elif kind == "open":
            capturing = text == "(" or _NAME.match(text) is not None
            groups += capturing
            scopes.append("")
            pieces.append(("(?P<secret>" if groups == wanted else "(?:") if capturing else text)
        elif kind == "close":
            if len(scopes) == 1:
                raise _CannotTurn("its brackets do not match")
            pieces.append(_closed(scopes.pop()) + ")")
        elif text == "|":
            # Flags reach over the bars of their group, which the brackets that stand for them do not.
            pieces.append(f"{_closed(scopes[-1])}|{scopes[-1]}")
        elif kind == "repeat":
            pieces.append(_bounded(text, bound))
        elif kind == "escape":
            pieces.append(_escape(text))
        else:
            pieces.append(text)
    if len(scopes) != 1:
        raise _CannotTurn("its brackets do not match")
    if secret > groups:
        raise _CannotTurn(f"`secretGroup` is {secret}, and there are {groups} groups")
    return "".join(pieces) + _closed(scopes[0])


def _closed(scope: str) -> str:
    return ")" * scope.count("(")


def _bounded(repeat: str, bound: int) -> str:
    if repeat in "*+":
        return f"{{{int(repeat == '+')},{bound}}}"
    least, comma, most = repeat[1:-1].partition(",")
    return f"{{{least},{max(bound, int(least))}}}" if comma and not most else repeat


def _escape(text: str) -> str:
    if text[1] in "QEC":
        raise _CannotTurn(f"`{text}` has no counterpart")
    if text == r"\z":
        return r"\Z"
    if text.startswith(r"\x{"):
        return re.escape(chr(int(text[3:-1], 16)))
    return text


def document(rules: Sequence[Imported], policy: str, severity: str, action: str) -> str:
    """The rules as a policy file."""
    lines = [
        "version: 1",
        f"policy: {policy}",
        "description: Imported from a gitleaks configuration.",
        "rules:",
    ]
    for rule in rules:
        detect = {"type": "regex", "pattern": rule.detect.pattern, "label": rule.detect.label}
        if rule.detect.min_entropy:
            detect["min_entropy"] = rule.detect.min_entropy  # type: ignore[assignment]
        lines += [
            f"  - id: {rule.id}",
            f"    title: {_yaml(rule.title)}",
            f"    severity: {severity}",
            "    detect:",
            *(f"      {key}: {_yaml(value)}" for key, value in detect.items()),
            f"    action: {action}",
        ]
        if action == "mask":
            lines.append("    mask: {with: placeholder}")
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    """A scalar; text in single quotes, or in JSON's, which are YAML too, where a control stands in it."""
    if not isinstance(value, str):
        return str(value)
    if value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return msgspec.json.encode(value).decode()
