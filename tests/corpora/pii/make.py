"""Writes the sample corpus beside it: `python tests/corpora/pii/make.py`.

Every value is generated: identifiers from the catalogue's own expressions and proofs, mail addresses at
domains set aside for examples, everything else at random. The same seed gives the same files.
"""
# ruff: noqa: E501

import json
import random
import string
from pathlib import Path

from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from guardrails.catalogue import samples
from guardrails.catalogue.identifier_kinds import identifiers

HERE = Path(__file__).parent
SEED = "pii corpus"
SLOW = {"MX_CURP", "UY_RUT", "CN_RESIDENT_ID"}

SENTENCES = {
    "en": ["My {word} is {value}, thanks.", "Please check {word} {value} before Friday.", "{word}: {value}"],
    "de": ["Meine {word} lautet {value}.", "{word}: {value}", "Bitte {word} {value} eintragen."],
    "fr": ["Mon {word} est le {value}.", "{word} : {value}", "Voici le {word} {value}, merci."],
    "es": ["Mi {word} es {value}, gracias.", "{word}: {value}", "El {word} del cliente es {value}."],
    "it": ["Il mio {word} è {value}.", "{word}: {value}"],
    "pt": ["O meu {word} é {value}.", "{word}: {value}"],
    "nl": ["Mijn {word} is {value}.", "{word}: {value}"],
    "pl": ["Mój {word} to {value}.", "{word}: {value}"],
}
CODE = [
    'user["{key}"] = "{value}"',
    "  {key}: {value}",
    '{{"{key}": "{value}", "ok": true}}',
    "INSERT {key}='{value}';",
]


def text_with(template, value, type, **more):
    before, _, after = template.partition("{value}")
    before, after = before.format(**more), after.format(**more)
    return record(before + value + after, [(len(before), len(before) + len(value), type)], [type])


def record(text, spans, labels, **more):
    return {
        "text": text,
        "spans": [{"start": start, "end": end, "type": type} for start, end, type in spans],
        "labels": labels,
        **more,
    }


def of_the_catalogue(source):
    """For every identifier: with a context word in prose and as a key, and broken with the same words."""
    for one in identifiers().values():
        for number, (language, words) in enumerate(one.context.items()):
            if one.entity in SLOW and number:
                continue
            word = source.choice(words)
            value = samples.sample(one, source)
            template = source.choice(SENTENCES.get(language, SENTENCES["en"]))
            yield text_with(template, value, one.entity, word=word)
            if number == 0:
                key = word.replace(" ", "_")
                yield text_with(source.choice(CODE), value, one.entity, key=key)
                try:
                    broken = samples.broken(one, value, source)
                except samples.NoSampleError:
                    continue
                yield record(template.format(word=word, value=broken), [], [one.entity], note="broken")


def digits(source, count):
    return "".join(source.choices(string.digits, k=count))


def contact(source):
    """Mail, phone, card, account, network addresses, wallets and dates of birth."""
    names = ["ada", "grace.hopper", "j-p.dupont", "m.müller", "zofia_k", "o'brien", "li.wei+tag"]
    for number in range(60):
        mail = f"{source.choice(names)}{number}@{source.choice(['example.com', 'mail.example.org', 'example.net'])}"
        template = source.choice(
            ["Write to {value} today.", "<{value}>", 'email="{value}"', "mailto:{value}?x=1", "{value}"]
        )
        yield text_with(template, mail, "EMAIL_ADDRESS")
    formats = [
        "+1 212-555-01{}",
        "(415) 555-01{}",
        "+44 20 7946 09{}",
        "+49 30 23125 1{}",
        "+33 1 99 00 12 {}",
        "+34 911 23 45 {}",
    ]
    for _ in range(60):
        phone = source.choice(formats).format(digits(source, 2))
        template = source.choice(
            ["Call me at {value} please", "phone: {value}", "Tel. {value}", "my number is {value}."]
        )
        yield text_with(template, phone, "PHONE_NUMBER")
    for _ in range(60):
        prefix, size = source.choice(
            [("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3528", 16)]
        )
        body = prefix + digits(source, size - len(prefix) - 1)
        card = body + luhn.calc_check_digit(body)
        if size == 16 and source.random() < 0.5:
            card = " ".join(card[place : place + 4] for place in range(0, 16, 4))
        template = source.choice(
            ["card {value} exp 12/29", "declined card={value} from", "pay with {value}, please"]
        )
        yield text_with(template, card, "CREDIT_CARD")
        wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
        yield record(template.format(value=wrong), [], ["CREDIT_CARD"], note="broken")
    for _ in range(40):
        country, size = source.choice(
            [("DE", 18), ("FR", 23), ("ES", 20), ("PL", 24), ("BE", 12), ("AT", 16)]
        )
        body = digits(source, size)
        iban = country + mod_97_10.calc_check_digits(body + country) + body
        yield text_with(
            source.choice(["IBAN {value}", "account {value}", "iban = '{value}'"]), iban, "IBAN_CODE"
        )
    for _ in range(40):
        area = source.choice([number for number in range(100, 899) if number != 666])
        ssn = f"{area}-{source.randint(10, 99)}-{source.randint(1000, 9999)}"
        yield text_with(
            source.choice(["SSN {value}", "ssn='{value}'", "social security number {value}."]), ssn, "US_SSN"
        )
    for _ in range(40):
        address = ".".join(str(source.randint(low, 220)) for low in (20, 1, 1, 1))
        if address.startswith(("100.", "127.", "169.", "172.", "192.", "198.", "203.")):
            continue
        yield text_with(
            source.choice(["from {value}", "client {value} connected", "server {value}:8080"]),
            address,
            "IP_ADDRESS",
        )
    for _ in range(20):
        mac = ":".join(f"{source.randint(0, 255):02x}" for _ in range(6))
        yield text_with("link/ether {value} brd", mac, "MAC_ADDRESS")
    births = [
        "born on {value}",
        "DOB: {value}",
        "geboren am {value}",
        "née le {value}",
        "fecha de nacimiento: {value}",
    ]
    births += ["nata il {value}", "data de nascimento: {value}", "geboortedatum {value}", "urodzona {value}"]
    for template in births * 3:
        day, month, year = source.randint(1, 28), source.randint(1, 12), source.randint(1930, 2010)
        shape = source.choice(["{d:02}/{m:02}/{y}", "{d}.{m}.{y}", "{y}-{m:02}-{d:02}"])
        yield text_with(template, shape.format(d=day, m=month, y=year), "DATE_OF_BIRTH")


