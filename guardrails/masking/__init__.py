"""Masking: what a found value is replaced with, and where."""

from guardrails.masking.copies import Copies, traces
from guardrails.masking.keys import Keys
from guardrails.masking.operators import (
    AnyMask,
    EncryptMask,
    HashMask,
    PartialMask,
    PlaceholderMask,
    RedactMask,
    ReplaceMask,
    Restore,
    decrypt,
    meant,
    replacement,
)
from guardrails.masking.own import own_placeholders
from guardrails.masking.placeholders import MOST, placeholder
from guardrails.masking.plan import Replacement, apply_plan, inserted, plan, to_source
from guardrails.masking.restore import (
    Destination,
    Kept,
    Permits,
    Restored,
    Restorer,
    restore_body,
    restoring_edits,
)
from guardrails.masking.subjects import Subjects
from guardrails.masking.surrogates import SurrogateMask

__all__ = [
    "MOST",
    "AnyMask",
    "Copies",
    "Destination",
    "EncryptMask",
    "HashMask",
    "Kept",
    "Keys",
    "PartialMask",
    "Permits",
    "PlaceholderMask",
    "RedactMask",
    "ReplaceMask",
    "Replacement",
    "Restore",
    "Restored",
    "Restorer",
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
    "restore_body",
    "restoring_edits",
    "to_source",
    "traces",
]
