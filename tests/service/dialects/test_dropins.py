"""Endpoints that stand in for other products, by pairs of what their clients send and what they read."""

import base64
import hashlib
import json

import openai
import pytest

MAIL = "ada@example.com"
DENIED = "guardrails: denied by word"
LATE = "guardrails: not judged: deadline"


def spans(answer):
    return [(one["entity_type"], one["start"], one["end"], one["score"]) for one in answer]


@pytest.mark.parametrize(
    "path", ["/analyze", "/compat/presidio/analyze", "/compat/presidio/response/analyze"]
)
def test_presidio_analyzer(ask, late, path):
    """Spans in code points and labels, of what the policy acts on and the caller asks for."""
    assert ask(path, {"text": "hello", "language": "en"}) == []
    text = f"\U0001f600 to {MAIL} DENYME SHADOWED"
    found = ask(path, {"text": text, "language": "en"})
    assert spans(found) == [("EMAIL_ADDRESS", 5, 20, 1.0), ("WORD", 21, 27, 1.0)]
    assert MAIL not in json.dumps(found)
    assert spans(ask(path, {"text": text, "entities": ["EMAIL_ADDRESS"]})) == [("EMAIL_ADDRESS", 5, 20, 1.0)]
    assert ask(path, {"text": text, "entities": ["EMAIL_ADDRESS"], "score_threshold": 1.1}) == []
    assert [len(one) for one in ask(path, {"text": ["x", MAIL, ""]})] == [0, 1, 0]
    whole = late(path, {"text": "hello", "entities": ["EMAIL_ADDRESS", "CREDIT_CARD"]})
    assert spans(whole) == [("EMAIL_ADDRESS", 0, 5, 1.0), ("CREDIT_CARD", 0, 5, 1.0)]
    assert spans(late(path, {"text": "hello"})) == [("UNJUDGED", 0, 5, 1.0)]


@pytest.mark.parametrize(
    "payload",
    [{}, {"text": 1}, {"text": "x", "ad_hoc_recognizers": [{}]}, {"text": "x", "allow_list": ["x"]}],
)
def test_presidio_says_what_it_does_not_take(ask, payload):
    """An error as the real servers write one, never an empty list."""
    answer = ask.raw("/analyze", json.dumps(payload))

    assert answer.status_code == 400
    assert answer.json() == {"error": "guardrails: not judged: bad member"}


def test_presidio_takes_a_key_from_the_url(ask, key):
    """Clients that send no header of their own send the password of their base URL."""
    basic = base64.b64encode(f"any:{key}".encode()).decode()
    for value, status in ((f"Basic {basic}", 200), ("Basic x", 401), ("Basic eDp5", 401)):
        answer = ask.client.post("/analyze", json={"text": "x"}, headers={"authorization": value})
        assert answer.status_code == status


TEXT = "I am Ada, call 0123456789 or 0123456789"
SPANS = [
    {"start": 5, "end": 8, "entity_type": "PERSON", "score": 0.8},
    {"start": 15, "end": 25, "entity_type": "PHONE_NUMBER", "score": 0.9},
    {"start": 17, "end": 25, "entity_type": "DATE_TIME", "score": 0.4},
    {"start": 29, "end": 39, "entity_type": "PHONE_NUMBER", "score": 0.9},
]
ANONYMIZED = {
    "by name": ({}, "I am <PERSON>, call <PHONE_NUMBER> or <PHONE_NUMBER>"),
    "each by its own": (
        {
            "DEFAULT": {"type": "redact"},
            "PHONE_NUMBER": {"type": "mask", "masking_char": "*", "chars_to_mask": 7, "from_end": True},
        },
        "I am , call 012******* or 012*******",
    ),
    "mask from the start": (
        {
            "DEFAULT": {"type": "keep"},
            "PHONE_NUMBER": {"type": "mask", "masking_char": "#", "chars_to_mask": 99},
        },
        "I am Ada, call ########## or ##########",
    ),
    "replace by": (
        {"DEFAULT": {"type": "replace", "new_value": "X"}},
        "I am X, call X or X",
    ),
    "hash": (
        {"DEFAULT": {"type": "redact"}, "PERSON": {"type": "hash"}},
        f"I am {hashlib.sha256(b'Ada').hexdigest()}, call  or ",
    ),
}


@pytest.mark.parametrize(("anonymizers", "text"), ANONYMIZED.values(), ids=ANONYMIZED.keys())
def test_presidio_anonymizer(ask, anonymizers, text):
    """Spans that overlap are one; the items say where in the new text, last first."""
    given = {"text": TEXT, "analyzer_results": SPANS[::-1], "anonymizers": anonymizers}
    answer = ask("/anonymize", given)

    assert answer["text"] == text
    assert [one["entity_type"] for one in answer["items"]] == ["PHONE_NUMBER", "PHONE_NUMBER", "PERSON"]
    for one in answer["items"]:
        if one["operator"] != "keep":
            assert text[one["start"] : one["end"]] == one["text"]