def clean(source):
    """Lines that machines and people write and that hold no personal data, though they look like it."""

    def hexes(count):
        return "".join(source.choices("0123456789abcdef", k=count))

    def uuid():
        return "-".join(map(hexes, (8, 4, 4, 4, 12)))

    makers = [
        lambda: f"request_id={uuid()} took {source.random() * 100:.3f} ms",
        lambda: f"commit {hexes(40)}",
        lambda: f"sha256:{hexes(64)}",
        lambda: (
            f"ts={source.randint(15 * 10**8, 19 * 10**8)} seq={digits(source, 10)} ns={digits(source, 18)}"
        ),
        lambda: (
            f"version {source.randint(1, 30)}.{source.randint(0, 99)}.{source.randint(0, 99)}.{source.randint(0, 9999)}"
        ),
        lambda: f"[{', '.join(f'{source.uniform(-1, 1):.8f}' for _ in range(6))}]",
        lambda: f"int table[] = {{{', '.join(digits(source, source.randint(3, 11)) for _ in range(8))}}};",
        lambda: (
            f"Order #{digits(source, 9)} SKU {source.choice(string.ascii_uppercase)}{digits(source, 7)} shipped"
        ),
        lambda: f"ISBN 978-{digits(source, 1)}-{digits(source, 4)}-{digits(source, 4)}-{digits(source, 1)}",
        lambda: (
            f"INSERT INTO t VALUES ({digits(source, 9)}, {digits(source, 10)}, '{hexes(10)}', {digits(source, 4)}.50);"
        ),
        lambda: (
            f'  File "/usr/lib/app_{digits(source, 3)}.py", line {source.randint(1, 9999)}, in run_{digits(source, 2)}'
        ),
        lambda: (
            f"@@ -{digits(source, 4)},{digits(source, 2)} +{digits(source, 4)},{digits(source, 2)} @@ def run(self):"
        ),
        lambda: (
            f'"id": {digits(source, 18)}, "parent_id": "{digits(source, 19)}", "pid": {digits(source, 5)}'
        ),
        lambda: f"rows {digits(source, 3)} {digits(source, 3)} {digits(source, 4)} rev {digits(source, 10)}",
        lambda: f"panic at 0x{hexes(12)} rsp=0x{hexes(16)} run {digits(source, 8)}",
        lambda: (
            f"2024-{source.randint(1, 12):02}-{source.randint(1, 28):02}T10:15:{digits(source, 2)}.{digits(source, 3)}Z INFO pool-{digits(source, 1)} lag={digits(source, 5)}"
        ),
        lambda: (
            f"M{source.random() * 999:.3f},{source.random() * 999:.3f} C{source.random() * 999:.4f} {source.random() * 999:.4f}"
        ),
        lambda: f"const MAX_{digits(source, 2)} = {digits(source, 9)}; // see fmt.Errorf and app.py",
        lambda: f"nit: rename x{digits(source, 7)} before we run {digits(source, 9)} of them, us included",
        lambda: f"vivimos sin {digits(source, 9)} pesos; ein Wert von {digits(source, 9)} ist zu hoch",
        lambda: f"the pan holds {digits(source, 10)} ml and the card deck {digits(source, 12)} cards",
        lambda: f"uid={digits(source, 9)} gid={digits(source, 9)} inode {digits(source, 10)}",
        lambda: (
            f"invoice INV-{digits(source, 8)} tracking 1Z{hexes(16).upper()} total {digits(source, 5)}.00"
        ),
        lambda: f"docker run -p {digits(source, 4)}:80 registry.local/app@sha256:{hexes(64)}",
        lambda: "The committee met in March and agreed to review the budget for schools next year.",
        lambda: f"guid {{{uuid().upper()}}} build {digits(source, 8)}-{digits(source, 4)}",
    ]
    for _ in range(8):
        for make in makers:
            yield record("\n".join(make() for _ in range(3)), [], [])


def main():
    for name, maker in (("identifiers", of_the_catalogue), ("contact", contact), ("clean", clean)):
        source = random.Random(f"{SEED} {name}")
        lines = [json.dumps(one, ensure_ascii=False) for one in maker(source)]
        (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        print(name, len(lines))


if __name__ == "__main__":
    main()
