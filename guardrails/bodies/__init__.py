"""Provider bodies: from JSON to segments, and from edits back to JSON.

`read` finds every text of a request or response with its address, role and kind. `apply` makes edits
at such addresses and changes nothing else.
"""

from guardrails.bodies.apply import EditError, apply, emptied, resolve
from guardrails.bodies.detect import detect
from guardrails.bodies.formats import Format
from guardrails.bodies.parts import Part, Parts, is_in_conversation
from guardrails.bodies.reading import Reading, read

__all__ = [
    "EditError",
    "Format",
    "Part",
    "Parts",
    "Reading",
    "apply",
    "detect",
    "emptied",
    "is_in_conversation",
    "read",
    "resolve",
]
