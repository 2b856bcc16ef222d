"""What the name that a value is assigned to says about the value."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache


class Telling(IntEnum):
    """How much a name tells."""

    NOTHING = 0  # or it tells that the value is no secret: a count, a path, a label
    KEY = 1  # `key`, `auth`, `session`: often something else
    TOKEN = 2  # what a machine made: `api_key`, `client_secret`, `token`
    PASSWORD = 3  # what a person may have thought up


_PASSWORD = re.compile(
    r" (?:\w*(?:password|passwd|passphrase|passcode|passwort|kennwort|contrasena|contraseña|senha)s?"
    r"|\w*pwd|\w*psw|pass|pw|psk|pword|mot de passe"
    r"|(?:db|my|user|admin|root|login|smtp|ftp|ssh|mysql|pg|sql|mail|email|ldap|redis|db\w)pass) "
)
_KEY_OF = (  # what a key is of, when it is a secret
    "api|access|secret|auth|private|master|signing|sign|license|licence|encryption|encrypt|encryptor|enc|crypt|"
    "crypto|deploy|deployment|server|shared|account|storage|subscription|app|application|service|admin|client|"
    "consumer|write|read|integration|ingest|instrumentation|hmac|aes|rsa|des|jwt|session|cookie|base|store|"
    "function|host|data|user|primary|secondary|live|prod|production|sandbox|test|bot|project|org|team|personal|"
    "security|sec|decryption|transfer|upload|push|publish|developer|dev|global|x|fernet|django|flask|rails|web|"
    "login|root|bugsnag|sentry|segment|mixpanel|maps?|sdk|rest|graphql|webhooks?"
)
_GLUED = (
    "api|access|secret|auth|private|master|signing|license|encryption|deploy|server|shared|account|storage"
)
_TOKEN = re.compile(
    r" (?:\w*(?:secret|token)s?|creds?|credentials?|bearer|jwt|pat|dsn|otp|auth|authorization|webhook"
    rf"|\w*(?:{_GLUED}|subscription|app)keys?|(?:{_KEY_OF}) keys?|key base|pass key|secret access key) "
)
_KEY = re.compile(
    r" (?:\w*keys?|auths?|salts?|pepper|sig|signature|sess|\w*session(?: ?id)?|\w*cookies?|sid"
    r"|phpsessid|jsessionid) "
)
_LAST = """
name names id ids type types url urls uri uris endpoint path paths file files filename dir length
len size count limit field fields label placeholder hint prompt help description title message error
text regex pattern format policy rule class style icon expires expiry expiration ttl timeout age
version algorithm alg header prefix suffix separator hash digest fingerprint checksum enabled
required provider manager handler index ref reference arn status state role scope mode kind method
encryption usage selector attribute property column table generator validator verifier parser reader
"""
# As the last word of a name, each of these says that the value is something about a secret.
_LAST_WORDS = frozenset(_LAST.split())
_NO_SECRET = re.compile(
    r" (?:"
    r"pub(?:lic)?|publishable|next|previous|page|continuation|pagination|pad|eos|bos|unk|cls|mask"
    r"|special|vocab|sort|partition|foreign|hot|arrow|keyboard|shortcut|fingerprint|thumbprint|checksum"
    r"|digest|integrity|md5|sha\d*|crc|etag|commit|revision|uuid|guid|max|min|num|n|total|image|video"
    r"|audio|input|output|prompt|completion|idempotency|translation|i ?18 ?n|lang|locale|css|is|has|cache"
    r"|dedup|row|column|primary key name|host key|known"
    r") "
)


@lru_cache(maxsize=4096)
def telling(words: str, before: str = "") -> Telling:
    """What a name tells; `words` are its words between single spaces, `before` the one or two before it."""
    if _NO_SECRET.search(words) or words.rstrip().rpartition(" ")[2] in _LAST_WORDS:
        return Telling.NOTHING
    if _PASSWORD.search(words):
        return Telling.PASSWORD
    if _TOKEN.search(words) or _TOKEN.search(f"{before.rstrip()}{words}"):
        return Telling.TOKEN
    return Telling.KEY if _KEY.search(words) else Telling.NOTHING
