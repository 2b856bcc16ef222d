"""Properties of reading and editing that hold for every body."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.bodies import Format, apply, jsontext, read, resolve
from guardrails.model import Edit, Hook, Place

BODIES: list[tuple[Hook, Any]] = [
    (Hook.REQUEST if name.endswith("request") else Hook.RESPONSE, body)
    for name, body in json.loads(Path(__file__).with_name("bodies.json").read_text()).items()
]


def _names(value: Any) -> Iterator[str]:
    """Every member name and every `type` and `role` of a JSON value."""
    if isinstance(value, dict):
        yield from value
        yield from (value[key] for key in ("type", "role") if isinstance(value.get(key), str))
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _names(item)


FIELDS = sorted({name for _, body in BODIES for name in _names(body)})
TEXT = st.text(st.characters(), max_size=12)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from(FIELDS)
JSON = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=25,
)
JSON_TEXT = st.builds(
    lambda value, indent, escaped: json.dumps(value, indent=indent, ensure_ascii=escaped),
    JSON,
    st.sampled_from([None, 0, 2]),
    st.booleans(),
)


def nodes(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every place of a JSON value, with the keys in their order."""
    yield path, (list(value) if isinstance(value, dict) else len(value) if isinstance(value, list) else value)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from nodes(item, (*path, key))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Any, Hook]:
    """A body of some format, some places of which hold something else."""
    hook, body = draw(st.sampled_from(BODIES))
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, 4))):
        holders = [body, *_containers(body)]
        holder = holders[draw(st.integers(0, len(holders) - 1))]
        junk = draw(JSON | JSON_TEXT)
        if isinstance(holder, dict):
            holder[draw(st.sampled_from([*holder, *FIELDS]) | TEXT)] = junk
        elif holder:
            holder[draw(st.integers(0, len(holder) - 1))] = junk
    return body, hook


def _containers(value: Any) -> Iterator[Any]:
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            yield item
            yield from _containers(item)


@given(JSON, st.sampled_from(Hook), st.none() | st.sampled_from(Format))
def test_reading_never_raises(body: Any, hook: Hook, format: Format | None) -> None:
    """Any JSON is read in any format, and every address found leads to its text."""
    for segment in read(body, hook, format).segments:
        assert segment.text == resolve(body, segment.address)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), st.none() | st.sampled_from(Format))
def test_every_address_leads_to_its_text_and_is_found_once(
    case: tuple[Any, Hook], format: Format | None
) -> None:
    """Addresses of a half-broken body are distinct and resolve to what was read."""
    body, hook = case
    reading = read(body, hook, format)

    assert len(reading.segments) == len({segment.address for segment in reading.segments})
    for segment in reading.segments:
        assert segment.text == resolve(body, segment.address)
    assert body is apply(body, [])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), st.data())
def test_an_edit_changes_its_own_place_only(case: tuple[Any, Hook], data: st.DataObject) -> None:
    """Replacing one text changes that text and no other place, and leaves the old body as it was."""
    body, hook = case
    segments = [s for s in read(body, hook).segments if s.address.place is Place.VALUE]
    if not segments:
        return
    segment = data.draw(st.sampled_from(segments))
    start = data.draw(st.integers(0, len(segment.text)))
    end = data.draw(st.integers(start, len(segment.text)))
    new = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
    before = repr(body)
    made = apply(body, [Edit(segment.address, start, end, new)])
    expected = segment.text[:start] + new + segment.text[end:]

    assert before == repr(body)
    changed = [old[0] for old, now in zip(nodes(body), nodes(made), strict=True) if repr(old) != repr(now)]
    if expected == segment.text:
        assert changed == []
        return
    assert len(changed) == 1
    assert segment.address.pointer == "".join(
        "/" + str(token).replace("~", "~0").replace("/", "~1") for token in changed[0]
    )
    if segment.address.inner is None or not _splits_surrogates(segment.text, start, end):
        assert expected == resolve(made, segment.address)


