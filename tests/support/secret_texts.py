"""Makes texts with secrets in them: what people paste, with values drawn anew for every seed."""

import json
import random
import string
from urllib.parse import quote

BASE62 = string.ascii_letters + string.digits
_MARKS = "!#%*+-_.~^"
_NAMES = (
    "DB_PASSWORD",
    "SMTP_PASSWORD",
    "API_KEY",
    "STRIPE_API_KEY",
    "JWT_SECRET",
    "AUTH_TOKEN",
    "CLIENT_SECRET",
)


def token(source, length=32):
    """Letters and digits, with at least one of each."""
    value = "".join(source.choices(BASE62, k=length - 2))
    return source.choice(string.ascii_letters) + value + source.choice(string.digits)


def password(source, length=14):
    """What a password manager makes: letters, digits and marks."""
    inner = [*source.choices(BASE62, k=length - 4), source.choice(_MARKS), source.choice(string.digits)]
    source.shuffle(inner)
    return source.choice(string.ascii_letters) + "".join(inner) + source.choice(string.ascii_letters)


def value(source):
    """A secret of some look."""
    makers = (
        token,
        password,
        lambda one: "".join(one.choices("0123456789abcdef", k=32)),
        lambda one: "ghp_" + token(one, 36),
        lambda one: "glpat-" + token(one, 20),
        lambda one: "xoxb-" + "".join(one.choices(string.digits, k=12)) + "-" + token(one, 24),
    )
    return source.choice(makers)(source)


def _camel(name):
    first, *rest = name.lower().split("_")
    return first + "".join(part.title() for part in rest)


def env(pairs):
    return "".join(f"{name}={value}\n" for name, value in pairs)


def shell(pairs):
    return "".join(f"export {name}='{value}'\n" for name, value in pairs)


def json_text(pairs):
    return json.dumps({"service": "billing", "port": 8080, **{_camel(name): value for name, value in pairs}})


def json_in_json(pairs):
    return json.dumps({"role": "tool", "content": json_text(pairs)})


def yaml(pairs):
    return "config:\n" + "".join(f"  {name.lower()}: '{value}'\n" for name, value in pairs)


def yaml_entries(pairs):
    return "env:\n" + "".join(f'  - name: {name}\n    value: "{value}"\n' for name, value in pairs)


def python(pairs):
    return "import os\n\n" + "".join(f'{name} = "{value}"\n' for name, value in pairs)


def java(pairs):
    return "".join(f'  private static final String {name} = "{value}";\n' for name, value in pairs)


def golang(pairs):
    return "".join(f'\tvar {_camel(name)} string = "{value}"\n' for name, value in pairs)


def xml(pairs):
    return "<c>" + "".join(f"<{_camel(name)}>{value}</{_camel(name)}>" for name, value in pairs) + "</c>"


def flags(pairs):
    return "deploy " + " ".join(f"--{name.lower().replace('_', '-')} {value}" for name, value in pairs)


def url(pairs):
    query = "&".join(f"{name.lower()}={quote(value, safe='')}" for name, value in pairs)
    return f"https://api.acme.example/v1/items?page=2&{query}&sort=asc"


def numbered(pairs):
    return "".join(f'{line:6}\t{name} = "{value}"\n' for line, (name, value) in enumerate(pairs, 7))


def diff(pairs):
    return "@@ -1,3 +1,9 @@\n" + "".join(f'+{name} = "{value}"\n' for name, value in pairs)


def log(pairs):
    return "".join(
        f"2026-11-23T10:00:00Z DEBUG config {name.lower()}={value} retries=3\n" for name, value in pairs
    )


def markdown_table(pairs):
    return "".join(f"| {' | '.join(cells)} |\n" for cells in _rows(pairs, "---"))


def csv(pairs):
    header, _, row = _rows(pairs, "")
    return f"id,{','.join(header)}\n1,{','.join(row)}\n"


def _rows(pairs, rule):
    names = [name for name, _ in pairs] + ["id"]
    return names, [rule] * len(names), [value for _, value in pairs] + ["7"]


def mapping(pairs):
    return "SECRETS = {" + ", ".join(f'"{name.lower()}": "{value}"' for name, value in pairs) + "}\n"


def fallback(pairs):
    return "".join(f"const {_camel(name)} = process.env.{name} || '{value}';\n" for name, value in pairs)


FORMS = {
    form.__name__: form
    for form in (
        env,
        shell,
        json_text,
        json_in_json,
        yaml,
        yaml_entries,
        python,
        java,
        golang,
        xml,
        flags,
        url,
        numbered,
        diff,
        log,
        markdown_table,
        csv,
        mapping,
        fallback,
    )
}


def pairs(seed, count):
    """So many names with secrets of their own."""
    source = random.Random(seed)
    return [(name, value(source)) for name in source.sample(_NAMES, count)]