@pytest.mark.parametrize(
    "more",
    [
        {"analyzer_results": [{"start": 0, "end": 99, "entity_type": "X"}]},
        {"analyzer_results": [{"start": 0}]},
        {"anonymizers": {"DEFAULT": {"type": "custom"}}},
        {"anonymizers": {"DEFAULT": {"type": "hash", "hash_type": "md5"}}},
        {"anonymizers": {"DEFAULT": {"type": "mask", "masking_char": "**"}}},
    ],
)
def test_presidio_anonymizer_refuses_what_makes_no_sense(ask, more):
    """An error, and no text."""
    answer = ask.raw("/anonymize", json.dumps({"text": "hello", **more}))

    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_presidio_lists_entities_and_health(ask):
    """Both need no key."""
    assert "EMAIL_ADDRESS" in ask.client.get("/supportedentities").json()
    assert ask.client.get("/compat/presidio/health").status_code == 200


def lakera(*messages, **more):
    return {
        "messages": [dict(zip(("role", "content"), one, strict=True)) for one in messages],
        "payload": True,
        **more,
    }


def detectors(answer):
    return [one["detector_type"] for one in answer["breakdown"] if one["detected"]]


def test_lakera(ask, late):
    """A mask has spans and personal-data detectors alone; a denial never."""
    path = "/v2/guard"
    allowed = ask(path, lakera(("user", "hello")))
    assert (allowed["flagged"], allowed["payload"], allowed["breakdown"]) == (False, [], [])

    masked = ask(path, lakera(("system", "be nice"), ("user", f"to {MAIL}")))
    assert (masked["flagged"], detectors(masked)) == (True, ["pii/email"])
    (span,) = masked["payload"]
    assert (span["message_id"], span["start"], span["end"], span["text"]) == (1, 3, 18, "[EMAIL_ADDRESS]")

    denied = ask(path, lakera(("user", f"{MAIL} DENYME")))
    assert (denied["flagged"], sorted(detectors(denied))) == (True, ["custom/mail", "custom/word"])
    assert detectors(late(path, lakera(("user", "hello")))) == ["custom/unjudged_deadline"]
    refused = ask(path, {"messages": 1})
    assert (refused["flagged"], detectors(refused)) == (True, ["custom/unjudged_400"])


def test_lakera_reads_parts_and_calls_but_cannot_mask_them(ask):
    """What the span of no message can name is a denial."""
    parts = lakera(("user", [{"type": "text", "text": MAIL}]))
    calls = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"function": {"name": "x", "arguments": MAIL}}],
    }

    assert detectors(ask("/v2/guard", parts)) == ["custom/mail"]
    assert detectors(ask("/v2/guard", {"messages": [calls]})) == ["custom/mail"]


def bedrock(*texts, source="INPUT"):
    return {"source": source, "content": [{"text": {"text": one}} for one in texts]}


@pytest.mark.parametrize("source", ["INPUT", "OUTPUT"])
def test_bedrock(ask, late, source):
    """NONE, a mask by position with `ANONYMIZED`, or `BLOCKED`; all units are counted."""
    path = "/guardrail/gid/version/1/apply"
    usage = {
        "topicPolicyUnits": 0,
        "contentPolicyUnits": 0,
        "wordPolicyUnits": 0,
        "sensitiveInformationPolicyUnits": 0,
        "sensitiveInformationPolicyFreeUnits": 0,
        "contextualGroundingPolicyUnits": 0,
    }
    allowed = {"usage": usage, "action": "NONE", "outputs": [], "assessments": []}
    assert ask(path, bedrock("hello", source=source)) == allowed
    email = {"match": "{EMAIL}", "type": "EMAIL", "action": "ANONYMIZED"}
    assert ask(path, bedrock("one", f"to {MAIL}", source=source)) == {
        "usage": usage,
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": "one"}, {"text": "to [MAIL]"}],
        "assessments": [{"sensitiveInformationPolicy": {"piiEntities": [email], "regexes": []}}],
    }
    for answer, why, name in (
        (ask(path, bedrock("DENYME", source=source)), DENIED, "word"),
        (late(path, bedrock("hello", source=source)), LATE, "unjudged deadline"),
        (ask(path, {"source": source}), "guardrails: not judged: bad member", "unjudged"),
    ):
        topic = {"name": name, "type": "DENY", "action": "BLOCKED"}
        assert answer == {
            "usage": usage,
            "action": "GUARDRAIL_INTERVENED",
            "outputs": [{"text": why}],
            "assessments": [{"topicPolicy": {"topics": [topic]}}],
        }


