"""Azure AI Content Safety: `text:analyze` and `text:shieldPrompt`.

It can only say how severe: what the policy would mask or deny is of the highest severity, like what was not
judged.
"""

from __future__ import annotations

from functools import partial

from guardrails.engine import Decision, Judged
from guardrails.model import Action, Context, Hook, Kind, Role
from service.dialects.route import Call, Payload, Question, Route, member, number_of, texts, unjudged
from service.exchange import Ask
from service.openapi import ANY, BOOLEAN, TEXT, TEXTS, array, described, record
from service.problems import Problem

CATEGORIES = ("Hate", "SelfHarm", "Sexual", "Violence")
LABELS = {
    "HATE": "Hate",
    "HARASSMENT": "Hate",
    "INSULT": "Hate",
    "PROFANITY": "Hate",
    "TOXIC": "Hate",
    "SELF_HARM": "SelfHarm",
    "SEXUAL": "Sexual",
    "VIOLENCE": "Violence",
    "THREAT": "Violence",
}
"""Our labels in Azure's words. Any other is in all categories: callers compare severities one by one."""
SEVERE = 6
BLOCKLIST = "guardrails"


def analyze(payload: Payload, call: Call, hook: Hook) -> Question:
    """Raises `Problem` 400."""
    wanted = payload.get("categories")
    if wanted is not None and not (isinstance(wanted, list) and all(one in CATEGORIES for one in wanted)):
        raise Problem(400, "Bad member", f"`categories` may hold {', '.join(CATEGORIES)}")
    role = Role.USER if hook is Hook.REQUEST else Role.ASSISTANT
    spoken = (role, Kind.TEXT, member(payload, "text"))
    ask = Ask(hook, Context(tenant=call.tenant, route="azure"), texts=texts(spoken))
    return Question(ask, partial(analysed, wanted=[str(one) for one in wanted or CATEGORIES]))


def analysed(judged: Judged, wanted: list[str]) -> dict[str, object]:
    decision = judged.decision
    acting = [one for one in decision.findings if one.action is not Action.FLAG]
    severe = {name for one in acting for name in ([LABELS[one.label]] if one.label in LABELS else CATEGORIES)}
    if unjudged(decision):
        severe = set(CATEGORIES)
    rules = {one.rule for one in acting} | {f"unjudged {one.reason.value}" for one in decision.unjudged}
    return _analysis(wanted, severe, sorted(rules) if severe else [])


def _analysis(wanted: list[str], severe: set[str], rules: list[str]) -> dict[str, object]:
    return {
        "blocklistsMatch": [
            {"blocklistName": BLOCKLIST, "blocklistItemId": one, "blocklistItemText": ""} for one in rules
        ],
        "categoriesAnalysis": [
            {"category": one, "severity": SEVERE if one in severe else 0} for one in wanted
        ],
    }


def not_analysed(_: Problem, __: Payload) -> dict[str, object]:
    return _analysis(list(CATEGORIES), set(CATEGORIES), ["unjudged"])


def shield(payload: Payload, call: Call) -> Question:
    """Raises `Problem` 400."""
    documents = payload.get("documents", [])
    if not isinstance(documents, list) or not all(isinstance(one, str) for one in documents):
        raise Problem(400, "Bad member", "`documents` must be an array of texts")
    prompt = member(payload, "userPrompt") if payload.get("userPrompt") is not None else ""
    spoken = [(Role.USER, Kind.TEXT, prompt), *((Role.USER, Kind.DOCUMENT, str(one)) for one in documents)]
    ask = Ask(Hook.REQUEST, Context(tenant=call.tenant, route="azure"), texts=texts(*spoken))
    return Question(ask, partial(shielded, count=len(documents)))


def shielded(judged: Judged, count: int) -> dict[str, object]:
    decision: Decision = judged.decision
    attacked = {number_of(one.address.pointer) for one in decision.findings if one.action is not Action.FLAG}
    every = unjudged(decision)
    return _shield([every or number in attacked for number in range(count + 1)])


def _shield(attacks: list[bool]) -> dict[str, object]:
    prompt, *documents = ({"attackDetected": one} for one in attacks)
    return {"userPromptAnalysis": prompt, "documentsAnalysis": documents}


def not_shielded(_: Problem, payload: Payload) -> dict[str, object]:
    documents = payload.get("documents")
    return _shield([True] * (1 + (len(documents) if isinstance(documents, list) else 0)))


_ATTACK = record(["attackDetected"], attackDetected=BOOLEAN)
_ANALYZE = described(
    record(["text"], text=TEXT, categories=TEXTS, blocklistNames=TEXTS, outputType=TEXT),
    {"text": "mail ada@example.com now", "categories": ["Hate", "Violence"]},
    record(
        ["blocklistsMatch", "categoriesAnalysis"], blocklistsMatch=array(ANY), categoriesAnalysis=array(ANY)
    ),
    _analysis(["Hate", "Violence"], {"Hate", "Violence"}, ["pii.contact"]),
)

ROUTES = (
    *(
        Route(
            path=f"/compat/azure{more}/contentsafety/text:analyze",
            aliases=aliases,
            name="azure",
            summary=f"Azure AI Content Safety: analyze a {hook.value}'s text.",
            read=partial(analyze, hook=hook),
            refused=not_analysed,
            operation=_ANALYZE,
            tag="drop-ins",
        )
        for more, aliases, hook in (
            ("", ("/contentsafety/text:analyze",), Hook.REQUEST),
            ("/response", (), Hook.RESPONSE),
        )
    ),
    Route(
        path="/compat/azure/contentsafety/text:shieldPrompt",
        aliases=("/contentsafety/text:shieldPrompt",),
        name="azure",
        summary="Azure AI Content Safety: shield a prompt.",
        read=shield,
        refused=not_shielded,
        operation=described(
            record([], userPrompt=TEXT, documents=TEXTS),
            {"userPrompt": "hello", "documents": ["hid\U000e0068\U000e0069den"]},
            record(
                ["userPromptAnalysis", "documentsAnalysis"],
                userPromptAnalysis=_ATTACK,
                documentsAnalysis=array(_ATTACK),
            ),
            _shield([False, True]),
        ),
        tag="drop-ins",
    ),
)
