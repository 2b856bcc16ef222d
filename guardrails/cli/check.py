"""`guardrails check`: policy files, in an editor, a pre-commit hook or CI."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

import rich_click as click

from guardrails.cli import sarif
from guardrails.cli.common import Exit, cache_folder, shipped_policies
from guardrails.policy.compile import compile_files, read_files
from guardrails.policy.diagnostics import Diagnostic, Level, render
from guardrails.policy.examples import prove
from guardrails.policy.lint import lint


class Output(str, Enum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


@click.command(
    epilog="Example: guardrails check policies --format github. Exit codes: 0 no errors; 1 errors; 2 wrong "
    "command line."
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format", "output", type=click.Choice([one.value for one in Output]), default=Output.TEXT.value
)
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
def check(paths: tuple[Path, ...], output: str, strict: bool) -> None:
    """Check policy files: load, lint, and run every rule's examples.

    PATHS are files and folders that make up one policy set; without any, the shipped policies.
    All mistakes of all files are reported at once.
    """
    compiled = compile_files(read_files(list(paths) or [shipped_policies()]), cache=cache_folder())
    problems = [*compiled.diagnostics, *lint(compiled), *prove(compiled)]
    problems.sort(key=lambda one: (one.file, one.line or 0, one.column or 0, one.code))
    bad = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    failed = any(one.level in bad for one in problems)
    match Output(output):
        case Output.TEXT:
            for one in problems:
                click.echo(render(one) + "\n")
            rules = sum(len(file.policy.rules) for file in compiled.files if file.policy)
            click.echo(_summary(problems, len(compiled.files), rules))
        case Output.JSON:
            click.echo(json.dumps([_record(one) for one in problems], indent=2, ensure_ascii=False))
        case Output.SARIF:
            click.echo(json.dumps(sarif.of_diagnostics(problems), indent=2, ensure_ascii=False))
        case Output.GITHUB:
            for one in problems:
                click.echo(_github(one))
    sys.exit(Exit.FOUND if failed else Exit.OK)


def _summary(problems: Sequence[Diagnostic], files: int, rules: int) -> str:
    errors = sum(one.level is Level.ERROR for one in problems)
    warnings = sum(one.level is Level.WARNING for one in problems)

    def count(number: int, noun: str) -> str:
        return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

    return ", ".join(
        (count(files, "file"), count(rules, "rule"), count(errors, "error"), count(warnings, "warning"))
    )


def _record(one: Diagnostic) -> dict[str, object]:
    return {
        "level": one.level.value,
        "code": one.code,
        "message": one.message,
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "help": one.help,
    }


def _github(one: Diagnostic) -> str:
    """A GitHub Actions workflow command."""

    def escape(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: str) -> str:
        return escape(text).replace(":", "%3A").replace(",", "%2C")

    level = "notice" if one.level is Level.NOTE else one.level.value
    place = f"file={value(one.file)}"
    if one.line is not None:
        place += f",line={one.line},col={one.column or 1}"
    message = f"{one.message} ({one.help})" if one.help else one.message
    return f"::{level} {place},title={value(one.code)}::{escape(message)}"
