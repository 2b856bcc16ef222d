"""Where a token may begin and end, written once for every record that gives a `token`.

A token stands alone: no letter or digit touches it. Pasted text breaks the naive form of that rule,
because an escape directly before a token ends in a letter or a digit: `\\n` and `\\u0022` in JSON (also
escaped twice, or with the backslash lost), `\\x22`, `%22` and `%3D` in a URL, `=3D` in mail, `[31m` of
a coloured terminal. After a token a separator is fine as long as nothing goes on behind it:
`_ghp_…_` in Markdown is a token, the first half of a longer identifier is none. A percent-encoded
`+`, `/` or `=` may belong to the token: the whole of it is found where it is decoded.
"""

from __future__ import annotations

_ESCAPES = (
    r"\\[abefnrtv]",
    r"\\[0-7]{3}",
    r"\\x[0-9A-Fa-f]{2}",
    r"u00[0-9A-Fa-f]{2}",
    r"%[0-9A-Fa-f]{2}",
    r"=3D",
    r"\[[0-9;]{1,8}m",
)
_LEFT = rf"(?:(?<![A-Za-z0-9]|%(?=[0-9A-Fa-f]{{2}}))|(?<={'|'.join(_ESCAPES)}))"
_RIGHT = r"(?![A-Za-z0-9]|[_-][A-Za-z0-9]|%(?:2[BbFf]|3[Dd]))"


def standing_alone(token: str) -> str:
    """The expression that finds `token` where it touches no letter or digit; its group is `secret`."""
    return f"{_LEFT}(?P<secret>{token}){_RIGHT}"
