"""The JSON Schema of policy files, for editors.

Made from the same type information as `guardrails.policy.decode`, so that both accept the same files.
What a schema cannot say (equal ids, days of the calendar, patterns) only the check of the files finds.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, get_args, get_origin

import msgspec

from guardrails.policy.decode import bare, fields_of, members, tags, words
from guardrails.policy.language import PolicyFile

_SCALARS: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_ONE_SPAN_OR_MORE = "^[^«»]*(?:«[^«»]+»[^«»]*)+$"
_NO_MARKS = "^[^«»]*$"


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of one policy file."""
    builder = _Builder()
    builder.reference(PolicyFile, None)
    defs = builder.defs
    for name, more in _TOGETHER.items():
        defs[name].update(more)
    defs["Example"]["properties"]["hit"]["pattern"] = _ONE_SPAN_OR_MORE
    defs["Example"]["properties"]["miss"]["pattern"] = _NO_MARKS
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "policy-v1.json",
        **defs.pop("PolicyFile"),
        "$defs": defs,
    }


def _masks(where: str) -> dict[str, Any]:
    own = {"properties": {"action": {"const": "mask"}}, "required": ["action"]}
    return own if where == "rule" else {"properties": {"escalate": own}, "required": ["escalate"]}


def _action(word: str, then: dict[str, Any]) -> dict[str, Any]:
    """What follows from a rule's action."""
    return {"if": {"properties": {"action": {"const": word}}, "required": ["action"]}, "then": then}


# What decides over several fields of a record at once.
_TOGETHER: dict[str, dict[str, Any]] = {
    "Rule": {
        "allOf": [
            {
                "if": {"anyOf": [_masks("rule"), _masks("escalation")]},
                "then": {"required": ["mask"]},
                "else": {"properties": {"mask": False}},
            },
            _action(
                "flag", {"properties": {"escalate": {"properties": {"action": {"not": {"const": "flag"}}}}}}
            ),
            _action("mask", {"properties": {"escalate": {"properties": {"action": {"const": "deny"}}}}}),
            _action("deny", {"properties": {"escalate": False}}),
        ]
    },
    "Restore": {
        "if": {"required": ["tools"]},
        "then": {"properties": {"kinds": {"contains": {"const": "tool_input"}}}},
    },
    "Example": {
        "oneOf": [{"required": ["hit"]}, {"required": ["miss"]}],
        "dependentRequired": {"becomes": ["hit"]},
    },
    "ExceptionRecord": {
        "anyOf": [
            {"required": ["values"], "properties": {"values": {"minItems": 1}}},
            {"required": ["fingerprints"], "properties": {"fingerprints": {"minItems": 1}}},
            {"required": ["pattern"]},
        ]
    },
}


class _Builder:
    def __init__(self) -> None:
        self.defs: dict[str, dict[str, Any]] = {}

    def reference(self, kind: type[msgspec.Struct], tag: str | None) -> dict[str, Any]:
        """A reference to a struct's schema, which is made on first use."""
        name = kind.__name__
        if name not in self.defs:
            self.defs[name] = {}  # breaks the circle of a struct that holds itself
            self.defs[name] = self._struct(kind, tag)
        return {"$ref": f"#/$defs/{name}"}

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of a type, its constraints and description included."""
        kind, metas = bare(kind)
        own = members(kind)
        schema = self._plain(own[0]) if len(own) == 1 else self._union(own)
        for meta in metas:
            schema = {**schema, **_constraints(meta, schema)}
        return schema

    def _plain(self, kind: Any) -> dict[str, Any]:
        if bare(kind)[1]:
            return self.of(kind)
        origin = get_origin(kind) or kind
        args = get_args(kind)
        if origin in (list, tuple, set, frozenset):
            if origin is tuple and args[-1] is not Ellipsis:
                number = len(args)
                entries = [self.of(one) for one in args]
                return {"type": "array", "prefixItems": entries, "minItems": number, "maxItems": number}
            return {"type": "array", "items": self.of(args[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if origin is Literal:
            return {"enum": list(args)}
        if issubclass(kind, msgspec.Struct):
            tagged = isinstance(kind.__struct_config__.tag, str)
            return self.reference(kind, tags([kind])[0] if tagged else None)
        if issubclass(kind, Enum):
            return {"enum": list(words(kind))}
        return {"type": _SCALARS[kind]}

    def _union(self, own: list[Any]) -> dict[str, Any]:
        if all(isinstance(one, type) and issubclass(one, msgspec.Struct) for one in own):
            field, _ = tags(own)
            return {"anyOf": [self.reference(one, field) for one in own]}
        return {"anyOf": [self.of(one) for one in own]}

    def _struct(self, kind: type[msgspec.Struct], tag: str | None) -> dict[str, Any]:
        fields = fields_of(kind)
        defaults = {one.encode_name: one.default for one in msgspec.structs.fields(kind)}
        properties: dict[str, Any] = {}
        required = [key for key, (_, needed, _) in fields.items() if needed]
        if tag is not None:
            properties[tag] = {"const": kind.__struct_config__.tag}
            required.insert(0, tag)
        for key, (_, _, own) in fields.items():
            properties[key] = self.of(own) | _default(defaults[key])
        return {
            "title": kind.__name__,
            "description": " ".join((kind.__doc__ or "").split()),
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }


def _default(value: Any) -> dict[str, Any]:
    """The default of a field as an author would write it; nothing where there is none to show."""
    if isinstance(value, Enum):
        return {"default": next(word for word, one in words(type(value)).items() if one is value)}
    if isinstance(value, str | int | float) and value != "":
        return {"default": value}
    if isinstance(value, tuple) and value and all(isinstance(one, str) for one in value):
        return {"default": [_default(one).get("default", one) for one in value]}
    return {}


def _constraints(meta: msgspec.Meta, schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    length = {"string": "Length", "array": "Items", "object": "Properties"}.get(str(kind), "Length")
    found = {
        "minimum": meta.ge,
        "exclusiveMinimum": meta.gt,
        "maximum": meta.le,
        "exclusiveMaximum": meta.lt,
        "pattern": meta.pattern,
        f"min{length}": meta.min_length,
        f"max{length}": meta.max_length,
        "description": meta.description,
    }
    return {key: value for key, value in found.items() if value is not None}
