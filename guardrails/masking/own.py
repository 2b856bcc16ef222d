"""What the service itself wrote into a text: nothing in it is masked again."""

from __future__ import annotations

from guardrails.masking import placeholders
from guardrails.masking.keys import Keys
from guardrails.masking.surrogates import own_surrogates
from guardrails.model import Span


def own_placeholders(keys: Keys, tenant: str, text: str) -> list[Span]:
    """Where the placeholders and surrogates stand that the service made for this tenant, and only those."""
    return [*placeholders.own_placeholders(keys, tenant, text), *own_surrogates(keys, tenant, text)]
