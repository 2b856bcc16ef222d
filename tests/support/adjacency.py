"""Values and separators glued together, streamed by pieces of every size, beside the masked whole.

    python tests/support/adjacency.py --seed 1 --cases 4000 [--policy everything] [--disguised 0.5]

prints each case whose stream differs from the whole, and counts. `tests/streams/test_adjacency.py` runs a
bounded sample.
"""

import argparse
import datetime as dt
import random
import sys
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from disguises import DISGUISES

from guardrails.catalogue.identifier_kinds import identifiers
from guardrails.catalogue.samples import NoSampleError, sample
from guardrails.catalogue.secret_kinds import expand, kinds
from guardrails.detectors.base import Deadline
from guardrails.engine import Engine
from guardrails.masking import Keys, Replacement, apply_plan
from guardrails.model import Address, Context, Hook, Kind, Role, Segment, Verdict
from guardrails.policy.compile import compile_files
from guardrails.policy.decode import load_file
from guardrails.streams.judge import Denied, Stream, StreamEngine

TODAY = dt.date(2026, 11, 23)
CONTEXT = Context(tenant="acme")
OPERATORS = (
    "placeholder",
    "redact",
    "partial",
    "partial, keep_last: 4",
    "hash",
    'replace, text: "[gone]"',
    'replace, text: "x"',
    "surrogate",
)
DETECTS = {
    "mail": "type: pii, entities: [EMAIL_ADDRESS]",
    "card": "type: pii, entities: [CREDIT_CARD, IBAN_CODE, US_SSN, PHONE_NUMBER, US_PASSPORT]",
    "project": r"type: regex, pattern: '\bPRJ(-\d{4}){2}\b'",
    "optional": "type: regex, pattern: 'foo(?: {1,3}bar)?'",
    "word": "type: words, words: [quetzalcoatlus rex]",
    "secret": "type: secret, kinds: ['*']",
}
EVERYTHING = {
    "contact": "type: pii, entities: [contact], min_score: 0.4",
    "payment": "type: pii, entities: [financial]",
    "number": "type: pii, entities: [identifiers], except: [contact, financial]",
    "project": r"type: regex, pattern: '\bPRJ(-\d{4}){2}\b'",
    "secret": "type: secret, kinds: ['*']",
}
POLICIES = {"few": DETECTS, "everything": EVERYTHING}

SEPARATORS = [
    *("", " ", "  ", "\n", "\t", ".", ",", ";", ":", "-", "_", "/", "+", "=", "@", "#", "(", ")", "|", "&"),
    *(
        "'",
        '"',
        "\\",
        "%",
        "*",
        "~",
        "<",
        ">",
        "\u200b",
        "\u0301",
        "é",
        "日",
        "0",
        "7",
        "a",
        "x-",
        ". ",
        ", ",
    ),
    *(": ", "://", " / ", " - ", " (", ") ", '", "', '" + "', "%20", "\\n", "&amp;", "and", " and ", " to "),
]
NEIGHBOURS = [
    *(
        "",
        "",
        "",
        " ",
        "\n",
        "see ",
        "phone: ",
        "call me on ",
        "passport ",
        "password=",
        "user16 ",
        "token: ",
    ),
    *("x", "9", "foo", "bar", "MASKED", "key = '", "https://", "ssh ", "1, 2, 3", "12", "and so on. ", "a@b"),
    *("@example.com", ".com", "-4", "/path", ":~/x", "日本", "M", "=", "==", '"', "%40", " more words here"),
]
PLAIN = [
    "ada@example.com",
    "zelda.unmistakable@mail.example.org",
    "4111 1111 1111 1111",
    "4111111111111111",
    "5500-0000-0000-0004",
    "PRJ-4711-0815",
    "foo  bar",
    "foo",
    "quetzalcoatlus rex",
    "postgresql://app:Vt7mQ2xKp9Lw@db.acme.example/main",
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "(212) 555-0187",
    "+49 30 1234567",
    "+44 20 7946 0958",
    "030 1234567",
    "536-90-4399",
    "123456789 is my passport",
    "call my phone: 0301234567",
    "192.0.2.17",
    "2001:db8::17",
    "02:42:ac:11:00:02",
    "born 03/04/1984",
    'password = "hQ7!vZ2mRt9xLw4p"',
    "curl -u admin:Vt7mQ2xKp9Lw https://api.acme.example",
]


@dataclass(frozen=True)
class Case:
    """A text, and the sizes of pieces that it is streamed by; each policy is drawn from its seed."""

    text: str
    sizes: tuple[int, ...]
    rules: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Difference:
    """What was streamed otherwise than masked as a whole: a `leak`, `denied`, other `findings` or `other`."""

    case: Case
    size: int
    kind: str
    whole: str
    streamed: str


