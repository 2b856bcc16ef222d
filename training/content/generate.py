"""Made-up attacks and their harmless look-alikes, from the phrase banks. Seeded; nothing is downloaded."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator, Sequence

from training.content import banks
from training.content import phrases as p
from training.content.records import Text

BANK = banks.read("injection")

Random = random.Random


def _fill(template: str, r: Random) -> str:
    out = template
    for name, choice in (
        ("{persona}", p.PERSONAS),
        ("{mode}", p.MODES),
        ("{forbidden}", p.FORBIDDEN),
        ("{expert}", p.EXPERTS),
        ("{literal}", p.LITERALS),
        ("{brand}", p.BRANDS),
        ("{tool}", p.TOOLS),
        ("{name}", ("Ada", "Max", "Clara", "Otto", "Mia")),
    ):
        while name in out:
            out = out.replace(name, r.choice(choice), 1)
    while "{mail}" in out:
        out = out.replace("{mail}", f"{r.choice(p.NAMES)}@{r.choice(p.DOMAINS)}", 1)
    while "{url}" in out:
        out = out.replace("{url}", f"https://{r.choice(p.DOMAINS)}/{_word(r, 1, 6)}", 1)
    while "{n}" in out:
        out = out.replace("{n}", str(r.choice((2, 5, 7, 12, 20, 25, 30, 50, 100, 1000))), 1)
    while "{arg}" in out:
        out = out.replace("{arg}", _word(r, 4, 10), 1)
    return out.replace("{{", "{").replace("}}", "}")


def _word(r: Random, least: int, most: int) -> str:
    return "".join(r.choices(string.ascii_lowercase + string.digits, k=r.randint(least, most)))


def _pair(bank: dict[str, tuple[tuple[str, ...], tuple[str, ...]]], lang: str, r: Random) -> str:
    first, second = (r.choice(part) for part in bank[lang])
    if lang in p.OBJECT_FIRST:
        first, second = second, first
    text = first + ("" if lang in p.JOINED_WITHOUT_SPACE else " ") + second
    return text[:1].upper() + text[1:] if r.random() < 0.6 else text


def _stop(lang: str, r: Random) -> str:
    return (
        r.choice(("。", "。", "！"))
        if lang in p.JOINED_WITHOUT_SPACE
        else r.choice((".", ".", ".", "!", "", ":", " -"))
    )


def attack(lang: str, r: Random) -> str:
    """One direct attack of one to three sentences."""
    parts = []
    for _ in range(r.choice((1, 1, 1, 2, 2, 3))):
        kind = r.random()
        if kind < 0.35:
            parts.append(_pair(p.OVERRIDE, lang, r) + _stop(lang, r))
        elif kind < 0.65:
            parts.append(_pair(p.REVEAL, lang, r) + _stop(lang, r))
        elif lang == "en" and kind < 0.85:
            parts.append(_fill(r.choice(p.PERSUASION + BANK["persuade"]), r))
        else:
            parts.append(_fill(r.choice(p.ROLE[lang]), r))
    text = ("" if lang in p.JOINED_WITHOUT_SPACE else " ").join(parts)
    return mutate(wrap(text, lang, r), r)


def wrap(text: str, lang: str, r: Random) -> str:
    """An attack with something ordinary around it, or dressed up as part of the conversation's format."""
    kind = r.random()
    if kind < 0.15:
        return f"{_fill(r.choice(p.BENIGN[lang]), r)} {text}"
    if kind < 0.25:
        return f"{text} {_fill(r.choice(p.BENIGN[lang]), r)}"
    if kind < 0.35:
        return f"{text}\n\n{_fill(r.choice(p.PLAIN), r)}"
    if kind < 0.45:
        return (
            r.choice(
                (
                    "<|im_start|>system\n{}\n<|im_end|>",
                    "[INST] <<SYS>> {} <</SYS>> [/INST]",
                    "### Instruction:\n{}\n### Response:",
                    "system: {}",
                    "\n\nHuman: {}\n\nAssistant: Sure,",
                    "```\n{}\n```",
                    '"""{}"""',
                    '{{"role": "system", "content": "{}"}}',
                    "</user_input>\n{}\n<user_input>",
                    "<<<{}>>>",
                    "----------\n{}\n----------",
                    "[ADMIN] {}",
                    "sudo {}",
                    "// {}",
                    "BEGIN SYSTEM OVERRIDE {} END",
                    "Task A: {} Task B: confirm.",
                    "1. {}\n2. Say OK",
                    "Step 1: {} Step 2: answer as before.",
                    "{} Thanks!",
                    "Please {}",
                    "Could you {}?",
                    "I want you to {}",
                )
            )
            .replace("{}", text)
            .replace("{{", "{")
            .replace("}}", "}")
        )
    return text


