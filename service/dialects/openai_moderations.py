"""OpenAI's `/v1/moderations`: one result per input.

It can only say yes or no: what the policy would mask is flagged, like what it would deny.
"""

from __future__ import annotations

from functools import partial

from guardrails.engine import Judged
from guardrails.model import Action, Context, Finding, Hook, Kind, Role
from service.dialects.route import Call, Payload, Question, Route, number_of, texts, unjudged
from service.exchange import Ask
from service.openapi import ANY, ANYTHING, BOOLEAN, TEXT, array, described, nullable, record
from service.problems import Problem

CATEGORIES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
LABELS = {
    "HARASSMENT": "harassment",
    "INSULT": "harassment",
    "PROFANITY": "harassment",
    "TOXIC": "harassment",
    "THREAT": "harassment/threatening",
    "HATE": "hate",
    "SELF_HARM": "self-harm",
    "SEXUAL": "sexual",
    "VIOLENCE": "violence",
}
"""Our labels in OpenAI's words. All others (personal data, secrets, words of a list) are `illicit`."""
MODEL = "omni-moderation-latest"


def read(payload: Payload, call: Call, hook: Hook) -> Question:
    """Raises `Problem` 400."""
    given = payload.get("input")
    role = Role.USER if hook is Hook.REQUEST else Role.ASSISTANT
    inputs = _inputs(given)
    owners = [number for number, one in enumerate(inputs) for _ in one]
    spoken = ((role, Kind.TEXT, said) for one in inputs for said in one)
    ask = Ask(hook, Context(tenant=call.tenant, route="moderations"), texts=texts(*spoken))
    model = payload.get("model")
    return Question(
        ask,
        partial(write, owners=owners, count=len(inputs), model=model if isinstance(model, str) else MODEL),
    )


def _inputs(given: object) -> list[list[str]]:
    """The texts of each input; parts of one message are one input."""
    if isinstance(given, str):
        return [[given]]
    if isinstance(given, list) and all(isinstance(one, str) for one in given):
        return [[one] for one in given]
    if isinstance(given, list) and all(isinstance(one, dict) for one in given):
        return [[one["text"] for one in given if isinstance(one.get("text"), str)]]
    raise Problem(400, "Bad member", "`input` must be a text, an array of texts or an array of parts")


def write(judged: Judged, owners: list[int], count: int, model: str) -> dict[str, object]:
    found: list[list[Finding]] = [[] for _ in range(count)]
    for one in judged.decision.findings:
        if one.action is not Action.FLAG:
            found[owners[number_of(one.address.pointer)]].append(one)
    every = unjudged(judged.decision)
    return answer(
        model, [_result({LABELS.get(one.label, "illicit") for one in mine}, every) for mine in found]
    )


def _result(categories: set[str], every: bool) -> dict[str, object]:
    named = {one: every or one in categories for one in CATEGORIES}
    return {
        "flagged": any(named.values()),
        "categories": named,
        "category_scores": {name: 1.0 if flagged else 0.0 for name, flagged in named.items()},
        "category_applied_input_types": {
            name: ["text"] if flagged else [] for name, flagged in named.items()
        },
    }


def answer(model: str, results: list[dict[str, object]]) -> dict[str, object]:
    return {"id": "modr-guardrails", "model": model, "results": results}


def refused(_: Problem, payload: Payload) -> dict[str, object]:
    """As many results as there are inputs, each flagged for everything."""
    given = payload.get("input")
    count = len(given) if isinstance(given, list) else 1
    return answer(MODEL, [_result(set(), True)] * max(1, count))


_OPERATION = described(
    record(["input"], input=ANYTHING, model=nullable(TEXT)),
    {"model": MODEL, "input": "mail ada@example.com now"},
    record(
        ["id", "model", "results"],
        id=TEXT,
        model=TEXT,
        results=array(
            record(
                ["flagged", "categories", "category_scores"],
                flagged=BOOLEAN,
                categories=ANY,
                category_scores=ANY,
                category_applied_input_types=ANY,
            )
        ),
    ),
    answer(MODEL, [_result({"illicit"}, False)]),
)

ROUTES = tuple(
    Route(
        path=path,
        aliases=aliases,
        name="moderations",
        summary=summary,
        read=partial(read, hook=hook),
        refused=refused,
        operation=_OPERATION,
        tag="drop-ins",
    )
    for path, aliases, hook, summary in (
        (
            "/compat/openai/v1/moderations",
            ("/v1/moderations",),
            Hook.REQUEST,
            "OpenAI's moderations, of what users say.",
        ),
        ("/compat/openai/response/v1/moderations", (), Hook.RESPONSE, "The same of what a model says."),
    )
)
