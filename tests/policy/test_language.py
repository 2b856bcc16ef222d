"""The language's own types, and the way back from a policy to its text."""

import json
from enum import Enum, IntEnum
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.detectors import AnySpec, WordsSpec
from guardrails.masking import AnyMask, PlaceholderMask, ReplaceMask
from guardrails.model import Action, Hook, Kind, Mode, OnError, Role, Severity
from guardrails.policy.decode import fields_of, load_file
from guardrails.policy.language import (
    Escalate,
    Example,
    ExceptionRecord,
    PolicyFile,
    Rule,
    Scope,
)

STRUCTS = [PolicyFile, Rule, Scope, Escalate, Example, ExceptionRecord]


@pytest.mark.parametrize("kind", [*STRUCTS, *get_args(AnySpec), *get_args(AnyMask)])
def test_structs_are_frozen_and_closed(kind: type[msgspec.Struct]) -> None:
    """Everything an author writes becomes a frozen struct that knows all its fields."""
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.forbid_unknown_fields
    assert kind.__doc__


def test_detectors_and_masks_are_told_apart_by_their_tags() -> None:
    """Detectors carry `type`, masks carry `with`, and no two carry the same."""
    for union, field in ((AnySpec, "type"), (AnyMask, "with")):
        kinds = get_args(union)
        assert {one.__struct_config__.tag_field for one in kinds} == {field}
        assert len({one.__struct_config__.tag for one in kinds}) == len(kinds)


def written(value: object) -> Any:
    """What an author would have written for a value: JSON, which YAML contains."""
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        tag = {config.tag_field: config.tag} if config.tag else {}
        fields = {key: getattr(value, name) for key, (name, _, _) in fields_of(type(value)).items()}
        return tag | {key: written(one) for key, one in fields.items() if one is not None}
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [written(one) for one in value]
    return {key: written(one) for key, one in value.items()} if isinstance(value, dict) else value


TEXT = st.text(st.characters(exclude_characters="«»", exclude_categories=["Cs"]), min_size=1, max_size=8)
TEXTS = st.lists(TEXT, min_size=1, max_size=3).map(tuple)
ID = st.from_regex(r"[a-z0-9][a-z0-9-]{0,5}(\.[a-z0-9][a-z0-9-]{0,5}){0,2}", fullmatch=True)


def some(kind: type[Enum]) -> st.SearchStrategy[Any]:
    """A list of an enum's members, or None."""
    return st.none() | st.lists(st.sampled_from(kind), min_size=1, max_size=2).map(tuple)


SCOPE = st.builds(
    Scope,
    hooks=some(Hook),
    roles=some(Role),
    kinds=some(Kind),
    tenants=st.none() | TEXTS,
    routes=st.none() | TEXTS,
    providers=st.none() | TEXTS,
    models=st.none() | TEXTS,
    metadata=st.none()
    | st.dictionaries(TEXT.filter(lambda one: one != "<<"), TEXT | TEXTS, min_size=1, max_size=2),
)
MASKS = st.sampled_from([PlaceholderMask(), ReplaceMask(text="[x]")])
EXAMPLE = st.builds(Example, hit=TEXT.map(lambda one: f"«{one}»"), becomes=st.none() | TEXT) | st.builds(
    Example, miss=TEXT, role=st.none() | st.sampled_from(Role)
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A rule whose mask and escalation go with its action."""
    action = draw(st.sampled_from(Action))
    stricter = [one for one in Action if one > action]
    escalate = None
    if stricter and draw(st.booleans()):
        escalate = Escalate(draw(st.integers(2, 99)), draw(st.sampled_from(stricter)))
    masks = Action.MASK in (action, escalate.action if escalate else None)
    return Rule(
        id=draw(ID),
        title=draw(TEXT),
        severity=draw(st.sampled_from(Severity)),
        detect=WordsSpec(words=draw(TEXTS)),
        action=action,
        mask=draw(MASKS) if masks else None,
        mode=draw(st.none() | st.sampled_from(Mode)),
        escalate=escalate,
        scope=draw(st.none() | SCOPE),
        examples=tuple(draw(st.lists(EXAMPLE, max_size=2))),
    )


POLICY = st.builds(
    PolicyFile,
    version=st.just(1),
    policy=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True),
    rules=st.lists(rules(), min_size=1, max_size=3, unique_by=lambda one: one.id).map(tuple),
    mode=st.sampled_from(Mode),
    on_error=st.sampled_from(OnError),
    scope=st.none() | SCOPE,
    exceptions=st.just(())
    | st.just((ExceptionRecord("E", ("a*",), "r", "o", "2027-03-31", fingerprints=("f",)),)),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(POLICY)
def test_round_trip(policy: PolicyFile) -> None:
    """Every policy that can be written is read back as it was."""
    loaded = load_file(json.dumps(written(policy), indent=1), "p.yaml")

    assert loaded.diagnostics == ()
    assert loaded.policy == policy
