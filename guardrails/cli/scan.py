"""`guardrails scan`: prompts, logs and source trees, offline."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TextIO

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import track

from guardrails.cli import baseline, git, sarif
from guardrails.cli.common import Exit, load_or_exit, policies_option
from guardrails.cli.lines import Lines
from guardrails.detectors.base import Deadline
from guardrails.engine import Decision, Engine
from guardrails.masking import Keys
from guardrails.model import Address, Context, Finding, Hook, Kind, Role, Segment, Severity

SECONDS_PER_MEGABYTE = 60.0
_SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "__pycache__"})
_PROGRESS_FROM = 20
_STDIN = "-"


class Output(str, Enum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    SARIF = "sarif"


class Input(str, Enum):
    """What a file holds."""

    AUTO = "auto"
    TEXT = "text"
    JSONL = "jsonl"
    BODY = "body"


class Item(msgspec.Struct, frozen=True):
    """One thing to judge: a text, or a JSON body that stood on `line` of a file.

    `changed` limits what is reported to the lines that are new in the file.
    """

    name: str
    text: str
    body: object = msgspec.UNSET
    line: int | None = None
    changed: git.Changed | None = None


class Unread(msgspec.Struct, frozen=True):
    """A file, or a line of one, that could not be looked at."""

    name: str
    why: str
    line: int | None = None


class Scanned(msgspec.Struct, frozen=True):
    """An item and what was decided about it."""

    item: Item
    decision: Decision
    texts: dict[Address, str]

    def value(self, finding: Finding) -> str:
        """What was found. For hashing, never for output."""
        return self.texts[finding.address][finding.start : finding.end]


@click.command(
    epilog="Examples: guardrails scan prompts.jsonl --format jsonl; "
    "guardrails scan --staged; guardrails scan --since origin/main src; guardrails scan src --fail-on high. "
    "Exit codes: 0 nothing at or above --fail-on; 1 findings; 2 wrong command line; 3 something could not "
    "be looked at; 4 the policies do not load."
)
@click.argument("files", nargs=-1, type=click.Path(path_type=str))
@policies_option
@click.option(
    "--as",
    "input_",
    type=click.Choice([one.value for one in Input]),
    default=Input.AUTO.value,
    help="What the files hold. `jsonl`: a text or a gateway body a line; `body`: one gateway body. "
    "`auto` goes by the ending: `.jsonl` and `.ndjson`, all else is text.",
)
@click.option("--hook", type=click.Choice([one.value for one in Hook]), default=Hook.REQUEST.value)
@click.option(
    "--role",
    type=click.Choice([one.value for one in Role]),
    default=Role.USER.value,
    help="Who speaks a plain text.",
)
@click.option(
    "--kind",
    type=click.Choice([one.value for one in Kind]),
    default=Kind.TEXT.value,
    help="What a plain text is; `tool_output` for what an agent would read.",
)
@click.option("--tenant", default="default", show_default=True)
@click.option(
    "--format", "output", type=click.Choice([one.value for one in Output]), default=Output.TEXT.value
)
@click.option(
    "--fail-on",
    type=click.Choice([*(one.word for one in Severity), "never"]),
    default="info",
    show_default=True,
    help="Exit with 1 from this severity on.",
)
@click.option("--staged", is_flag=True, help="Scan what the next git commit adds, in FILES or anywhere.")
@click.option("--since", metavar="REV", help="Scan what was added to the working tree since a git revision.")
@click.option(
    "--baseline",
    "baseline_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Leave out findings that this file knows.",
)
@click.option(
    "--write-baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the findings to this file as known, and exit with 0.",
)
@click.option(
    "--explain", is_flag=True, help="Say what led to each finding: pattern, proof, context word, score."
)
@click.option("--show-values", is_flag=True, help="Show what was found; at a terminal only.")
def scan(
    files: tuple[str, ...],
    policies: tuple[Path, ...],
    input_: str,
    hook: str,
    role: str,
    kind: str,
    tenant: str,
    output: str,
    fail_on: str,
    staged: bool,
    since: str | None,
    baseline_file: Path | None,
    write_baseline: Path | None,
    explain: bool,
    show_values: bool,
) -> None:
    """Scan FILES (`-` for standard input) and say where a policy would act.

    Folders are walked; binary files are left out and counted. Values are hidden.
    """
    if staged and since is not None:
        raise click.UsageError("--staged and --since exclude each other")
    if not files and not staged and since is None:
        raise click.UsageError("name FILES, `-` for standard input, or use --staged or --since")
    try:
        known = baseline.load(baseline_file) if baseline_file else None
    except baseline.BaselineError as error:
        raise click.UsageError(str(error)) from None
    if show_values and not sys.stdout.isatty():
        raise click.UsageError("--show-values is for a terminal; the output goes elsewhere")
    if explain and Output(output) is not Output.TEXT:
        raise click.UsageError("--explain is for --format text; json and jsonl always have `why`")
    engine = Engine(load_or_exit(policies), Keys(_secret()))
    run = _Run(engine, Hook(hook), Role(role), Kind(kind), tenant)
    if staged or since is not None:
        changes = git.staged(files) if since is None else git.since(since, files)
        items = _changes(changes, Input(input_), run.unread)
    else:
        items = _progress(list(_files(files)), Input(input_), run.unread)
    for item in items:
        run.judge(item)
    if known is not None:
        count = run.leave_out(known)
        click.echo(f"{count} known finding{'s' * (count != 1)} left out", err=True)
    if write_baseline is not None:
        _write_baseline(run, write_baseline, known)
    writers: dict[Output, Callable[[_Run, TextIO, bool], None]] = {
        Output.TEXT: partial(_text, explain=explain),
        Output.JSON: _json,
        Output.JSONL: _jsonl,
        Output.SARIF: _sarif,
    }
    writers[Output(output)](run, sys.stdout, show_values)
    for unread in run.unread:
        where = unread.name if unread.line is None else f"{unread.name}:{unread.line}"
        click.echo(f"not judged: {where}: {unread.why}", err=True)
    sys.exit(run.exit(fail_on))


class _Run:
    def __init__(self, engine: Engine, hook: Hook, role: Role, kind: Kind, tenant: str) -> None:
        self._engine = engine
        self._hook = hook
        self._role = role
        self._kind = kind
        self._context = Context(tenant=tenant)
        self._today = dt.datetime.now(dt.UTC).date()
        self.scanned: list[Scanned] = []
        self.unread: list[Unread] = []
        self.texts = 0

    @property
    def titles(self) -> dict[str, str]:
        return {rule.id: rule.title for rule in self._engine.policies.rules}

    def judge(self, item: Item) -> None:
        self.texts += 1
        deadline = Deadline.after(SECONDS_PER_MEGABYTE * (1 + len(item.text) / 1_000_000))
        segments = self._segments(item)
        decision = self._engine.judge(
            segments, self._hook, self._context, deadline=deadline, today=self._today
        )
        self.unread += [
            Unread(item.name, f"{one.reason.value} {one.detail}".strip(), item.line)
            for one in decision.unjudged
        ]
        texts = {segment.address: segment.text for segment in segments}
        if item.changed is not None:
            decision = _only_new(decision, item, texts)
        if decision.findings or decision.shadow or decision.excused:
            self.scanned.append(Scanned(item, decision, texts))

    def leave_out(self, known: baseline.Baseline) -> int:
        """Drops the findings that a baseline holds; how many there were."""
        before = sum(len(one.decision.findings) for one in self.scanned)
        held = frozenset(known.findings)
        for place, scanned in enumerate(self.scanned):
            kept = [
                one
                for one in scanned.decision.findings
                if known.known(scanned.item.name, one.rule, scanned.value(one)) not in held
            ]
            decision = msgspec.structs.replace(scanned.decision, findings=tuple(kept))
            self.scanned[place] = msgspec.structs.replace(scanned, decision=decision)
        return before - sum(len(one.decision.findings) for one in self.scanned)

    def _segments(self, item: Item) -> list[Segment]:
        if item.body is msgspec.UNSET:
            return [Segment(Address(""), self._role, self._kind, item.text)]
        from guardrails import bodies

        reading = bodies.read(item.body, self._hook)
        self.unread += [
            Unread(item.name, f"{one.reason.value} {one.detail}".strip(), item.line)
            for one in reading.unjudged
        ]
        return list(reading.segments)

    def exit(self, fail_on: str) -> Exit:
        if fail_on != "never":
            least = Severity[fail_on.upper()]
            if any(one.severity >= least for scanned in self.scanned for one in scanned.decision.findings):
                return Exit.FOUND
        return Exit.UNJUDGED if self.unread else Exit.OK


def _only_new(decision: Decision, item: Item, texts: dict[Address, str]) -> Decision:
    """The decision with those findings that stand on a new line of the file."""
    changed = item.changed
    assert changed is not None

    def new(finding: Finding) -> bool:
        if item.line is not None:
            return changed.holds(item.line, item.line)
        lines = Lines(texts[finding.address])
        last = max(finding.start, finding.end - 1)
        return changed.holds(lines.place(finding.start)[0], lines.place(last)[0])

    return msgspec.structs.replace(
        decision,
        findings=tuple(one for one in decision.findings if new(one)),
        shadow=tuple(one for one in decision.shadow if new(one)),
        excused=tuple(one for one in decision.excused if new(one)),
    )


def _write_baseline(run: _Run, path: Path, known: baseline.Baseline | None) -> None:
    """Writes what is known already and what was found now. Exits: with 3 when something was not looked at."""
    base = known or baseline.new()
    found = [
        base.known(scanned.item.name, one.rule, scanned.value(one))
        for scanned in run.scanned
        for one in scanned.decision.findings
    ]
    try:
        count = baseline.save(path, base, [*base.findings, *found])
    except OSError as error:
        raise click.UsageError(f"{path}: {(error.strerror or 'cannot be written').lower()}") from None
    click.echo(f"{count} finding{'s' * (count != 1)} written to {path}", err=True)
    for unread in run.unread:
        click.echo(f"not judged: {unread.name}: {unread.why}", err=True)
    sys.exit(Exit.UNJUDGED if run.unread else Exit.OK)


def _secret() -> bytes:
    # Fingerprints can be compared from run to run, and with the service's, under the service's secret.
    given = os.environ.get("GUARDRAILS_SECRET", "").encode()
    return given if len(given) >= 32 else secrets.token_bytes(32)


def _files(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        path = Path(name)
        if name != _STDIN and path.is_dir():
            for folder, folders, inside in os.walk(path):
                folders[:] = sorted(one for one in folders if one not in _SKIPPED_FOLDERS)
                yield from (str(Path(folder) / one) for one in sorted(inside))
        else:
            yield name


def _progress(names: list[str], input_: Input, unread: list[Unread]) -> Iterator[Item]:
    binary = 0
    shown = len(names) >= _PROGRESS_FROM and sys.stderr.isatty()
    for name in track(names, "scanning", transient=True, disable=not shown, console=_stderr()):
        try:
            data = sys.stdin.buffer.read() if name == _STDIN else Path(name).read_bytes()
        except OSError as error:
            unread.append(Unread(name, (error.strerror or "cannot be read").lower()))
            continue
        if b"\0" in data[:8192] and input_ is Input.AUTO and name != _STDIN:
            binary += 1
            continue
        yield from _items(name, data, input_, unread)
    if binary:
        click.echo(f"{binary} binary file{'s' * (binary != 1)} left out", err=True)


def _changes(changes: Iterable[git.Changed], input_: Input, unread: list[Unread]) -> Iterator[Item]:
    for changed in changes:
        if b"\0" not in changed.data[:8192] or input_ is not Input.AUTO:
            for item in _items(changed.name, changed.data, input_, unread):
                yield msgspec.structs.replace(item, changed=changed)


def _stderr() -> Console:
    return Console(stderr=True)


def _items(name: str, data: bytes, input_: Input, unread: list[Unread]) -> Iterator[Item]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # every byte is a character: nothing is passed over
    if input_ is Input.JSONL or (input_ is Input.AUTO and name.endswith((".jsonl", ".ndjson"))):
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield from _body(name, line, number, unread)
    elif input_ is Input.BODY:
        yield from _body(name, text, None, unread)
    else:
        yield Item(name, text)


def _body(name: str, text: str, line: int | None, unread: list[Unread]) -> Iterator[Item]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        unread.append(Unread(name, "is not JSON", line))
        return
    if isinstance(body, str):
        yield Item(name, body, line=line)
    else:
        yield Item(name, text, body, line)


def _places(scanned: Scanned) -> Iterator[tuple[Finding, Lines, int, int]]:
    """Findings of one item with the lines of their text, and line and column from 1."""
    lines = {address: Lines(text) for address, text in scanned.texts.items()}
    for finding in sorted(
        (*scanned.decision.findings, *scanned.decision.shadow),
        key=lambda one: (one.address, one.start, one.end, one.rule),
    ):
        of = lines[finding.address]
        line, column = of.place(finding.start)
        yield finding, of, line, column


def _where(scanned: Scanned, finding: Finding, line: int, column: int) -> str:
    item = scanned.item
    at = "" if item.line is None else f":{item.line}"
    pointer = str(finding.address)
    return f"{item.name}{at} {pointer}:{line}:{column}" if pointer else f"{item.name}{at}:{line}:{column}"


def _text(run: _Run, out: TextIO, show_values: bool, *, explain: bool = False) -> None:
    count = 0
    for scanned in run.scanned:
        spans: dict[Address, list[tuple[int, int]]] = {}
        for one in (*scanned.decision.findings, *scanned.decision.shadow, *scanned.decision.excused):
            spans.setdefault(one.address, []).append((one.start, one.end))
        for finding, lines, line, column in _places(scanned):
            count += not finding.shadow
            mode = " (shadow)" if finding.shadow else ""
            where = _where(scanned, finding, line, column)
            out.write(
                f"{where}: {finding.severity.word} {finding.rule} {finding.label} "
                f"-> {finding.action.word}{mode}\n"
            )
            hidden = [] if show_values else spans[finding.address]
            out.write(lines.excerpt(finding.start, finding.end, hidden))
            if explain:
                view = "" if finding.view == "source" else f", seen {finding.view}"
                out.write(f"  = why: {finding.why or 'pattern'}; score {finding.score:.2f}{view}\n")
    noun = "text" if run.texts == 1 else "texts"
    found = "1 finding" if count == 1 else f"{count} findings"
    out.write(f"{run.texts} {noun}, {found}\n")


def _record(scanned: Scanned, finding: Finding, line: int, column: int) -> dict[str, object]:
    return {
        "file": scanned.item.name,
        "record": scanned.item.line,
        "pointer": str(finding.address),
        "line": line,
        "column": column,
        "start": finding.start,
        "end": finding.end,
        "rule": finding.rule,
        "severity": finding.severity.word,
        "action": finding.action.word,
        "label": finding.label,
        "score": finding.score,
        "view": finding.view,
        "why": finding.why,
        "fingerprint": finding.fingerprint,
        "shadow": finding.shadow,
    }


def _records(run: _Run) -> Iterator[dict[str, object]]:
    for scanned in run.scanned:
        for finding, _, line, column in _places(scanned):
            yield _record(scanned, finding, line, column)


def _json(run: _Run, out: TextIO, _: bool) -> None:
    report = {
        "texts": run.texts,
        "findings": list(_records(run)),
        "unjudged": [{"file": one.name, "record": one.line, "why": one.why} for one in run.unread],
    }
    out.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")


def _jsonl(run: _Run, out: TextIO, _: bool) -> None:
    for record in _records(run):
        out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _sarif(run: _Run, out: TextIO, _: bool) -> None:
    titles = run.titles
    results = []
    for scanned in run.scanned:
        for finding, lines, line, column in _places(scanned):
            end_line, end_column = lines.place(finding.end)
            if scanned.item.line is not None:  # a place inside a record is no place in the file
                line, column, end_line, end_column = scanned.item.line, 1, scanned.item.line, 1
            results.append(
                sarif.Result(
                    rule=finding.rule,
                    level=sarif.level_of(finding.severity),
                    message=f"{titles[finding.rule]} ({finding.label})",
                    file=scanned.item.name,
                    line=line,
                    column=column,
                    end_line=end_line,
                    end_column=end_column,
                    fingerprint=finding.fingerprint,
                )
            )
    out.write(json.dumps(sarif.log(results, titles), indent=2, ensure_ascii=False) + "\n")
