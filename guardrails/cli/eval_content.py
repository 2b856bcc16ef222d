"""`guardrails eval content`: how well content rules tell harmful texts from harmless ones, at what cost."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

from guardrails.cli.common import Exit, not_read

if TYPE_CHECKING:
    from guardrails.evaluation.content import Figures

_COLUMNS = (
    "n",
    "positives",
    "auc",
    "auprc",
    "recall_at_1pct",
    "recall_at_01pct",
    "flagged_share",
    "found_share",
    "ms_per_1k_chars",
)


@click.command(
    epilog="A record is a line of JSON: {text, label, source, category, channel}; files may be gzipped. "
    "`channel` is `user` (default) or `tool`. Example: guardrails eval content attacks.jsonl.gz "
    "--harmless chat.jsonl.gz"
)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--harmless",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the thresholds from the harmless texts of this file; may be given several times. "
    "Default: from those of FILES.",
)
@click.option(
    "--flag-at",
    type=click.FloatRange(0, 1),
    default=0.99,
    show_default=True,
    help="The score from which on a text counts as flagged, as `min_score` in a policy.",
)
@click.option(
    "--type",
    "kind",
    type=click.Choice(["injection", "toxicity", "harm"]),
    default="injection",
    show_default=True,
    help="The detector type to measure: what label 1 stands for in FILES.",
)
@click.option(
    "--detect",
    metavar="BLOCK",
    help="Measure this `detect` block of a rule instead, in YAML, on records {text, labels, source}: which "
    "texts get which labels. Example: --detect '{type: code}'",
)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def content(
    files: tuple[Path, ...],
    harmless: tuple[Path, ...],
    flag_at: float,
    kind: str,
    detect: str | None,
    output: str,
) -> None:
    """Measure on FILES how well a content rule finds what it looks for and leaves harmless texts alone."""
    if detect is not None:
        _labels(files, detect, output)
        return
    from guardrails.detectors.base import CannotJudge
    from guardrails.evaluation.content import Kind, Record, measure, scorer
    from guardrails.evaluation.records import RecordError, read

    try:
        labelled = [record for file in files for record in read(file, Record)]
        others = [record for file in harmless for record in read(file, Record) if record.label == 0]
    except (RecordError, OSError) as error:
        not_read(error)
    score = scorer(Kind(kind))
    try:
        figures = measure([score(one) for one in labelled], flag_at, [score(one) for one in others])
    except CannotJudge as error:
        click.echo(f"not judged: {error}", err=True)
        sys.exit(Exit.UNJUDGED)
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(figures), indent=2).decode())
    else:
        click.echo(_text(figures))
    if figures.get("*", {}) and figures["*"]["*"].unjudged:
        click.echo(f"not judged: {figures['*']['*'].unjudged} texts", err=True)
        sys.exit(Exit.UNJUDGED)


def _labels(files: tuple[Path, ...], block: str, output: str) -> None:
    """Precision, recall and F1 of a `detect` block."""
    from guardrails.detectors import AnySpec, SpecError
    from guardrails.evaluation.labels import Labelled, measure
    from guardrails.evaluation.records import RecordError, read
    from guardrails.policy.decode import decode
    from guardrails.policy.diagnostics import render
    from guardrails.policy.source import Source, parse

    node, problems = parse(block, "--detect")
    spec: AnySpec | None = None
    if node is not None and not problems:
        any_spec: Any = AnySpec  # a union: no type of a value
        spec, problems = decode(node, any_spec, "--detect", Source.of(block, "--detect").lines)
    if spec is None:
        raise click.UsageError("\n".join(render(one) for one in problems) or "`--detect` is empty")
    try:
        report = measure(spec, (record for file in files for record in read(file, Labelled)))
    except SpecError as error:
        raise click.UsageError(f"--detect: {error.message}; {error.help}") from None
    except (RecordError, OSError) as error:
        not_read(error)
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        columns = ("texts", "found", "wrong", "precision", "recall", "f1")
        rows: list[tuple[str, ...]] = [("", *columns)]
        for label, row in report.labels.items():
            values = (getattr(row, column) for column in columns)
            rows.append((label, *("-" if value is None else str(value) for value in values)))
        click.echo(_table(rows))
        click.echo(
            f"macro F1 {report.macro_f1}; {report.flagged} of {report.harmless} harmless texts flagged; "
            f"{report.ms_per_1k_chars} ms per 1,000 characters"
        )
    if report.unjudged:
        click.echo(f"not judged: {report.unjudged} texts", err=True)
        sys.exit(Exit.UNJUDGED)


def _text(figures: dict[str, dict[str, Figures]]) -> str:
    rows: list[tuple[str, ...]] = [("", *_COLUMNS)]
    for source, categories in figures.items():
        for category, one in categories.items():
            if category == "*" or len(categories) > 2:
                name = source if category == "*" else f"  {category}"
                values = (getattr(one, column) for column in _COLUMNS)
                rows.append((name, *("-" if value is None else str(value) for value in values)))
    return _table(rows)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    )
