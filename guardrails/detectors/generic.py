"""Tells a secret from what else is assigned to a telling name."""

from __future__ import annotations

import re

from guardrails.catalogue.names import Telling, telling
from guardrails.catalogue.values import odds, password_score, stands_for_another, varied
from guardrails.detectors.assignments import Assignment, Join

_OTHER = re.compile(
    r"""(?xi)
    [0-9a-f]{8}-?(?:[0-9a-f]{4}-){3}[0-9a-f]{12}                                # a UUID
    | \d{4}-\d\d-\d\d (?:[T ].*)? | [\d.,:/+-]+ %? | 0x(?:[0-9a-f]{1,8}|[0-9a-f]{40}) # dates, numbers
    | [#][0-9a-f]{3,8} | v?\d+(?:\.\d+){1,3} (?:[-+.][\w.]{1,12})?               # colours, versions
    | [a-z][a-z0-9+.-]{1,15}:// .* | (?:mailto|data|urn|tel|jdbc|git@)[:\w] .*   # addresses
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                                              # mail
    | (?:\.{0,2}|~|[a-z]:)[/\\][\w.@/\\ -]* | (?:[\w.@-]+/){2,}[\w.@-]*\.\w+     # paths
    | [\w./@-]*\.(?-i:pem|key|crt|cer|der|p12|pfx|jks|pub|json|ya?ml|txt|py|[jt]sx?|go|rb|java|php|html?|css
        |png|jpe?g|svg|gif|ico|xml|csv|md|conf|cfg|ini|toml|env|sh|sql|db|log|gpg|asc|com|org|net|io|local
        |internal|example|test)
    | did:[a-z]{2,12}:.* | z6Mk.*                                               # public keys
    | (?:sha\d{1,3}|md5|h1|blake2\w*)[-:=] .* | \$[0-9a-z]{1,8}\$ .*            # digests
    | [{](?:SSHA|SHA|MD5|CRYPT|BCRYPT)[}] .*
    | (?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\w+|pk_(?:live|test)|pk\.) .*        # public halves
    | .* (?:\(\?[:=!<P]|\\[wdsbWDSB]|\]\{\d) .*                                  # regular expressions
    | [x*!]?:\d+:\d+:.*                                                           # a line of /etc/passwd
    | AKIA[0-9A-Z]{16} | ASIA[0-9A-Z]{16}
    """
)
_PREFIXED_UUID = re.compile(r"(?i)[a-z_-]{2,24}[_-][0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_HEX = re.compile(r"(?:0x)?(?:[0-9a-f]+|[0-9A-F]+)")
_STRANGE = re.compile(r"[\s<>]|[^\x21-\x7e]")
_ASKED_FOR = re.compile(r"[!@#%^&*+?~]")  # the marks that password rules ask for and names do not have
_RESOURCE = " arn aws secretsmanager "  # what follows is the name of a secret
_DIGIT = re.compile(r"[0-9]")
_MARK = re.compile(r"[^\w.:/+=@,-]")
_CHOSEN = re.compile(r" (?:\w*secret|token) ")  # what people choose too, as they do passwords
_LOOSE = frozenset({Join.SENTENCE, Join.SPACE, Join.CELL})


def generic_score(pair: Assignment) -> float:
    """From 0, no secret, to 1: whether a value is one that no kind describes, by its name and its look."""
    value = pair.value.replace(" ", "")  # some passwords are issued in groups of four
    if len(value) < 6 or _STRANGE.search(value) or _OTHER.fullmatch(value):
        return 0.0
    name = telling(pair.words, pair.before)
    if (
        name is Telling.NOTHING
        or _RESOURCE in pair.context
        or stands_for_another(value)
        or not any(map(str.isalnum, value))
    ):
        return 0.0
    if name is Telling.PASSWORD:
        return _password(pair, value)
    if value.isdigit():
        return 0.0
    return _token(pair, value, strict=name is Telling.KEY)


def _token(pair: Assignment, value: str, *, strict: bool) -> float:
    """For what a machine made. `strict`: the name is often that of something else."""
    length = len(value)
    if _PREFIXED_UUID.fullmatch(value) and not strict:
        return 0.7
    likely = odds(value)
    if pair.join in _LOOSE and not pair.quoted and (likely < 24 or length < 12):
        return 0.0
    if value.isalpha() and likely < 1.3 * length:
        return 0.0
    # Digests are hexadecimal too: only a name that says so makes a secret of one.
    if _HEX.fullmatch(value):
        return 0.7 if length >= 16 and not strict else 0.0
    if strict:
        return 0.7 if length >= 16 and likely >= 18 else 0.0
    # What has all of small letters, capitals, digits and marks was made by a password rule, and most likely
    # what has three of them, with a mark that no name has.
    chosen = length >= 8 and _CHOSEN.search(pair.words) and _ASKED_FOR.search(value)
    kinds = varied(value) if length >= 12 or chosen else 0
    if chosen and kinds == 4:
        return 0.6
    least = -12 if kinds == 4 else 0 if kinds == 3 and _MARK.search(value) else 9 if length >= 10 else 14
    return 0.75 if length >= 8 and likely >= least else 0.0


def _password(pair: Assignment, value: str) -> float:
    if pair.join in _LOOSE and odds(value) < 9 and varied(value) < 3:
        return 0.0
    if pair.join is Join.SPACE and odds(value) < (9 if pair.quoted else 14):
        # A word may follow the word `password`; what has all that password rules ask for is no word.
        least = 3 if pair.quoted else 4
        return 0.55 if len(value) >= 8 and varied(value) >= least and _DIGIT.search(value) else 0.0
    return password_score(value)
