"""Made-up attacks and their harmless look-alikes, from the phrase banks. Seeded; nothing is downloaded."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator, Sequence

from training.content import banks, grammar
from training.content import phrases as p
from training.content.records import Text

BANK = banks.read("injection")
LANGUAGES = banks.read("languages")

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


def said(section: str, r: Random) -> str:
    """A few sentences of the grammar, most of them one, as people write them."""
    text = _fill(grammar.say("direct", section, r), r)
    kind = r.random()
    if kind < 0.45:
        text = text[:1].upper() + text[1:]
    elif kind < 0.6:
        text = text.lower().rstrip(".")
    return mutate(text, r) if r.random() < 0.3 else text


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


NOISE_WORDS = (
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
    "Here",
    "exemple",
    "regard",
    "Title",
    "body",
    "Begin",
    "notwithstanding",
    "plain",
    "Text",
    "List",
    "Bullet",
    "respuesta",
    "Antwort",
    "voici",
    "mas",
    "aber",
    "donc",
    "tellement",
    "formatted",
    "ASCII",
    "Unterscheidung",
    "emphasis",
    "quelque",
    "maybe",
    "opposite",
    "inverse",
    "Prompt",
    "print",
    "subst",
    "enumerate",
    "sur",
    "giants",
    "Mode",
    "hiding",
    "lemma",
    "Oracle",
    "question",
    "brief",
    "wikipedia",
    "NOTE",
    "latex",
    "newcommand",
    "textbf",
    "dialogue",
    "](",
    "repeating",
    "Spoiler",
    "format",
    "{-",
    "!(/",
    "!--Two",
    "Please",
    "\\u",
    "Marg",
    "uro",
    "arma",
    "podcast",
    "girlfriend",
    "estate",
    "vegetable",
)
TECHNICAL = (
    "TypeError: Cannot read properties of undefined (reading '{arg}') at Object.<anonymous> (/app/{arg}.js:{n}:{n})",
    "^(?:[a-z0-9!#$%&'*+/=?^_`{|}~-]+)@([a-z0-9-]+\\.)+[a-z]{2,}$",
    "SELECT u.id, COUNT(*) FROM {arg} u JOIN o ON u.id = o.uid WHERE o.ts > '2024-01-{n}' GROUP BY 1;",
    "f(x) = 3x^2 - {n}x + 7, g(x) = \\frac{1}{x}",
    "[[{n}, 2], [3, {n}]] -> {{'a': [1, 2], \"b\": None}}",
    "const {arg} = (a, b) => a.map((x, i) => x * b[i]).reduce((s, v) => s + v, 0);",
    "sha256:{arg}{arg}{arg}{arg} {arg}-{arg}-{arg}",
    "https://www.example.com/{arg}/{arg}?id={n}&ref={arg}#{arg}",
    "def {arg}(x, *args, **kwargs): return {{k: v for k, v in kwargs.items() if v is not None}}",
    '#include <stdio.h>\nint main(void) {{ printf("%d\\n", {n}); return 0; }}',
    "ls -la | awk '{{print $5, $9}}' | sort -rn | head -{n}",
    "{n}. Nf3 Nc6 {n}. Bb5 a6 {n}. Ba4 Nf6 O-O Be7",
    '"name";"{arg}";{n};"{arg}@example.com"\n"total";;{n}.50;',
    '<div class="{arg}" style="margin:{n}px"><a href="#">{arg}</a></div>',
    "eyJhbGciOiJIUzI1NiJ9.{arg}{arg}.{arg}{arg}{arg}",
)


def suffix(r: Random) -> str:
    """A run of tokens as an optimiser or a random generator finds it: no language, many signs."""
    if r.random() < 0.3:
        return "".join(
            r.choices(string.ascii_letters + string.digits + string.punctuation + "  \t", k=r.randint(12, 60))
        )
    signs, words = r.uniform(0.1, 0.6), r.uniform(0.3, 0.9)
    pieces = []
    for _ in range(r.randint(8, 30)):
        kind = r.random()
        if kind < signs:
            pieces.append("".join(r.choices(string.punctuation, k=r.randint(1, 4))))
        elif kind < signs + (1 - signs) * words:
            word = r.choice(NOISE_WORDS) if r.random() < 0.7 else r.choice(p.TASK_HOW).split()[-1]
            if r.random() < 0.3:  # words that run into one another
                word += r.choice((str.upper, str.title, str))(r.choice(NOISE_WORDS))
            pieces.append(
                word + r.choice(("", "", "", "!", ">>", "(", "]", "**", "\\", "}{", '":', "[/", '="', ".]"))
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


def long_jailbreak(r: Random) -> str:
    """A role-play without limits from the grammar: who, under which rules, what for."""
    role = r.choice(p.PERSONAS) if r.random() < 0.25 else _name(r)
    lines = [grammar.say("long", "jb_open", r)]
    lines += [grammar.say("long", "jb_rule", r) for _ in range(r.choice((1, 2, 3, 5, 8, 12)))]
    if r.random() < 0.2:
        lines.insert(r.randint(1, len(lines)), grammar.say("long", "jb_talk", r))
    if r.random() < 0.15:
        lines.insert(r.randint(0, len(lines)), grammar.say("direct", "override", r))
    if r.random() < 0.7:
        lines.append(grammar.say("long", "jb_close", r))
    return mutate(_joined(lines, r, persona=role), r) if r.random() < 0.2 else _joined(lines, r, persona=role)


def _joined(lines: Sequence[str], r: Random, **slots: str) -> str:
    """Sentences as one text; a slot that is named here is the same in all of them."""
    filled = []
    for line in lines:
        for name, value in slots.items():
            line = line.replace(f"{{{name}}}", value)
        filled.append(_fill(line, r))
    return r.choice((" ", " ", " ", "\n", "\n\n", "\n- ")).join(filled)


def role_prompt(r: Random) -> str:
    """What an assistant or a character is told to be and to do, without anything lifted."""
    lines = [grammar.say("long", "role_open", r)]
    lines += [grammar.say("long", "role_rule", r) for _ in range(r.choice((0, 1, 2, 3, 5, 8, 14)))]
    if r.random() < 0.3:
        lines.insert(r.randint(1, len(lines)), _fill(r.choice(BANK["system_prompts"]), r))
    if r.random() < 0.5:
        lines.append(grammar.say("long", "role_close", r))
    return _joined(lines, r)


def agent_file(r: Random) -> str:
    """Instructions for a coding agent as a repository keeps them: harmless where they stand."""
    if r.random() < 0.2:  # without form
        return " ".join(_fill(one, r) for one in r.sample(BANK["agent_rules"], r.randint(2, 10)))
    lines = [grammar.say("long", "file_head", r)]
    for _ in range(r.randint(1, 4)):
        lines += ["", grammar.say("long", "file_title", r), ""]
        lines += [grammar.say("long", "file_line", r) for _ in range(r.randint(1, 6))]
        lines += [f"- {one}" for one in r.sample(BANK["agent_rules"], r.randint(0, 3))]
    return "\n".join(_fill(line, r) for line in lines)


def agent_log(r: Random) -> str:
    """What an agent and its tools say while it works."""
    lines = [
        grammar.say("long", "log_line", r) if r.random() < 0.75 else r.choice(BANK["agent_log"])
        for _ in range(r.randint(2, 16))
    ]
    if r.random() < 0.3:
        lines.insert(0, r.choice(BANK["agent_rules"]))
    return r.choice(("\n", "\n", "\n", "\n\n", " ")).join(_fill(line, r) for line in lines)


def system_prompt(r: Random) -> str:
    """A developer's instructions for an assistant."""
    if r.random() < 0.1:
        return _fill(r.choice(p.SYSTEM_PROMPTS), r)
    if r.random() < 0.6:
        return role_prompt(r)
    lines = [_fill(one, r) for one in r.sample(BANK["system_prompts"], r.randint(2, 10))]
    return r.choice((" ", " ", "\n", "\n- ", "\n\n")).join(lines)


