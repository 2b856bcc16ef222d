"""Masking: what a found value is replaced with, and where."""

from guardrails.masking.keys import Keys
from guardrails.masking.operators import (
    AnyMask,
    EncryptMask,
    HashMask,
    PartialMask,
    PlaceholderMask,
    RedactMask,
    ReplaceMask,
    decrypt,
    meant,
    replacement,
)
from guardrails.masking.own import own_placeholders
from guardrails.masking.placeholders import PLACEHOLDER, placeholder
from guardrails.masking.plan import Replacement, apply_plan, inserted, plan, to_source
from guardrails.masking.subjects import Subjects
from guardrails.masking.surrogates import SurrogateMask

__all__ = [
    "PLACEHOLDER",
    "AnyMask",
    "EncryptMask",
    "HashMask",
    "Keys",
    "PartialMask",
    "PlaceholderMask",
    "RedactMask",
    "ReplaceMask",
    "Replacement",
    "Subjects",
    "SurrogateMask",
    "apply_plan",
    "decrypt",
    "inserted",
    "meant",
    "own_placeholders",
    "placeholder",
    "plan",
    "replacement",
    "to_source",
]
