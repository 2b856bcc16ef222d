"""`guardrails eval secrets`: recall, false positives and speed on labelled texts, beside peers."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import rich_click as click

from guardrails.cli.common import Exit, cache_folder, not_read
from guardrails.evaluation.peers import NAMES as PEERS
from guardrails.evaluation.secrets import Result

Severity = Literal["low", "medium", "high", "critical"]


def _peers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise click.BadParameter(f"no peer is called `{unknown[0]}`; there are {', '.join(PEERS)}")
    return names


@click.command(
    name="secrets",
    epilog="A record is a line of JSON: {text, secrets: [{start, end, kind, filler}], source, label, cls, "
    "strength}; files may be gzipped. Exit codes: 0 measured; 2 wrong command line; 3 some data could "
    "not be read or looked at.",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
@click.option("--kinds", default="*", show_default=True, help="Kinds to look for: ids or globs, with commas.")
@click.option("--except", "except_", default="", help="Kinds to leave out: ids or globs, with commas.")
@click.option("--min-score", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option(
    "--min-severity",
    type=click.Choice(["low", "medium", "high", "critical"]),
    default="low",
    show_default=True,
    help="Leave out kinds below it; the shipped policy has `high`.",
)
@click.option(
    "--against", callback=_peers, help=f"Peers to run on the same texts, with commas: {', '.join(PEERS)}."
)
def secrets(
    files: tuple[Path, ...],
    output: str,
    kinds: str,
    except_: str,
    min_score: float,
    min_severity: Severity,
    against: tuple[str, ...],
) -> None:
    """Measure how well secrets are found in the labelled FILES."""
    from guardrails.detectors.alone import Alone
    from guardrails.detectors.base import Deadline, SpecError
    from guardrails.detectors.secret import SecretSpec
    from guardrails.evaluation import peers
    from guardrails.evaluation.records import RecordError, read
    from guardrails.evaluation.secrets import Found, Record, find, joined, measure

    try:
        spec = SecretSpec(_globs(kinds), _globs(except_), min_score, min_severity)
        finder = Alone(spec.detector(), cache_folder())
    except SpecError as error:
        raise click.UsageError(f"{error.message}; {error.help}") from None
    try:
        data = {str(file): list(read(file, Record)) for file in files}
    except (RecordError, OSError) as error:
        not_read(error)
    finder.hits("the first text waits for expressions", Deadline.after(60))

    def figures(found: Mapping[str, Found]) -> Figures:
        parts = [(data[name], found[name]) for name in data]
        return Figures(
            files={name: measure(data[name], found[name]) for name in data}, all=measure(*joined(parts))
        )

    own = {name: find(records, finder) for name, records in data.items()}
    report = Report(figures(own))
    for peer in against:
        found = {}
        for name, records in data.items():
            run = peers.run(peer, [record.text for record in records], _which)
            if run.missing is not None:
                report.missing[peer] = run.missing
                break
            report.versions[peer] = run.version
            spans = tuple(tuple((span, peer) for span in some) for some in run.spans)
            found[name] = Found(spans, run.seconds)
        else:
            report.against[peer] = figures(found)
    click.echo(_json(report) if output == "json" else _text(report))
    if any(one.unjudged for one in own.values()):
        sys.exit(Exit.UNJUDGED)


class Figures(msgspec.Struct, frozen=True):
    """The results of one scanner: by file, and of all files as one."""

    files: dict[str, Result]
    all: Result


class Report(msgspec.Struct):
    """Our own figures, those of peers, and why a peer has none."""

    own: Figures
    against: dict[str, Figures] = {}
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}


def _json(report: Report) -> str:
    peers = {
        name: {"version": report.versions[name], **msgspec.to_builtins(figures)}
        for name, figures in report.against.items()
    }
    missing = {name: {"missing": why} for name, why in report.missing.items()}
    plain = msgspec.to_builtins(report.own)
    if peers or missing:
        plain["against"] = peers | missing
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()


_COLUMNS = (
    "records",
    "secrets",
    "any",
    "full span",
    "precision",
    "false pos.",
    "hard neg.",
    "per MB",
    "MB/s",
)


def _text(report: Report) -> str:
    rows: list[tuple[str, ...]] = [("", *_COLUMNS)]
    for name, result in _named(report.own):
        rows.append((name, *_row(result)))
    for peer, figures in report.against.items():
        rows.append(("", *[""] * len(_COLUMNS)))
        rows += [(f"{peer}: {name}", *_row(result)) for name, result in _named(figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    lines += [f"{peer}: missing, {why}" for peer, why in report.missing.items()]
    worst = [(kind, one) for kind, one in report.own.all.kinds.items() if one.recall_full_span < 1]
    if worst:
        lines.append("\nkinds not always found whole (secrets, any, full span):")
        lines += [
            f"  {kind}  {one.secrets}  {one.recall_any:.2f}  {one.recall_full_span:.2f}"
            for kind, one in sorted(worst, key=lambda pair: (pair[1].recall_full_span, pair[0]))
        ]
    if report.own.all.false_positive_labels:
        lines.append("\nfalse positives by kind:")
        lines += [f"  {label}  {count}" for label, count in report.own.all.false_positive_labels.items()]
    return "\n".join(line.rstrip() for line in lines)


def _named(figures: Figures) -> list[tuple[str, Result]]:
    files = [(Path(name).name, result) for name, result in figures.files.items()]
    return files if len(files) == 1 else [*files, ("all", figures.all)]


def _row(result: Result) -> tuple[str, ...]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    return (
        str(result.records),
        str(result.secrets),
        share(result.recall_any),
        share(result.recall_full_span),
        share(result.precision),
        str(result.false_positives),
        f"{result.hard_negatives_flagged}/{result.hard_negatives}",
        "-" if result.findings_per_mb is None else f"{result.findings_per_mb:.2f}",
        f"{result.mb_per_s:.1f}",
    )


def _globs(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _which(name: str) -> str | None:
    """A program beside this interpreter, or else on the search path."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(name, path=os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]))