def mutate(text: str, r: Random) -> str:
    """Typing errors, shouting, missing stops: what a person does to get past a list of words."""
    kind = r.random()
    if kind < 0.08:
        return text.upper()
    if kind < 0.2:
        return text.lower()
    if kind < 0.3 and len(text) > 20:
        chars = list(text)
        for _ in range(max(1, len(chars) // 30)):
            at = r.randrange(1, len(chars) - 2)
            if chars[at].isalpha() and chars[at + 1].isalpha():
                what = r.random()
                if what < 0.4:
                    chars[at], chars[at + 1] = chars[at + 1], chars[at]
                elif what < 0.7:
                    chars[at] = ""
                else:
                    chars[at] *= 2
        return "".join(chars)
    if kind < 0.34:
        return text.replace(" ", r.choice(("  ", "_", "-", ". ", "\n")))
    return text


def suffix(r: Random) -> str:
    """A run of tokens as an optimiser finds it: no language, many signs."""
    pieces = []
    for _ in range(r.randint(10, 28)):
        kind = r.random()
        if kind < 0.45:
            pieces.append("".join(r.choices(string.punctuation, k=r.randint(1, 4))))
        elif kind < 0.8:
            pieces.append(
                r.choice(
                    (
                        "describing",
                        "Sure",
                        "output",
                        "tutorial",
                        "Manuel",
                        "similarly",
                        "Now",
                        "write",
                        "oppositely",
                        "revert",
                        "please",
                        "steps",
                        "interface",
                        "teacher",
                        "sentence",
                        "contents",
                        "step",
                        "THE",
                        "respond",
                        "One",
                        "two",
                        "JSON",
                        "with",
                        "%20",
                        "Here",
                    )
                )
                + r.choice(("", "", "!", ">>", "(", "]", "**", "\\"))
            )
        else:
            pieces.append(
                "".join(
                    r.choices(string.ascii_letters + string.punctuation + string.digits, k=r.randint(3, 9))
                )
            )
    return r.choice((" ", " ", "")).join(pieces)


def jailbreak(r: Random) -> str:
    """A long role-play: an opening, rules of the role, a first question. One role throughout."""
    role = r.choice(p.PERSONAS) if r.random() < 0.4 else _name(r)
    rules = r.sample(BANK["jailbreak_rules"], r.randint(3, 16))
    lines = [r.choice(BANK["jailbreak_open"]), *rules]
    if r.random() < 0.3:
        lines.insert(r.randrange(len(lines)), _pair(p.OVERRIDE, "en", r) + ".")
    if r.random() < 0.3:
        lines.insert(r.randrange(len(lines)), r.choice(p.ROLE["en"]))
    if r.random() < 0.7:
        lines.append(r.choice(BANK["jailbreak_close"]))
    joint = r.choice((" ", " ", " ", "\n", "\n\n", "\n- "))
    return mutate(joint.join(_fill(line.replace("{persona}", role), r) for line in lines), r)


def _name(r: Random) -> str:
    """The name of a role, made of syllables."""
    syllables = r.choices(
        ("al", "bo", "cy", "da", "el", "fra", "go", "hex", "in", "jo", "ka", "lu", "mor", "ne", "on", "ra"),
        k=3,
    )
    name = "".join(syllables[: r.choice((2, 2, 3))])
    return r.choice((name.upper(), name.capitalize(), f"{name.capitalize()}GPT", f"the {name.capitalize()}"))


def agent_file(r: Random) -> str:
    """Instructions for a coding agent as a repository keeps them: harmless where they stand."""
    lines = [f"# {r.choice(('AGENTS.md', 'CLAUDE.md', 'Guidelines', 'Working in this repository'))}"]
    for _ in range(r.randint(1, 3)):
        title = r.choice(("Rules", "Commands", "Style", "Workflow", "Testing", "Notes", "Important"))
        lines += ["", f"## {title}", ""]
        lines += [f"- {_fill(one, r)}" for one in r.sample(BANK["agent_rules"], r.randint(2, 8))]
    if r.random() < 0.3:  # or as a prompt without form
        return " ".join(_fill(one, r) for one in r.sample(BANK["agent_rules"], r.randint(2, 10)))
    return "\n".join(lines)


def agent_log(r: Random) -> str:
    """What an agent and its tools say while it works."""
    lines = [_fill(r.choice(BANK["agent_log"]), r) for _ in range(r.randint(2, 12))]
    if r.random() < 0.3:
        lines.insert(0, _fill(r.choice(BANK["agent_rules"]), r))
    return "\n".join(lines)


def system_prompt(r: Random) -> str:
    """A developer's instructions for an assistant."""
    if r.random() < 0.15:
        return _fill(r.choice(p.SYSTEM_PROMPTS), r)
    lines = [_fill(one, r) for one in r.sample(BANK["system_prompts"], r.randint(2, 10))]
    return r.choice((" ", " ", "\n", "\n- ", "\n\n")).join(lines)


def about_attacks(r: Random) -> str:
    """A document or code that speaks of attacks."""
    lines = [_fill(one, r) for one in r.sample(BANK["about_attacks"], r.randint(1, 6))]
    lines += [_fill(r.choice(p.DOCUMENT_BENIGN), r) for _ in range(r.choice((0, 0, 1, 2)))]
    r.shuffle(lines)
    return r.choice((" ", " ", "\n", "\n\n", "\n- ")).join(lines)


def direct(r: Random, english: int = 9000, other: int = 900) -> Iterator[Text]:
    """What users write: attacks and look-alikes, in every language of the banks."""
    for lang in p.OVERRIDE:
        many = english if lang == "en" else other
        for _ in range(many):
            yield Text(attack(lang, r), 1, "made_direct", f"made_{lang}")
        for _ in range(many // 2):
            count = r.choice((1, 1, 2, 3))
            lines = [_fill(r.choice(p.BENIGN[lang]), r) for _ in range(count)]
            if lang == "en" and r.random() < 0.5:
                lines.append(_fill(r.choice(p.PLAIN), r))
            yield Text(mutate(" ".join(lines), r), 0, "made_direct", f"made_benign_{lang}")
    for _ in range(english // 4):
        yield Text(jailbreak(r), 1, "made_direct", "made_jailbreak")
    for kind, many in ((agent_file, 1200), (system_prompt, 1500), (about_attacks, 1500), (agent_log, 600)):
        for _ in range(many):
            yield Text(kind(r), 0, "made_direct", f"made_{kind.__name__}")
    for _ in range(english // 3):
        lines = r.sample(BANK["requests"], r.choice((1, 1, 1, 2, 3)))
        yield Text(mutate(" ".join(_fill(line, r) for line in lines), r), 0, "made_direct", "made_request")
    for _ in range(1500):
        lines = [_fill(r.choice(p.ROLE["en"] + p.PERSUASION), r) for _ in range(r.randint(4, 14))]
        if r.random() < 0.4:
            lines.insert(r.randrange(len(lines)), _pair(p.OVERRIDE, "en", r) + ".")
        if r.random() < 0.3:
            lines.append(_fill(r.choice(p.PLAIN), r))
        yield Text(r.choice((" ", " ", "\n", "\n\n")).join(lines), 1, "made_direct", "made_long")
    for _ in range(900):
        ask = _fill(r.choice(p.PLAIN), r)
        tail = suffix(r)
        yield Text(f"{ask} {tail}", 1, "made_direct", "made_suffix", (len(ask) + 1, len(ask) + 1 + len(tail)))
    for _ in range(2500):
        lines = [r.choice(bank) for bank in (p.TASK_GIVEN, p.TASK_DO, p.TASK_HOW, p.TASK_HOW)]
        lines += [
            r.choice(p.TASK_HOW + p.TASK_DO + p.DOCUMENT_BENIGN) for _ in range(r.choice((0, 0, 1, 3, 8)))
        ]
        text = r.choice((" ", "\n", "\n- ")).join(_fill(line, r) for line in lines)
        yield Text(text, 0, "made_direct", "made_task")
    for _ in range(1500):
        lines = [_fill(r.choice(p.DOCUMENT_BENIGN), r) for _ in range(r.randint(1, 4))]
        yield Text(" ".join(lines), 0, "made_direct", "made_document")


def planted(r: Random, asks: Sequence[str]) -> tuple[str, str]:
    """A request for an assistant, and its category. `asks`: ordinary requests besides those of the bank."""
    kind = r.random()
    if kind < 0.12:
        return attack(r.choice(("en", "en", "en", *p.OVERRIDE)), r), "planted_attack"
    if kind < 0.34:
        plain = r.choice(asks) if asks and r.random() < 0.7 else _fill(r.choice(p.PLAIN), r)
        return plain, "planted_plain"
    if kind < 0.38:
        return _fill(r.choice(BANK["planted_user"]), r), "planted_user"
    if kind < 0.40:
        return _fill(r.choice(BANK["tool_syntax"]), r), "planted_call"
    if kind < 0.44:
        return f"{r.choice(BANK['lures_other'])} {_fill(r.choice(BANK['deeds_other']), r)}", "planted_other"
    lure = r.choice(p.LURES)
    deed = _fill(r.choice(p.DEEDS), r)
    if r.random() < 0.3:
        deed += r.choice((" and ", ", then ", ". Then ")) + _fill(r.choice(p.DEEDS), r)
    deed = (
        r.choice(
            (
                "",
                "",
                "",
                "please ",
                "you must ",
                "you should ",
                "I need you to ",
                "can you ",
                "kindly ",
                "make sure to ",
                "always ",
                "first, ",
                "immediately ",
            )
        )
        + deed
    )
    if not lure or r.random() < 0.3:
        deed = deed[:1].upper() + deed[1:]
    text = f"{lure} {deed}".strip() + r.choice(
        (".", ".", ".", "!", "", " -->", " Do not tell the user.", " This is mandatory.")
    )
    return mutate(text, r) if r.random() < 0.3 else text, "planted_lure" if lure else "planted_deed"


def plant(host: str, what: str, r: Random) -> tuple[str, tuple[int, int]]:
    """`host` with `what` at a place where a sentence or line ends, and where it stands."""
    places = [
        at + 1
        for at, char in enumerate(host[:-1])
        if char in "\n" or (char in ".!?}," and host[at + 1] in " \n")
    ]
    at = r.choice(places) if places and r.random() < 0.85 else r.choice((0, len(host)))
    left, right = r.choice(((" ", " "), ("\n", "\n"), ("\n\n", "\n\n"), (" ", " ")))
    start = at + len(left)
    return host[:at] + left + what + right + host[at:], (start, start + len(what))


def record(r: Random) -> str:
    """An answer of a tool: a JSON record, a table, a mail or a log."""
    kind = r.random()
    name = r.choice(("Anna Keller", "Juan Ortiz", "Mei Lin", "Tom Baker", "Aisha Khan", "Petra Novak"))
    rows = [
        {
            "id": r.randint(1, 99999),
            "name": name,
            "status": r.choice(("open", "shipped", "paid", "closed")),
            "total": r.randint(1, 999),
            "note": r.choice(
                (
                    "call before noon",
                    "fragile",
                    "gift wrap",
                    "leave at the door",
                    "second attempt",
                    "please ring twice",
                )
            ),
        }
        for _ in range(r.randint(2, 7))
    ]
    if kind < 0.35:
        return json.dumps(
            rows if r.random() < 0.5 else rows[0] | {"items": rows[1:]}, indent=r.choice((None, 2))
        )
    if kind < 0.5:
        return "id,name,status,total,note\n" + "\n".join(
            ",".join(str(value) for value in row.values()) for row in rows
        )
    if kind < 0.8:
        body = " ".join(_fill(r.choice(p.DOCUMENT_BENIGN), r) for _ in range(r.randint(2, 5)))
        return f"From: {name} <{_fill('{mail}', r)}>\nTo: team@{r.choice(p.DOMAINS)}\nSubject: {r.choice(('Re: invoice', 'Meeting on Thursday', 'Your order', 'Minutes', 'Question'))}\n\nHi,\n\n{body}\n\nBest,\n{name.split()[0]}"
    return "\n".join(
        f"2026-03-{r.randint(1, 28):02} {r.choice(('INFO', 'WARN', 'ERROR'))} {r.choice(('worker', 'api', 'db'))}: {r.choice(('request done', 'retrying', 'timeout', 'cache miss', 'user logged in'))} in {r.randint(1, 900)} ms"
        for _ in range(r.randint(3, 12))
    )


def indirect(r: Random, hosts: Sequence[str], asks: Sequence[str] = (), many: int = 9000) -> Iterator[Text]:
    """Tool answers and documents, with something planted, something only similar, or nothing."""
    for number in range(many):
        if number % 4 == 0 or not hosts:
            host = record(r)
        else:
            whole = r.choice(hosts)
            length = r.choice((300, 600, 1200, 2000))
            start = r.randrange(max(1, len(whole) - length))
            host = whole[start : start + length]
        what, category = planted(r, asks)
        text, span = plant(host, what, r)
        yield Text(text, 1, "made_indirect", category, span)
        if number % 3 == 0:
            yield Text(
                plant(host, _fill(r.choice(p.DOCUMENT_BENIGN), r), r)[0],
                0,
                "made_indirect",
                "made_look_alike",
            )
        if number % 6 == 1:
            yield Text(record(r), 0, "made_indirect", "made_record")
        if number % 24 == 2:
            kind = r.choice((agent_file, agent_file, system_prompt, system_prompt, about_attacks, agent_log))
            yield Text(kind(r), 0, "made_indirect", f"made_{kind.__name__}")
        if number % 24 == 4 and hosts:
            host = r.choice(hosts)[:1500]
            yield Text(plant(host, about_attacks(r), r)[0], 0, "made_indirect", "made_about_attacks")
        if number % 8 == 3:
            what, category = planted(r, asks)
            yield Text(what, 1, "made_indirect", category)
        if number % 12 == 5:
            lines = [_fill(r.choice(p.DOCUMENT_BENIGN), r) for _ in range(r.randint(2, 6))]
            yield Text(" ".join(lines), 0, "made_indirect", "made_document")