def test_bedrock_takes_the_access_key_id_for_the_key(ask, key):
    """A signature cannot be verified; a credential of another name is no key."""
    signed = "AWS4-HMAC-SHA256 Credential={}/20260101/r/bedrock/aws4_request, SignedHeaders=a, Signature=0"
    for name, status in ((key, 200), ("", 401), ("grk_unknown", 401)):
        headers = {"authorization": signed.format(name)}
        answer = ask.client.post("/guardrail/g/version/1/apply", json=bedrock("x"), headers=headers)
        assert answer.status_code == status


def test_openai_moderations_through_the_sdk(ask, late, key):
    """One result an input, each with every category; what would be masked is flagged too."""

    def moderate(service, given):
        client = openai.OpenAI(
            api_key=key, base_url="http://testserver.local/v1", http_client=service.client, max_retries=0
        )
        return [one.flagged for one in client.moderations.create(input=given).results]

    assert moderate(ask, "hello") == [False]
    assert moderate(ask, ["hello", MAIL, "DENYME", "SHADOWED"]) == [False, True, True, False]
    assert moderate(ask, [{"type": "text", "text": "x"}, {"type": "text", "text": "DENYME"}]) == [True]
    assert moderate(late, ["hello", "world"]) == [True, True]
    assert [one["flagged"] for one in ask("/v1/moderations", {"input": [1, 2, 3]})["results"]] == [True] * 3
    assert ask("/v1/moderations", {})["results"][0]["flagged"] is True


def test_llm_guard(ask, late):
    """Valid or not, by the names of rules; a text that is not valid is not repeated."""
    for name in ("prompt", "output"):
        path, more = f"/analyze/{name}", {"prompt": "hello"}
        assert ask(path, {**more, name: "hello"}) == {
            "is_valid": True,
            "scanners": {},
            f"sanitized_{name}": "hello",
        }
        assert ask(path, {**more, name: f"to {MAIL}"}) == {
            "is_valid": True,
            "scanners": {"mail": 1.0},
            f"sanitized_{name}": "to [MAIL]",
        }
        for answer, scanner in (
            (ask(path, {**more, name: "DENYME"}), "word"),
            (late(path, {**more, name: "hello"}), "unjudged.deadline"),
            (ask(path, {name: 1}), "unjudged.400"),
            (ask(path, {name: "x", "scanners_suppress": ["word"]}), "unjudged.400"),
        ):
            assert answer == {"is_valid": False, "scanners": {scanner: 1.0}, f"sanitized_{name}": ""}


def severities(answer):
    return {one["category"]: one["severity"] for one in answer["categoriesAnalysis"]}


@pytest.mark.parametrize("base", ["", "/compat/azure", "/compat/azure/response"])
def test_azure_analyze(ask, late, base):
    """What the policy acts on, or could not look at, is as severe as can be."""
    path = f"{base}/contentsafety/text:analyze?api-version=2024-09-01"
    calm, severe = (dict.fromkeys(("Hate", "SelfHarm", "Sexual", "Violence"), one) for one in (0, 6))

    assert ask(path, {"text": "hello"})["blocklistsMatch"] == []
    assert severities(ask(path, {"text": "hello"})) == calm
    for answer, item in (
        (ask(path, {"text": MAIL}), "mail"),
        (ask(path, {"text": "DENYME"}), "word"),
        (late(path, {"text": "hello"}), "unjudged deadline"),
        (ask(path, {}), "unjudged"),
    ):
        assert severities(answer) == severe
        match = {"blocklistName": "guardrails", "blocklistItemId": item, "blocklistItemText": ""}
        assert answer["blocklistsMatch"] == [match]
    assert severities(ask(path, {"text": "DENYME", "categories": ["Hate"]})) == {"Hate": 6}


def test_azure_shield(ask, late, key):
    """The prompt and each document by itself."""
    path = "/contentsafety/text:shieldPrompt?api-version=2024-09-01"

    def attacks(answer):
        prompt, documents = answer["userPromptAnalysis"], answer["documentsAnalysis"]
        return [one["attackDetected"] for one in (prompt, *documents)]

    assert attacks(ask(path, {"userPrompt": "hello", "documents": ["x", "DENYME"]})) == [False, False, True]
    assert attacks(ask(path, {"userPrompt": "DENYME"})) == [True]
    assert attacks(late(path, {"userPrompt": "x", "documents": ["y"]})) == [True, True]
    assert attacks(ask(path, {"userPrompt": 1, "documents": ["y"]})) == [True, True]
    for header in ("ocp-apim-subscription-key", "api-key"):
        for value, status in ((key, 200), ("wrong", 401)):
            assert (
                ask.client.post(path, json={"userPrompt": "x"}, headers={header: value}).status_code == status
            )