def _splits_surrogates(text: str, start: int, end: int) -> bool:
    """Whether an edit may bring two halves of a surrogate pair together."""
    return any("\ud800" <= char <= "\udfff" for char in text[max(0, start - 1) : end + 1])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), st.sampled_from(["x", "[long]", ""]))
def test_all_segments_can_be_edited_at_once(case: tuple[Any, Hook], new: str) -> None:
    """A body whose every text and key is replaced can be built, and loses no member."""
    body, hook = case
    reading = read(body, hook)
    made = apply(body, [Edit(s.address, 0, len(s.text), new) for s in reading.segments])
    shapes = [
        [len(item) if isinstance(item, list) else type(item) for _, item in nodes(value) if item is not None]
        for value in (body, made)
    ]

    assert len(shapes[0]) == len(shapes[1])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(BODIES), JSON | JSON_TEXT, st.data())
def test_nothing_added_is_skipped(case: tuple[Hook, Any], junk: Any, data: st.DataObject) -> None:
    """A member that no format knows is reported, and each of its strings is a segment."""
    hook, body = case
    body = copy.deepcopy(body)
    format = read(body, hook).format
    known_shapes = [(path, item) for path, item in _open_records(body)]
    path, holder = data.draw(st.sampled_from(known_shapes))
    holder["field nobody knows"] = junk
    reading = read(body, hook, format)
    at = f"{path}/field nobody knows"
    found = {s.text for s in reading.segments if s.address.pointer.startswith(at)}

    assert all(_is_covered(leaf, found) for leaf in _strings(junk))
    assert any(pointer == at for pointer in reading.unknown) or _ARBITRARY.search(path)


def _strings(value: Any) -> list[str]:
    return [leaf for _, leaf in nodes(value) if isinstance(leaf, str) and leaf]


def _is_covered(leaf: str, found: set[str]) -> bool:
    """Whether a string was read as it is, or as JSON text by the strings inside it."""
    if leaf in found:
        return True
    return jsontext.scan(leaf) is not None and found.issuperset(_strings(json.loads(leaf)))


# Members whose own shape is the caller's: what is added there is read, and there is nothing to report.
_ARBITRARY = re.compile(r"/content/\d+/(toolUse/)?input|/args|/response|/json|/action|/variables")


LEFT_ALONE = frozenset(
    [
        "tools",
        "tool_choice",
        "response_format",
        "metadata",
        "usage",
        "cache_control",
        "logprobs",
        "generationConfig",
        "usageMetadata",
        "inferenceConfig",
        "cachePoint",
        "reasoningContent",
        "image_url",
        "input_audio",
        "source",
        "summary",
        "safetyRatings",
        "reasoning_content",
        "inlineData",
        "output_config",
    ]
)


def _open_records(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The objects of a body that lie in nothing that is left alone by contract."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            if key not in LEFT_ALONE:
                yield from _open_records(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _open_records(item, f"{path}/{index}")


@given(JSON)
def test_json_text_is_scanned_as_the_decoder_reads_it(value: Any) -> None:
    """Every string and number of a JSON text is found, with the text the decoder gives."""
    text = json.dumps(value)
    document = jsontext.scan(text)
    if not isinstance(value, dict | list) or "NaN" in text or "Infinity" in text:
        return
    decoded = json.loads(text)
    expected = sorted(repr(leaf) for _, leaf in nodes(decoded) if isinstance(leaf, str))

    assert document is not None
    found = [literal for literal in document.literals if literal.place is Place.VALUE]
    assert expected == sorted(repr(literal.text) for literal in found if not literal.is_number)
    assert all(text[literal.start : literal.end] == literal.text for literal in found if literal.is_number)


@given(st.text('{}[]:,"\\u0a1-.eE \ntrfalsn', max_size=20))
def test_the_scanner_accepts_what_a_strict_decoder_accepts(text: str) -> None:
    """A text is JSON to the scanner exactly when it is to msgspec, repeated keys apart."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = None
    document = jsontext.scan(text)
    if document is not None:
        assert isinstance(value, dict | list)
    elif isinstance(value, dict | list):
        with pytest.raises(ValueError):
            json.loads(text, object_pairs_hook=_no_repeats)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("repeated key")
    return dict(pairs)
