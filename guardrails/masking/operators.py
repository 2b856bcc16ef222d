"""What a rule's `mask` block asks for. `replace`, `redact` and `encrypt` are Presidio's operators."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from guardrails.masking.keys import Keys
from guardrails.masking.placeholders import placeholder
from guardrails.masking.subjects import Sharing, Subjects
from guardrails.masking.surrogates import SurrogateMask, surrogate

if TYPE_CHECKING:
    from presidio_anonymizer.operators import Operator


class Restore(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where in a response the value comes back. Keys are ANDed, entries ORed; absent means any."""

    roles: Annotated[
        tuple[Literal["assistant", "tool"], ...] | None,
        msgspec.Meta(min_length=1, description="Who speaks: the model, or a tool that the provider ran."),
    ] = None
    kinds: Annotated[
        tuple[Literal["text", "tool_input", "tool_output", "document", "data"], ...] | None,
        msgspec.Meta(min_length=1, description="What the text is; `tool_input`: what a tool is asked to do."),
    ] = None
    tools: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] | None,
        msgspec.Meta(
            min_length=1, description="Of `tool_input`, the tools that get the value, with `*` and `?`."
        ),
    ] = None


class PlaceholderMask(
    msgspec.Struct, frozen=True, tag_field="with", tag="placeholder", forbid_unknown_fields=True
):
    """A stable, keyed placeholder: the same value is the same placeholder for a tenant."""

    restore: Annotated[
        Restore | None,
        msgspec.Meta(
            description="Where in responses the one who sent the value gets it back; absent: nowhere."
        ),
    ] = None
    subjects: Sharing = "apart"


class ReplaceMask(msgspec.Struct, frozen=True, tag_field="with", tag="replace", forbid_unknown_fields=True):
    """A fixed text."""

    text: Annotated[str, msgspec.Meta(description="What stands for the value.")]


class PartialMask(msgspec.Struct, frozen=True, tag_field="with", tag="partial", forbid_unknown_fields=True):
    """All but the first or last characters; never more than half of the value is kept."""

    keep_first: Annotated[int, msgspec.Meta(ge=0, le=12, description="Characters kept at the start.")] = 0
    keep_last: Annotated[int, msgspec.Meta(ge=0, le=12, description="Characters kept at the end.")] = 0
    char: Annotated[str, msgspec.Meta(min_length=1, max_length=1, description="What the others become.")] = (
        "*"
    )


class HashMask(msgspec.Struct, frozen=True, tag_field="with", tag="hash", forbid_unknown_fields=True):
    """A keyed hash in hexadecimal: equal values stay equal, none can be guessed without the key."""

    length: Annotated[int, msgspec.Meta(ge=16, le=64, description="Hexadecimal digits.")] = 32


class RedactMask(msgspec.Struct, frozen=True, tag_field="with", tag="redact", forbid_unknown_fields=True):
    """Nothing at all."""


class EncryptMask(msgspec.Struct, frozen=True, tag_field="with", tag="encrypt", forbid_unknown_fields=True):
    """The value under AES with the tenant's key; `guardrails.masking.decrypt` turns it back."""


AnyMask = PlaceholderMask | ReplaceMask | PartialMask | HashMask | RedactMask | EncryptMask | SurrogateMask


def meant(mask: AnyMask, subjects: Subjects, label: str, value: str) -> tuple[str, str]:
    """The label and value that `value` is masked as: where a mask shares subjects, of whom it is about.

    A placeholder stands for the person, in every writing; a surrogate keeps the kind of the value.
    """
    if isinstance(mask, PlaceholderMask | SurrogateMask) and mask.subjects == "shared":
        return subjects.first(label, value, same_label=isinstance(mask, SurrogateMask))
    return label, value


def replacement(mask: AnyMask, keys: Keys, tenant: str, label: str, value: str) -> str:
    """What `value` is replaced with."""
    match mask:
        case PlaceholderMask():
            return placeholder(keys, tenant, label, value)
        case ReplaceMask(text=text):
            return text
        case PartialMask():
            return _partial(mask, value)
        case HashMask(length=length):
            return keys.mac("hash", tenant, value).hex()[:length]
        case RedactMask():
            return ""
        case SurrogateMask():
            return surrogate(mask, keys, tenant, label, value)
        case EncryptMask():
            key = keys.derive("encrypt", tenant)
            return str(_presidio_encrypt().operate(text=value, params={"key": key}))


def decrypt(keys: Keys, tenant: str, text: str) -> str:
    """Turns back what `EncryptMask` wrote. Raises `ValueError` when the text or the tenant is another."""
    from presidio_anonymizer.operators import AESCipher

    key = keys.derive("encrypt", tenant)
    try:
        return str(AESCipher.decrypt(key, text))
    except (ValueError, UnicodeDecodeError, base64.binascii.Error):  # type: ignore[attr-defined]
        raise ValueError("the text was not encrypted with this tenant's key") from None


def _partial(mask: PartialMask, value: str) -> str:
    first, last = mask.keep_first, mask.keep_last
    while first + last > len(value) // 2:
        if first >= last:
            first -= 1
        else:
            last -= 1
    hidden = len(value) - first - last
    return value[:first] + mask.char * hidden + value[len(value) - last :]


def _presidio_encrypt() -> Operator:
    # Imported only where a policy encrypts: it brings the cryptography package.
    from presidio_anonymizer.operators import Encrypt

    return Encrypt()
