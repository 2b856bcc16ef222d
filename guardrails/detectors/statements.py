"""`type: shell` and `type: sql`: commands and statements that destroy, expose or hand over, for tool inputs.

Each entry is one form that is rarely meant in an agent's ordinary work. What only destroys with an
argument is looked at together with it: `rm -rf build` is ordinary, `rm -rf ~` is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Annotated

import msgspec

from guardrails.detectors.base import Deadline, Foresight, Match, Pattern
from guardrails.model import Hit
from guardrails.text import View


class ShellClass(str, Enum):
    """What a command does."""

    DESTROY = "destroy"  # deletes or overwrites a system, a home or a disk
    REMOTE_CODE = "remote-code"  # runs what it has just fetched or decoded
    BACKDOOR = "backdoor"  # opens a shell to elsewhere, or a way in
    EXPOSE = "expose"  # sends keys, credentials or the environment away
    COVER = "cover"  # removes traces or switches protection off


class SqlClass(str, Enum):
    """What a statement does."""

    DESTROY = "destroy"  # drops or empties
    EVERY_ROW = "every-row"  # deletes or updates without a WHERE
    GRANT = "grant"  # hands out rights, or makes users
    ESCAPE = "escape"  # reaches files or commands of the server
    INJECTION = "injection"  # shapes of an injected statement


_SPACE = r"[ \t]{1,8}"
_ARGS = r"[^\n|;&<>]{0,300}"
_SYSTEM = r"/(?:etc|usr|var|home|boot|bin|lib|root|opt|srv)(?:/\*?)?"
_HOME = rf"(?:/|/\*|~|~/|~/\*|\$HOME|\"\$HOME\"|\$\{{HOME\}}|\.\.|{_SYSTEM}|\*)"
_END = r"(?=[ \t]{0,8}(?:$|[\n;&|'\"`)]))"
_FLAG = r"(?:-{1,2}[A-Za-z-]{1,30}[ \t]{1,8})"
_SUDO = rf"(?:sudo{_SPACE}{_FLAG}{{0,5}})?"
_SHELL = r"(?:ba|z|da|k|c|fi)?sh|python[23]?|perl|ruby|node|php"
_FETCH = r"(?:curl|wget|fetch|iwr|Invoke-WebRequest)"

_SHELL_FORMS: Mapping[ShellClass, tuple[str, ...]] = {
    ShellClass.DESTROY: (
        rf"\brm{_SPACE}{_FLAG}{{0,5}}-{{1,2}}(?:[a-zA-Z]{{0,6}}[rR][a-zA-Z]{{0,6}}|recursive){_SPACE}{_FLAG}{{0,5}}{_HOME}{_END}",
        rf"\bmkfs(?:\.\w{{1,8}})?{_SPACE}{_ARGS}/dev/\w{{1,16}}",
        rf"\bdd{_SPACE}{_ARGS}\bof=/dev/(?:sd|hd|vd|xvd|nvme|disk|mmcblk)\w{{0,16}}",
        r">[ \t]{0,4}/dev/(?:sd|hd|vd|xvd|nvme|disk|mmcblk)\w{0,16}",
        r":\(\)[ \t]{0,4}\{[ \t]{0,4}:[ \t]{0,4}\|[ \t]{0,4}:[ \t]{0,4}&[ \t]{0,4}\}[ \t]{0,4};[ \t]{0,4}:",
        rf"\bch(?:mod|own){_SPACE}{_FLAG}{{0,5}}-[a-zA-Z]{{0,4}}R[a-zA-Z]{{0,4}}{_SPACE}[\w:+=-]{{1,40}}{_SPACE}{_HOME}{_END}",
        rf"\b(?:kubectl|oc){_SPACE}delete{_SPACE}(?:ns|namespaces?|pv|nodes?|all){_SPACE}{_ARGS}--all\b",
        rf"\bterraform{_SPACE}destroy{_SPACE}{_ARGS}-auto-approve\b",
        rf"\bfind{_SPACE}{_HOME}{_SPACE}{_ARGS}-delete\b",
    ),
    ShellClass.REMOTE_CODE: (
        rf"\b{_FETCH}\b{_ARGS}\|[ \t]{{0,8}}{_SUDO}(?:/(?:usr/)?bin/(?:env{_SPACE})?)?(?:{_SHELL})\b",
        rf"\b(?:{_SHELL}){_SPACE}{_FLAG}{{0,5}}<\({_FETCH}\b",
        rf"\b(?:{_SHELL}|eval|source|\.){_SPACE}(?:-c{_SPACE})?[\"']?(?:\$\(|`){_FETCH}\b",
        rf"\bbase64{_SPACE}(?:-d|-D|--decode)\b{_ARGS}\|[ \t]{{0,8}}(?:sudo{_SPACE})?(?:{_SHELL})\b",
        r"\b(?:iex|Invoke-Expression)\b[ \t(]{1,8}(?:New-Object|i[wr]r|Invoke-(?:WebRequest|RestMethod))\b",
    ),
    ShellClass.BACKDOOR: (
        r"/dev/(?:tcp|udp)/[\w.$-]{1,253}/\d{1,5}",
        rf"\b(?:nc|ncat|netcat)\b{_ARGS}{_SPACE}(?:-\w{{0,6}}[ec]\w{{0,2}}|--exec|--sh-exec){_SPACE}[\w/]{{0,40}}(?:sh|cmd)\b",
        rf"\bsocat\b{_ARGS}exec:",
        r">>[ \t]{0,8}(?:~|\$HOME|/root|/home/\w{1,40})/\.ssh/authorized_keys",
        r">>?[ \t]{0,8}/etc/(?:passwd|shadow|sudoers)\b",
    ),
    ShellClass.EXPOSE: (
        rf"\b(?:curl|wget|nc|ncat|scp|rsync)\b{_ARGS}(?:\.ssh/id_\w{{1,12}}|\.aws/credentials|/etc/shadow|\.netrc|\.kube/config|\.git-credentials)\b",
        rf"\bcat{_SPACE}{_ARGS}(?:\.ssh/id_\w{{1,12}}|\.aws/credentials|/etc/shadow|\.netrc|\.kube/config|\.git-credentials)\b",
        r"\b(?:printenv|env)\b[ \t]{0,8}\|[ \t]{0,8}(?:curl|wget|nc|ncat|base64)\b",
        rf"\bcurl\b{_ARGS}(?:\$\(|`)(?:env|printenv|cat)\b",
        r"169\.254\.169\.254/(?:latest|computeMetadata|metadata)\b",
    ),
    ShellClass.COVER: (
        rf"\bhistory{_SPACE}-\w{{0,2}}c\b",
        r"\bunset[ \t]{1,8}HISTFILE\b",
        rf"\brm{_SPACE}{_ARGS}(?:\.bash_history|\.zsh_history|/var/log/\w{{1,40}})",
        rf"\b(?:iptables|nft){_SPACE}(?:-F|--flush|flush{_SPACE}ruleset)\b",
        rf"\bufw{_SPACE}disable\b",
        rf"\bsetenforce{_SPACE}0\b",
        r"\bSet-MpPreference[ \t]{1,8}-DisableRealtimeMonitoring\b",
    ),
}
_GAP = r"\s{1,16}"
_MAY = r"[ \t]{0,8}"
_NAME = r"[\w.\"`\[\]$-]{1,128}"
_SQL_FORMS: Mapping[SqlClass, tuple[str, ...]] = {
    SqlClass.DESTROY: (
        rf"\bdrop{_GAP}(?:table|database|schema|view|user|role|index|column){_GAP}(?:if{_GAP}exists{_GAP})?{_NAME}",
        rf"\btruncate{_GAP}(?:table{_GAP})?{_NAME}[ \t]{{0,8}}(?=;|$|\n|cascade)",
        rf"\balter{_GAP}table{_GAP}{_NAME}{_GAP}drop\b",
    ),
    SqlClass.EVERY_ROW: (
        rf"\bdelete{_GAP}from{_GAP}{_NAME}",
        rf"\bupdate{_GAP}{_NAME}{_GAP}set{_GAP}",
    ),
    SqlClass.GRANT: (
        rf"\bgrant{_GAP}(?:all|dba|superuser|select|insert|update|delete|execute)\b[^;\n]{{0,200}}{_GAP}to{_GAP}{_NAME}",
        rf"\b(?:create|alter){_GAP}(?:user|role|login){_GAP}{_NAME}",
    ),
    SqlClass.ESCAPE: (
        r"\bxp_cmdshell\b",
        rf"\binto{_GAP}(?:outfile|dumpfile){_GAP}'",
        r"\bload_file[ \t]{0,4}\(",
        rf"\bcopy{_GAP}[^;\n]{{1,200}}\b(?:from|to){_GAP}program\b",
        r"\bpg_read_(?:binary_)?file[ \t]{0,4}\(",
        r"\blo_(?:import|export)[ \t]{0,4}\(",
        rf"\battach{_GAP}database{_GAP}'",
    ),
    SqlClass.INJECTION: (
        rf"'{_MAY}(?:or|and)[ \t]{{1,8}}'?(?P<left>\w{{1,16}})'?{_MAY}={_MAY}'?(?P<right>\w{{1,16}})\b",
        rf"\bunion{_GAP}(?:all{_GAP})?select{_GAP}(?:null|\d{{1,4}}|@@\w{{1,40}})",
        rf"\bselect{_GAP}[\w, *]{{1,200}}\bfrom{_GAP}information_schema\b",
        r"'[ \t]{0,8};[ \t]{0,8}(?:drop|delete|update|insert|shutdown|exec)\b",
        r"\b(?:sleep|benchmark|pg_sleep|waitfor[ \t]{1,8}delay)[ \t]{0,4}[(']{1,2}[ \t]{0,4}\d{1,9}",
    ),
}
_WHERE = re.compile(r"\bwhere\b|\busing\b", re.IGNORECASE)
_STATEMENT = 4_000
"""Characters in which the end of a statement is looked for."""

_CONDITION_TO_COME = Foresight(_STATEMENT, undecided=r"(?is:(?:(?!\b(?:where|using)\b(?=[\s\S]))[^;])*)")


class ShellSpec(msgspec.Struct, frozen=True, tag_field="type", tag="shell", forbid_unknown_fields=True):
    """Finds shell commands that destroy, expose or hand over."""

    classes: Annotated[
        tuple[ShellClass, ...],
        msgspec.Meta(
            min_length=1,
            description="`destroy`: deletes a system, home or disk; `remote-code`: runs what was just "
            "fetched or decoded; `backdoor`: opens a way in; `expose`: reads out or sends away keys and the "
            "environment; `cover`: removes traces, switches protection off.",
        ),
    ] = tuple(ShellClass)

    def detector(self) -> StatementDetector:
        forms = [(one, form) for one in ShellClass if one in self.classes for form in _SHELL_FORMS[one]]
        return StatementDetector("shell", forms, ignorecase=False)


class SqlSpec(msgspec.Struct, frozen=True, tag_field="type", tag="sql", forbid_unknown_fields=True):
    """Finds SQL statements that destroy, expose or hand over."""

    classes: Annotated[
        tuple[SqlClass, ...],
        msgspec.Meta(
            min_length=1,
            description="`destroy`: drops or empties; `every-row`: DELETE or UPDATE without WHERE; `grant`: "
            "rights and users; `escape`: files and commands of the server; `injection`: shapes of an "
            "injected statement.",
        ),
    ] = tuple(SqlClass)

    def detector(self) -> StatementDetector:
        forms = [(one, form) for one in SqlClass if one in self.classes for form in _SQL_FORMS[one]]
        return StatementDetector("sql", forms, ignorecase=True)


class StatementDetector:
    """One pattern of the shared pass for each form."""

    inspects = False

    def __init__(
        self, kind: str, forms: Sequence[tuple[ShellClass | SqlClass, str]], *, ignorecase: bool
    ) -> None:
        self.name = kind
        self._classes = tuple(one for one, _ in forms)
        self.patterns = tuple(
            Pattern(
                id=f"{kind} {one.value}", expression=form, ignorecase=ignorecase, multiline=True, ascii=True
            )
            for one, form in forms
        )
        self.foresight = tuple(
            _CONDITION_TO_COME if one is SqlClass.EVERY_ROW else Foresight(0) for one in self._classes
        )

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        for match in matches:
            one = self._classes[match.pattern]
            sides = [view.text[slice(*span)].casefold() for span in match.groups.values()]
            if len(set(sides)) > 1:  # `or a = b` is a condition, `or 1 = 1` is none
                continue
            if one is SqlClass.EVERY_ROW and _has_where(view.text, match.end):
                continue
            label = f"{self.name}_{one.name}".upper()
            yield view.hit(match.start, match.end, label, why=f"{self.name} {one.value}")

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        return ()


def _has_where(text: str, start: int) -> bool:
    """Whether the statement goes on with a condition before it ends."""
    end = text.find(";", start, start + _STATEMENT)
    return _WHERE.search(text, start, end if end >= 0 else start + _STATEMENT) is not None
