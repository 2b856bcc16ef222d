"""The JSON Schema of policy files, for editors."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from guardrails.model import Action, Severity
from guardrails.policy.language import PolicyFile

_WORDS: dict[str, type[IntEnum]] = {"Action": Action, "Severity": Severity}


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of one policy file."""
    (_, schemas) = msgspec.json.schema_components([PolicyFile], ref_template="#/$defs/{name}")
    for name, kind in _WORDS.items():
        if name in schemas:
            schemas[name] = {"enum": [one.name.lower() for one in kind], "title": name}
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            _drop_numbers(field)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "policy-v1.json",
        **schemas.pop("PolicyFile"),
        "$defs": schemas,
    }


def _drop_numbers(field: dict[str, Any]) -> None:
    """Defaults of ordered enums are numbers in msgspec's schema; the language spells them."""
    if (
        isinstance(field.get("default"), int)
        and not isinstance(field["default"], bool)
        and "type" not in field
    ):
        del field["default"]
