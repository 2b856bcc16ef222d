"""Values that stand where a secret would, and are none: filler that people type, references, masks.

Everything here looks at the value alone, so that nothing around it can switch a guard off.
"""

from __future__ import annotations

import re

_WORDS = (
    "your|yours|my|mine|the|this|that|our|some|any|new|old|insert|enter|add|put|replace|replaceme|change|changeme|changeit|"
    "changethis|update|set|fill|paste|here|with|me|it|in|to|from|of|for|and|or|is|a|an|not|no|real|actual|valid|invalid|"
    "wrong|bad|good|strong|super|very|top|please|use|using|generate|generated|random|unique|secure|safe|"
    "test|tests|testing|tester|example|examples|sample|samples|demo|fake|mock|mocked|dummy|stub|foo|bar|baz|qux|foobar|"
    "placeholder|redacted|removed|hidden|masked|censored|todo|fixme|tbd|xxx|default|defaults|none|null|nil|true|false|"
    "undefined|unset|empty|blank|void|optional|required|string|str|text|number|int|bool|bytes|object|value|values|val|"
    "secret|secrets|password|passwords|passwd|passphrase|pass|pwd|pw|token|tokens|key|keys|api|apikey|app|application|"
    "access|auth|authorization|bearer|basic|oauth|client|server|service|account|user|users|username|name|login|admin|"
    "administrator|root|guest|id|identifier|credential|credentials|private|public|shared|master|session|cookie|csrf|"
    "refresh|encryption|encrypted|signing|signature|webhook|connection|database|db|host|hostname|url|uri|endpoint|"
    "local|localhost|dev|development|prod|production|staging|stage|env|environment|config|configuration|setting|settings|"
    "data|field|form|input|output|type|kind|label|title|hello|world|hunter|letmein|welcome|monkey|dragon|abc|def|"
    "aws|azure|gcp|google|github|gitlab|openai|anthropic|slack|stripe|docker|npm|pypi|jwt|hex|base|"
    "one|two|first|second|other|own|long|longer|short|least|at|characters|chars|char|minimum|only|goes|contents|content"
)
_ALL_FILLER = re.compile(rf"(?i)(?:(?:{_WORDS})[-_ .:,!?*/+=\[\]()]*)+[0-9]{{0,4}}[!.]{{0,3}}")
_MARKED = re.compile(
    r"(?i)change[-_ ]?(?:me|it|this)|place[-_ ]?holder|redact|\*{3}|\.{3}|…|•"
    r"|replace[-_ ]|insert[-_ ]|your[-_ ]|[-_ ](?:here|goes)\b|[-_]me\b|<[a-z]|not[-_]?a[-_]?real"
    r"|(?<![a-z])(?:dummy|todo|fixme|fake|mock)(?![a-z])|(?<![a-z0-9])x{4}|x{6}"
    r"|example|lorem|_{4}|-{4}|#{4}"
)
_EXAMPLE_SUFFIX = re.compile(r"EXAMPLE(?:KEY)?$")
_REFERENCE = re.compile(
    r"""(?x)
    \$ [A-Za-z_][\w.:-]* \$? | \$ [({] .* | \$\$ .*
    | % [A-Za-z_]\w* % | % [({] .* | %[sdrvq] | : [a-z_]\w* | \? | @ [\w.{(\[-]+ | ! [A-Z]\w* .* | \# [{] .*
    | < .* | \[ .* \]? | \{ .* | .* \{\{ .* | .* \$\{ .* | .* \$\( .* | .* \#\{ .* | .* <% .* | .* %> .*
    | .* \{ [A-Za-z_][\w.]* (?: [!:] \w* )? \} .* | .* \{ \d? \} .* | .* %\( \w+ \) .*
    | (?: .* [^A-Za-z0-9] )? %[sd] (?: [^A-Za-z0-9] .* )?
    | (?: process | import | os | sys | env | environ | config | cfg | conf | settings | secrets? | vars?
        | self | this | args | opts? | options | params? | ctx | context | req | request | res | response
        | props | state | data | local | module | values | inputs | steps | github | super | cls | app
        | window | document | e | event )
      (?: \? )? [.\[] [A-Za-z_"'$\[] .*
    | [A-Za-z_$][\w.$:]* (?: -> \w+ )* \( .* | [A-Za-z_$][\w.$]* \[ .*
    | (?: new | await | function | async | lambda ) \b .*
    | (?: ENC | vault | ref | secretref | arn | keyvault | op | ssm | file | env | gcp | sm ) : [A-Za-z/]? .*
    """
)
_OURS = re.compile(r"MASKED_[A-Z][A-Z0-9_]*_[0-9A-Z]{16}")
_SEQUENCES = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "abcdefabcdef",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "1qaz2wsx3edc4rfv",
)
_RUNS = frozenset(
    line[at : at + 4] for row in _SEQUENCES for line in (row, row[::-1]) for at in range(len(line) - 3)
)


_SHORT = 128
_LOOK = 400  # a reference shows at its beginning


def is_filler(value: str) -> bool:
    """Words that people type where a secret goes, one character over and over, or a keyboard walk."""
    return (
        is_monotonous(value)
        or is_marked(value)
        or (len(value) <= 120 and _ALL_FILLER.fullmatch(value) is not None)
    )


def is_marked(value: str) -> bool:
    """A part of the value says that it is none: `xxxx`, `your-`, `EXAMPLE` at the end.

    Only the beginning counts: in a long random value each of the words comes by chance.
    """
    return _EXAMPLE_SUFFIX.search(value) is not None or _MARKED.search(value[:_SHORT]) is not None


def is_monotonous(value: str) -> bool:
    """Few different characters, one piece repeated, or mostly runs such as `1234` and `qwer`."""
    length = len(value)
    if len(set(value)) <= max(2, min(8, length // 12)):
        return True
    if length >= 6 and value in (value + value)[1:-1]:
        return True
    lower = value.lower()
    walked = sum(lower[at : at + 4] in _RUNS for at in range(length - 3))
    return walked * 2 >= length - 3 or (walked >= 5 and walked * 3 >= length - 3)


def is_reference(value: str) -> bool:
    """The name of a variable, a template or a call where the value itself would stand."""
    return _REFERENCE.fullmatch(value[:_LOOK]) is not None


def is_masked(value: str) -> bool:
    """Already masked by us."""
    return _OURS.search(value) is not None
