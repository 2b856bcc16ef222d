"""Recipes for what names somebody in addresses: wallets, credentials in URLs, home folders and profiles."""

from __future__ import annotations

import re

from guardrails.catalogue.proofs import wallet
from guardrails.catalogue.validators import no_placeholder
from guardrails.detectors.pii_recipes import Candidate, Judged, Recipe, recipe

_WALLET = (
    r"(?<![A-Za-z0-9_])(?:(?:bc1|ltc1)[a-z0-9]{25,87}|(?:BC1|LTC1)[A-Z0-9]{25,87}|addr1[a-z0-9]{50,110}"
    r"|0x[0-9A-Fa-f]{40}|[13LM39DATXr][1-9A-HJ-NP-Za-km-z]{24,34})(?![A-Za-z0-9_])"
)
_LOWER_HEX = 0.3


def _crypto(candidate: Candidate) -> Judged | None:
    value = candidate.value
    currency = wallet(value)
    if currency:
        return Judged(1.0, f"checksum of {currency} address")
    if value.startswith("0x") and value[2:] in (value[2:].lower(), value[2:].upper()):
        # An address without the case of EIP-55 is as good as any forty hexadecimal digits.
        return Judged(_LOWER_HEX, "shape of an ETH address")
    return None


_CREDENTIALS = (
    r"(?<![A-Za-z0-9+.\-])[A-Za-z][A-Za-z0-9+.\-]{1,20}://(?P<secret>[^\s/:@\"'<>`\\]{0,64}:[^\s/@\"'<>`\\]{1,128})"
    r"@[A-Za-z0-9\[][A-Za-z0-9.\-:\]]{0,253}"
)


def _credentials(candidate: Candidate) -> Judged | None:
    password = candidate.value.partition(":")[2]
    if not no_placeholder(password):
        return None
    return Judged(0.9, "user and password before the host of a URL")


_PATH = (
    r"(?:(?<![A-Za-z0-9_.\-])/(?:home|Users)/|(?<![A-Za-z0-9_])[A-Za-z]:\\{1,2}Users\\{1,2}"
    r"|https?://(?:[a-z]{2,3}\.)?(?:linkedin\.com/in|facebook\.com|instagram\.com|twitter\.com|x\.com|t\.me)/)"
    r"(?P<secret>[A-Za-z][A-Za-z0-9._\-]{1,40})(?![A-Za-z0-9_])"
)
_NOBODY = re.compile(
    r"(?:user|username|users|ubuntu|admin|administrator|root|runner|node|app|public|default|shared|guest|work|dev"
    r"|vagrant|ec2-user|circleci|travis|jenkins|build|docker|git|you|your.?name|me|name|home|share|sharer|pages|groups"
    r"|login|intent|p|watch|hashtag|search|explore|company|vscode|coder|codespace|appuser|nonroot|all.users)",
    re.IGNORECASE,
)


def _personal_path(candidate: Candidate) -> Judged | None:
    if _NOBODY.fullmatch(candidate.value):
        return None
    return Judged(0.6, "name in a path")


ONLINE: tuple[Recipe, ...] = (
    recipe(
        "CRYPTO",
        _WALLET,
        _crypto,
        (
            "wallet",
            "btc",
            "bitcoin",
            "crypto",
            "ethereum",
            "eth",
            "ledger",
            "brieftasche",
            "monedero",
            "portefeuille",
        ),
        triggers=(
            r"\b[13LM39DATXr][1-9A-HJ-NP-Za-km-z]{24,34}\b",
            r"\b(?:bc1|ltc1|BC1|LTC1|addr1)[A-Za-z0-9]{25}",
            r"\b0x[0-9A-Fa-f]{40}\b",
        ),
    ),
    recipe("URL_CREDENTIALS", _CREDENTIALS, _credentials),
    recipe("PERSONAL_PATH", _PATH, _personal_path),
)
