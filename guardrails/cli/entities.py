"""`guardrails entities`: what `type: pii` can find."""

from __future__ import annotations

import json

import rich_click as click


@click.command()
@click.argument("names", nargs=-1)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def entities(names: tuple[str, ...], output: str) -> None:
    """List the entities of personal data, or those that NAMES (entities, groups, globs) stand for.

    What only Presidio's own recognisers find is listed last.
    """
    from guardrails.catalogue.identifier_kinds import identifiers
    from guardrails.detectors.base import SpecError
    from guardrails.detectors.pii import chosen, groups, own_entities
    from guardrails.detectors.pii import entities as everything

    try:
        wanted = chosen(names) if names else (*own_entities(), *sorted({*everything()} - {*own_entities()}))
    except SpecError as error:
        raise click.BadParameter(f"{error.message}; {error.help}", param_hint="NAMES") from None
    known = identifiers()
    member_of = {
        entity: [name for name, members in groups().items() if entity in members] for entity in wanted
    }
    if output == "json":
        rows = [
            {
                "entity": entity,
                "groups": member_of[entity],
                "title": known[entity].title if entity in known else "",
                "country": known[entity].country if entity in known else None,
                "proof": known[entity].proof if entity in known else "",
                "aliases": list(known[entity].aliases) if entity in known else [],
            }
            for entity in wanted
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    width = max(len(entity) for entity in wanted)
    for entity in wanted:
        title = known[entity].title if entity in known else ""
        narrow = [name for name in member_of[entity] if name not in ("identifiers", "personal")]
        click.echo(f"{entity:{width}}  {', '.join(narrow):16}  {title}".rstrip())
