"""`type: json_schema`: a text that has to be JSON of a given shape, and is not."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import jsonschema_rs
import msgspec

from guardrails.bodies import jsontext
from guardrails.bodies.pointer import escape
from guardrails.detectors.base import CannotJudge, Deadline, Match, SpecError
from guardrails.model import Hit, Place, Reason, shown
from guardrails.text import View

_OPENING = re.compile(r"```[ \t]{0,8}(?:json)?[ \t]{0,8}\n")


class JsonSchemaSpec(
    msgspec.Struct, frozen=True, tag_field="type", tag="json_schema", forbid_unknown_fields=True
):
    """Finds texts that are no JSON, or do not fit a JSON Schema."""

    schema: Annotated[str | None, msgspec.Meta(description="The schema, as JSON text.")] = None
    file: Annotated[
        str | None, msgspec.Meta(min_length=1, description="A JSON file with the schema, beside the policy.")
    ] = None
    tools: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1)], ...],
        msgspec.Meta(
            description="Judge the arguments of calls of these tools, as a whole, instead of texts."
        ),
    ] = ()
    fence: Annotated[bool, msgspec.Meta(description="The JSON may stand in a fenced block alone.")] = False

    def placed(self, folder: Path) -> JsonSchemaSpec:
        """This block with the path in it taken as relative to `folder`."""
        return self if self.file is None else msgspec.structs.replace(self, file=str(folder / self.file))

    def detector(self) -> JsonSchemaDetector:
        if (self.schema is None) == (self.file is None):
            raise SpecError((), "the schema is given once", "write `schema`, or name a `file`")
        key, text = "schema", self.schema or ""
        if self.file is not None:
            key = "file"
            try:
                text = Path(self.file).read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                raise SpecError(
                    ("file",), "the file cannot be read", "name a file of JSON in UTF-8"
                ) from None
        try:
            schema = json.loads(text)
        except ValueError as error:
            raise SpecError((key,), "the schema is no JSON", str(error)) from None
        try:
            # Nothing is fetched for a reference, and every pattern runs in linear time.
            validator = jsonschema_rs.validator_for(
                schema, offline=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            message = str(error).partition("\n")[0]
            raise SpecError((key,), "this is no JSON Schema that can be used", message) from None
        return JsonSchemaDetector(
            validator, hashlib.sha256(text.encode()).hexdigest(), self.tools, fence=self.fence
        )


class JsonSchemaDetector:
    """Parses the text as it was sent, and names the first place that breaks the schema and its keyword."""

    patterns = ()

    def __init__(self, validator: Any, digest: str, tools: Sequence[str], *, fence: bool) -> None:
        self.name = (
            f"json_schema {digest}"  # the schema may stand in a file: it counts for the policy's digest
        )
        self._validator = validator
        self._fence = fence
        self.calls = bool(tools)
        self.inspects = not tools
        self.foresight = None  # only a whole text fits or does not
        self._tools = frozenset(tools)

    def confirm(self, view: View, matches: Sequence[Match], deadline: Deadline) -> Iterable[Hit]:
        return ()

    def inspect(self, views: Sequence[View], deadline: Deadline) -> Iterable[Hit]:
        if self.inspects:
            yield from self._judge(views[0], deadline)

    def judge_call(self, name: str, arguments: View, deadline: Deadline) -> Iterable[Hit]:
        """Hits in the arguments of a call; no arguments are an empty object."""
        if name not in self._tools:
            return
        if arguments.text.strip():
            yield from self._judge(arguments, deadline)
        else:
            yield from self._broken(arguments, "", 0, {})

    def _judge(self, source: View, deadline: Deadline) -> Iterator[Hit]:
        start, end = self._inside(source.text)
        text = source.text[start:end]
        deadline.check()
        try:
            value = _parsed(text)
        except RecursionError:
            raise CannotJudge(Reason.TOO_DEEP, "nested deeper than can be read") from None
        except ValueError as error:
            why = str(error) if isinstance(error, _NotPlain) else "no JSON"
            yield source.hit(start, end, "NOT_JSON", why=why)
            return
        deadline.check()
        yield from self._broken(source, text, start, value)

    def _inside(self, text: str) -> tuple[int, int]:
        """Where the JSON stands, white space around it left out."""
        start, end = _stripped(text, 0, len(text))
        opening = _OPENING.match(text, start, end) if self._fence else None
        if opening and text.endswith("```", opening.end(), end):
            return _stripped(text, opening.end(), end - 3)
        return start, end

    def _broken(self, source: View, text: str, start: int, value: object) -> Iterator[Hit]:
        try:
            # The first way in which it does not fit: a hostile text has many, and each costs time to tell.
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as broken:
            error = broken
        except ValueError:
            raise CannotJudge(Reason.DETECTOR_ERROR, "the value cannot be validated") from None
        else:
            return
        pointer = "".join(f"/{escape(str(part))}" for part in error.instance_path)
        keyword = next((part for part in reversed(error.schema_path) if isinstance(part, str)), "false")
        scanned = jsontext.scan(text)
        literals = () if scanned is None else scanned.literals
        places = {one.pointer: (one.start, one.end) for one in literals if one.place is Place.VALUE}
        first, last = places.get(pointer, (0, len(text)))
        why = f"{shown(pointer) or 'the whole'} breaks `{keyword}`"
        label = re.sub(r"[^A-Z0-9]+", "_", f"SCHEMA_{keyword.upper()}")
        yield source.hit(start + first, start + last, label, why=why)


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    return start, start + len(inside.strip())


class _NotPlain(ValueError):
    """JSON that parsers read differently."""


def _parsed(text: str) -> object:
    """The value of a JSON text. Raises `ValueError`, or `_NotPlain` where parsers differ on it."""
    return json.loads(text, object_pairs_hook=_members, parse_constant=_constant)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotPlain("an object repeats a name")
    return members


def _constant(_: str) -> NoReturn:
    raise _NotPlain("a number is not finite")
