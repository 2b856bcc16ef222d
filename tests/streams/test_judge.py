"""A text judged bit by bit is the text judged as a whole, however it is cut up."""

import base64
import datetime as dt
import html
import urllib.parse

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.catalogue.secret_kinds import expand, kinds
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys, Replacement, apply_plan
from guardrails.model import Address, Context, Hook, Kind, Role, Segment
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.streams.judge import Stream, StreamEngine

TODAY = dt.date(2026, 11, 23)
KEYS = Keys(b"k" * 32)
HEAD = "version: 1\npolicy: streams\nrules:\n"
RULES = {
    "mail": "detect: {type: pii, entities: [EMAIL_ADDRESS]}, action: mask, mask: {with: placeholder}",
    "card": "detect: {type: pii, entities: [CREDIT_CARD, IBAN_CODE, US_SSN, PHONE_NUMBER, US_PASSPORT]}, "
    "action: mask, mask: {with: redact}",
    "project": "detect: {type: regex, pattern: '\\bPRJ(-\\d{4}){2}\\b'}, action: mask, mask: {with: partial}",
    "optional": "detect: {type: regex, pattern: 'foo(?: {1,3}bar)?'}, action: mask, mask: {with: redact}",
    "word": "detect: {type: words, words: [quetzalcoatlus rex]}, action: mask, mask: {with: hash}",
    "secret": "detect: {type: secret, kinds: ['*']}, action: mask, mask: {with: placeholder}",
}


def engine(*rules):
    text = HEAD + "".join(f"  - {{id: {n}, title: {n}, severity: high, {rule}}}\n" for n, rule in rules)
    compiled = compile_files([load_file(text, "streams.yaml")])
    assert compiled.policies is not None, [one.message for one in compiled.diagnostics]
    return Engine(compiled.policies, KEYS)


WHOLE = engine(*RULES.items())
STREAMS = StreamEngine(WHOLE)
CONTEXT = Context(tenant="acme")
SECRETS = [
    expand(one.hit, kind.id).replace("«", "").replace("»", "")
    for kind in kinds().values()
    for one in kind.examples
    if one.hit
]
VALUES = [
    "zelda.unmistakable@example.com",
    "4111 1111 1111 1111",
    "4111 1111 1111 11114111 1111 1111 1111",
    "PRJ-4711-0815",
    "foo  bar",
    "quetzalcoatlus rex",
    "postgresql://app:Vt7mQ2xKp9Lw@db.acme.example/main",
    "DE89 3704 0044 0532 0130 00",
    "(212) 555-0187",
    "123456789 is my passport",
    "call my phone: 0301234567",
    *SECRETS,
]
DISGUISES = {
    "plain": str,
    "zero-width": lambda text: "\u200b".join(text),
    "marks": lambda text: "".join(f"{char}\u0301\u200b" if char.isalpha() else char for char in text),
    "full-width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "tags inside": lambda text: text[:4] + "\U000e0041" + text[4:],
    "terminal": lambda text: text[:3] + "\x1b[31;1m" + text[3:],
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "url-quoted": lambda text: urllib.parse.quote(text, safe=""),
    "unicode escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "html": lambda text: html.escape(text).replace("@", "&commat;"),
    "base64": lambda text: base64.b64encode(f"it is {text} then".encode()).decode(),
    "wrapped": lambda text: base64.encodebytes(f"it is {text} then, said {text}".encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(f"it is {text}?>".encode()).decode().rstrip("="),
    "hex": lambda text: f"it is {text} then".encode().hex(),
    "hex bytes": lambda text: f"it is {text} then".encode().hex(" "),
    "twice": lambda text: base64.b64encode(base64.b64encode(f"it is {text} then".encode())).decode(),
    "cut off": lambda text: text[: len(text) * 2 // 3],
}
FILLERS = [
    "",
    " ",
    "\n",
    ". ",
    "the quick brown fox ",
    "日本語のテキスト、",
    "ünïcode 🦜 👨‍👩‍👧 ",
    "x = [1, 22, 333]; path/to/some/file-name.py\n",
    "-----\n",
    "%20 & \\n \\",
    "see https://example.org/a/b?c=1%2C2 ",
    "de ad be ef ",
    "dGhlIHF1aWNrIGJyb3du",
    "long words without any end ".replace(" ", "") * 8,
    "many words that say nothing at all, over and over. " * 15,
]


def whole(text, on=WHOLE, kind=Kind.TEXT):
    """The decision on a text as a whole, and the text after it."""
    address = Address("")
    decision = on.judge(
        [Segment(address, Role.ASSISTANT, kind, text)],
        Hook.RESPONSE,
        CONTEXT,
        deadline=Deadline.after(60),
        today=TODAY,
    )
    return decision, apply_plan(text, sorted(Replacement(e.start, e.end, e.text) for e in decision.edits))


def streamed(parts, on=STREAMS, kind=Kind.TEXT):
    """What comes out at each part, and the stream's decision."""
    stream = Stream(on, CONTEXT, TODAY)
    judge = stream.channel(kind=kind)
    given = [judge.feed(part, Deadline.after(60)).text for part in parts]
    given.append(judge.settle(Deadline.after(60)).text)
    return given, stream.decision()


def spans(decision):
    return sorted({(one.rule, one.label, one.fingerprint) for one in decision.findings})


@st.composite
def texts(draw):
    """A text with values in it, plain and disguised, among fillers."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        parts.append(draw(st.sampled_from(FILLERS)))
        parts.append(DISGUISES[draw(st.sampled_from(sorted(DISGUISES)))](draw(st.sampled_from(VALUES))))
        parts.append(draw(st.sampled_from(FILLERS)))
    return "".join(parts)


@st.composite
def cut(draw, source):
    """A text and a way to cut it up."""
    text = draw(source)
    if draw(st.booleans()):
        size = draw(st.integers(1, 12))
        return text, [text[at : at + size] for at in range(0, len(text), size)]
    places = sorted(draw(st.sets(st.integers(0, max(0, len(text))), max_size=12)))
    return text, [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


GENEROUS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@GENEROUS
@given(cut(texts()))
def test_however_a_text_is_cut_up_the_output_is_the_masked_whole(case):
    """What is given out is the text as the engine masks it as a whole, and the same was found."""
    text, parts = case
    expected, masked = whole(text)
    given_out, decision = streamed(parts)

    assert "".join(given_out) == masked
    assert decision.verdict is expected.verdict
    assert spans(decision) == spans(expected)
