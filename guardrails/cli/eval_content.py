"""`guardrails eval content`: how well attacks are told from harmless texts, and at what cost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def content(files: tuple[Path, ...], harmless: tuple[Path, ...], flag_at: float, output: str) -> None:
    """Measure on FILES how well attacks on a model are found and harmless texts left alone."""
    from guardrails.detectors.base import CannotJudge
    from guardrails.evaluation.content import Record, measure, scorer
    from guardrails.evaluation.records import RecordError, read

    try:
        labelled = [record for file in files for record in read(file, Record)]
        others = [record for file in harmless for record in read(file, Record) if record.label == 0]
    except (RecordError, OSError) as error:
        not_read(error)
    score = scorer()
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


def _text(figures: dict[str, dict[str, Figures]]) -> str:
    rows: list[tuple[str, ...]] = [("", *_COLUMNS)]
    for source, categories in figures.items():
        for category, one in categories.items():
            if category == "*" or len(categories) > 2:
                name = source if category == "*" else f"  {category}"
                values = (getattr(one, column) for column in _COLUMNS)
                rows.append((name, *("-" if value is None else str(value) for value in values)))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    )
