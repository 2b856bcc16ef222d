"""RFC 6901 JSON pointers: spelling and reading them."""

from __future__ import annotations

import re

# Nothing below this many tokens is read: no format nests so deep, and an encoder's call stack would not last.
MAX_DEPTH = 200
# Pointers repeat the keys above them: a long key over many leaves would cost its length times their number.
MAX_POINTER_CHARS = 64_000_000

_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")


def escape(token: str) -> str:
    """A member name as it stands in a pointer."""
    if "~" in token or "/" in token:
        return token.replace("~", "~0").replace("/", "~1")
    return token


def tokens(pointer: str) -> tuple[str, ...]:
    """The unescaped reference tokens of a pointer.

    Raises:
        ValueError: if the pointer is neither empty nor starts with a slash.
    """
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ValueError("a pointer is empty or starts with /")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/"))


def depth(pointer: str) -> int:
    """How many tokens a pointer has: a slash inside a name is escaped, so slashes count them."""
    return pointer.count("/")


def list_index(token: str) -> int:
    """The list index a token spells.

    Raises:
        ValueError: if it spells none (a sign, a leading zero, the `-` of RFC 6902).
    """
    if _INDEX.fullmatch(token) is None:
        raise ValueError("not a list index")
    return int(token)


def member(value: object, token: str) -> object:
    """The member of a list or object that a token names.

    Raises:
        LookupError: if there is none.
    """
    if isinstance(value, dict):
        named: object = value[token]
        return named
    if isinstance(value, list):
        try:
            index = list_index(token)
        except ValueError:
            raise LookupError("not a list index") from None
        listed: object = value[index]
        return listed
    raise LookupError("not a container")
