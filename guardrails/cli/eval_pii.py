"""`guardrails eval pii`: precision, recall and speed of personal-data detection on labelled texts."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click
from rich.console import Console
from rich.progress import Progress

from guardrails.cli.common import not_read

if TYPE_CHECKING:
    from guardrails.evaluation.pii import Figures, Find, Ratio, Record

POOLED = "pooled"


class Report(msgspec.Struct, frozen=True):
    """What is printed as JSON. `presidio` and `ratios` are there with `--against presidio` only."""

    entities: tuple[str, ...]
    files: dict[str, Figures]
    presidio: dict[str, Figures] | None = None
    ratios: dict[str, dict[str, Ratio]] | None = None


@click.command(
    epilog='Records are JSON Lines, plain or gzipped: {"text", "spans": [{"start", "end", "type"}], '
    '"labels"}. Example: guardrails eval pii labelled/*.jsonl.gz --entities contact --against presidio.'
)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--entities",
    multiple=True,
    help="Entity, group or glob to look for; may be given several times. Default: `personal` and `URL`.",
)
@click.option("--min-score", type=click.FloatRange(0, 1), help="As in a policy; its default by default.")
@click.option("--language", default="en", show_default=True, help="As in a policy.")
@click.option(
    "--against", type=click.Choice(["presidio"]), help="Run a peer on the same texts in the same run."
)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def pii(
    files: tuple[Path, ...],
    entities: tuple[str, ...],
    min_score: float | None,
    language: str,
    against: str | None,
    output: str,
) -> None:
    """Measure on FILES how well personal data is found and clean text left alone.

    Only the types in a record's `labels` count as false positives there; texts without labels and spans
    are clean, and everything found in them is false. In a text in a language that the model of names does
    not know, names count as missed; the figures say how many such texts there were.
    """
    from guardrails.detectors.base import SpecError
    from guardrails.detectors.pii import chosen
    from guardrails.evaluation import pii as evaluation
    from guardrails.evaluation.records import RecordError, read

    try:
        wanted = chosen(entities or ("personal", "URL"))
        find = evaluation.finder(wanted, min_score, language)
    except SpecError as error:
        raise click.BadParameter(f"{error.message}; {error.help}", param_hint="--entities") from None
    try:
        records = {str(path): list(read(path, evaluation.Record)) for path in files}
    except (RecordError, OSError) as error:
        not_read(error)
    ours = _measure("ours", find, records, wanted)
    report = Report(wanted, ours)
    if against == "presidio":
        try:
            peer = evaluation.presidio(wanted)
        except LookupError as error:
            raise click.ClickException(str(error)) from None
        theirs = _measure("presidio", peer, records, wanted)
        beside = {name: evaluation.ratios(ours[name], theirs[name]) for name in ours}
        report = Report(wanted, ours, theirs, beside)
    if output == "json":
        encoded = msgspec.json.format(msgspec.json.encode(_without_nulls(report)), indent=2)
        click.echo(encoded.decode())
    else:
        _text(report)


def _without_nulls(report: Report) -> dict[str, object]:
    kept = msgspec.structs.asdict(report)
    return {name: value for name, value in kept.items() if value is not None}


def _measure(
    title: str, find: Find, records: dict[str, list[Record]], entities: tuple[str, ...]
) -> dict[str, Figures]:
    """Figures per file, and of all files together."""
    from guardrails.evaluation.pii import Tally, measure

    pooled = Tally(entities)
    figures = {}
    total = sum(len(record.text) for texts in records.values() for record in texts)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=total)

        def watched(texts: list[Record]) -> Iterable[Record]:
            for record in texts:
                yield record
                progress.advance(task, len(record.text))

        for name, texts in records.items():
            tally = Tally(entities)
            measure(find, watched(texts), tally)
            figures[name] = tally.figures()
            pooled.merge(tally)
    if len(records) > 1:
        figures[POOLED] = pooled.figures()
    return figures


_HEADER = (
    f"{'entity':28}{'gold':>6}{'found':>7}{'prec':>7}{'recall':>8}{'f1':>7}{'f2':>7}{'exact':>7}"
    f"{'fp/10k':>9}{'masked':>9}"
)


def _text(report: Report) -> None:
    for name, figures in report.files.items():
        click.echo(
            f"{name}: {figures.texts} texts, {figures.characters} characters, "
            f"{figures.characters / (figures.seconds or 1):,.0f} characters/s"
        )
        if figures.unjudged:
            click.echo(f"  texts that could not be judged: {figures.unjudged}")
        if figures.clean_texts:
            click.echo(f"  texts without labels: {figures.clean_texts}, flagged {figures.clean_flagged:.2%}")
        _table(figures, report.ratios[name] if report.ratios else {})
        if report.presidio:
            peer = report.presidio[name]
            speed = peer.seconds / figures.seconds if figures.seconds else 0.0
            click.echo(
                f"  presidio: {peer.characters / (peer.seconds or 1):,.0f} characters/s; "
                f"ours is {speed:.1f}x as fast"
            )
            _table(peer, {})


def _table(figures: Figures, beside: dict[str, Ratio]) -> None:
    click.echo(f"  {_HEADER}" + (f"{'f1 - peer':>11}{'fp / peer':>11}" if beside else ""))
    for entity, row in figures.entities.items():
        line = (
            f"  {entity:28}{row.gold:6}{row.predicted:7}{row.precision:7.1%}{row.recall:8.1%}{row.f1:7.1%}"
            f"{row.f2:7.1%}{row.exact_f1:7.1%}{row.false_positives_per_10k:9.2f}{row.masked_share:9.3%}"
        )
        if beside:
            ratio = beside[entity]
            false = "-" if ratio.false_positives is None else f"{ratio.false_positives:.3f}"
            line += f"{ratio.f1:+11.1%}{false:>11}"
        click.echo(line)