def about_attacks(r: Random) -> str:
    """A document or code that speaks of attacks."""
    lines = [
        _fill(
            grammar.say("long", "about_line", r) if r.random() < 0.6 else r.choice(BANK["about_attacks"]), r
        )
        for _ in range(r.randint(1, 6))
    ]
    lines += [_fill(r.choice(p.DOCUMENT_BENIGN), r) for _ in range(r.choice((0, 0, 1, 2)))]
    r.shuffle(lines)
    return r.choice((" ", " ", "\n", "\n\n", "\n- ")).join(lines)


def direct(r: Random, english: int = 9000, other: int = 900) -> Iterator[Text]:
    """What users write: attacks and look-alikes, in every language of the banks."""
    for lang in p.OVERRIDE:
        many = english if lang == "en" else other
        for _ in range(many):
            if f"attack_{lang}" in LANGUAGES and r.random() < 0.5:
                text = mutate(_fill(grammar.say("languages", f"attack_{lang}", r), r), r)
            else:
                text = attack(lang, r)
            yield Text(text, 1, "made_direct", f"made_{lang}")
        for _ in range(many // 2):
            count = r.choice((1, 1, 2, 3))
            lines = [_fill(r.choice(p.BENIGN[lang]), r) for _ in range(count)]
            if f"request_{lang}" in LANGUAGES and r.random() < 0.5:
                lines = [_fill(grammar.say("languages", f"request_{lang}", r), r) for _ in range(count)]
            if lang == "en" and r.random() < 0.5:
                lines.append(_fill(r.choice(p.PLAIN), r))
            yield Text(mutate(" ".join(lines), r), 0, "made_direct", f"made_benign_{lang}")
    for _ in range(english * 2):
        yield Text(said("attack", r), 1, "made_direct", "made_said")
        yield Text(said("request", r), 0, "made_direct", "made_asked")
    for _ in range(english // 2):
        yield Text(long_jailbreak(r), 1, "made_direct", "made_role")
        yield Text(role_prompt(r), 0, "made_direct", "made_prompt")
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
    for number in range(english // 3):
        ask = (
            r.choice(p.PLAIN) if r.random() < 0.3 else grammar.say("direct", r.choice((*ASKS, "harmful")), r)
        )
        ask = _fill(ask, r)
        if number % 2:
            tail = _fill(r.choice(TECHNICAL), r)
            yield Text(f"{ask}{r.choice((' ', chr(10)))}{tail}", 0, "made_direct", "made_technical")
            continue
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


ASKS = ("user_do", "user_do", "user_ask", "user_format", "user_dev", "user_story", "user_model")


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
        if number % 8 == 2:
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