@lru_cache(maxsize=1)
def values():
    """Values of every kind and entity that ships, alone and with what announces them."""
    found = list(PLAIN)
    for kind in kinds().values():
        for one in kind.examples:
            if one.hit:
                marked = expand(one.hit, kind.id)
                found.append(marked.replace("«", "").replace("»", ""))
                found += [part.partition("»")[0] for part in marked.split("«")[1:]]
    source = random.Random(7)
    for one in identifiers().values():
        try:
            value = sample(one, source)
        except NoSampleError:
            continue
        found.append(value)
        for words in list(one.context.values())[:1]:
            found.append(f"{words[0]} {value}")
    return tuple(one for one in dict.fromkeys(found) if len(one) <= 160)


def masks(source, detects):
    """The rules of a policy, each with a mask of its own."""
    return tuple((name, source.choice(OPERATORS)) for name in detects)


@lru_cache(maxsize=16)
def engines(policy, rules):
    """An engine whose rules mask as they say, and the same for streams."""
    text = "version: 1\npolicy: adjacency\nrules:\n" + "".join(
        f"  - {{id: {name}, title: {name}, severity: high, detect: {{{POLICIES[policy][name]}}}, "
        f"action: mask, mask: {{with: {operator}}}}}\n"
        for name, operator in rules
    )
    compiled = compile_files([load_file(text, "adjacency.yaml")])
    assert compiled.policies is not None, [one.message for one in compiled.diagnostics]
    whole = Engine(compiled.policies, Keys(b"k" * 32))
    return whole, StreamEngine(whole)


def case(source, rules, plain=0.6, disguised=0.0):
    """A text of two or three values, with a separator between and neighbours around.

    `disguised` is the share of values that are written in one disguise, or in one within another.
    """

    def value():
        text = source.choice(PLAIN if source.random() < plain else values())
        while source.random() < disguised and len(text) < 600:
            text = DISGUISES[source.choice(sorted(DISGUISES))](text)
        return text

    parts = [source.choice(NEIGHBOURS), value()]
    for _ in range(source.choice((1, 1, 2))):
        parts += [source.choice(SEPARATORS), value()]
    parts.append(source.choice(SEPARATORS) if source.random() < 0.3 else "")
    parts.append(source.choice(NEIGHBOURS))
    text = "".join(parts)
    return Case(text, (1, 2, 3, 5, 7, source.randint(8, 40), len(text)), rules)


def masked(engine, text):
    """The decision on a text as a whole, and the text after it."""
    decision = engine.judge(
        [Segment(Address(""), Role.ASSISTANT, Kind.TEXT, text)],
        Hook.RESPONSE,
        CONTEXT,
        deadline=Deadline.after(60),
        today=TODAY,
    )
    return decision, apply_plan(text, sorted(Replacement(e.start, e.end, e.text) for e in decision.edits))


def streamed(on, text, size):
    """What is given out of a text that comes in pieces, and the decision."""
    stream = Stream(on, CONTEXT, TODAY)
    judge = stream.channel()
    given = ""
    try:
        for at in range(0, len(text), size):
            given += judge.feed(text[at : at + size], Deadline.after(60)).text
        given += judge.settle(Deadline.after(60)).text
    except Denied as denied:
        given += denied.released.text if denied.released else ""
    return given, stream.decision()


def found(decision):
    """What was found, by rule and value."""
    return {(one.rule, one.label, one.fingerprint) for one in decision.findings}


def differences(policy, one):
    """Where streams of a case differ from the whole."""
    whole, on = engines(policy, one.rules)
    expected, text = masked(whole, one.text)
    for size in one.sizes:
        given, decision = streamed(on, one.text, size)
        if expected.verdict == decision.verdict == Verdict.DENY:
            continue  # nested too deeply to be judged, which is denied however it comes
        if given == text and decision.verdict == expected.verdict:
            if found(decision) != found(expected):
                yield Difference(one, size, "findings", text, given)
            continue
        if decision.verdict != expected.verdict and decision.unjudged:
            kind = "denied" if text.startswith(given) else "leak"
        else:
            kind = "leak" if not text.startswith(given) else "other"
        yield Difference(one, size, kind, text, given)


def cases(policy, seed, count, sets=4, disguised=0.0):
    """Cases for several policies that mask each in their own way."""
    source = random.Random(seed)
    rules = [masks(source, POLICIES[policy]) for _ in range(sets)]
    for number in range(count):
        yield case(source, rules[number * sets // count], disguised=disguised)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--policy", choices=sorted(POLICIES), default="few")
    parser.add_argument("--disguised", type=float, default=0.0)
    options = parser.parse_args()
    count: Counter[str] = Counter()
    streams = 0
    for one in cases(options.policy, options.seed, options.cases, disguised=options.disguised):
        streams += len(one.sizes)
        seen = set()
        for difference in differences(options.policy, one):
            count[difference.kind] += 1
            if difference.kind not in seen:
                seen.add(difference.kind)
                print(f"{difference.kind} at size {difference.size}: {one.text!r}")
                print(f"  rules    {dict(one.rules)}")
                print(f"  whole    {difference.whole!r}\n  streamed {difference.streamed!r}", flush=True)
    print(f"{options.cases} texts, {streams} streams, differences: {dict(count) or 0}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
