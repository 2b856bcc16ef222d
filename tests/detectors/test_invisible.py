"""`type: invisible`: what is hidden, and what only looks so."""

import pytest
from looking import marked

from guardrails.detectors import InvisibleSpec
from guardrails.detectors.invisible import InvisibleClass

TAGS, BIDI = InvisibleClass.TAGS, InvisibleClass.BIDI
ZERO, VARIATION, CONTROL = InvisibleClass.ZERO_WIDTH, InvisibleClass.VARIATION, InvisibleClass.CONTROL


@pytest.mark.parametrize(
    ("classes", "text", "expected"),
    [
        ([TAGS], "hi\U000e0068\U000e0069!", "hi«\U000e0068\U000e0069»!"),
        ([TAGS], "\U000e0001x", "«\U000e0001»x"),
        ([TAGS], "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f", None),  # Wales
        ([TAGS], "🏴\U000e0067\U000e0062 and no cancel tag", "🏴«\U000e0067\U000e0062» and no cancel tag"),
        ([BIDI], "if a != «\u202e»b".replace("«", "").replace("»", ""), "if a != «\u202e»b"),
        ([BIDI], "\u2066x\u2069", "«\u2066»x«\u2069»"),
        ([BIDI], "עברית and العربية need no override", None),
        ([BIDI], "a right-to-left mark \u200f is ordinary", None),
        ([ZERO], "pass\u200bword", "pass«\u200b»word"),
        ([ZERO], "\ufeffa byte order mark at the start", None),
        ([ZERO], "a\ufeffb", "a«\ufeff»b"),
        ([ZERO], "a family 👨\u200d👩\u200d👧", None),
        ([ZERO], "می\u200cخواهم", None),  # Persian
        ([ZERO], "क्\u200dष", None),  # Devanagari
        ([ZERO], "ad\u200dmin", "ad«\u200d»min"),
        ([VARIATION], "❤\ufe0f is one selector", None),
        ([VARIATION], "x\U000e0101\U000e0102\U000e0103", "x«\U000e0101\U000e0102\U000e0103»"),
        ([CONTROL], "tab\t and\r\n lines", None),
        ([CONTROL], "bell\x07 and escape\x1b[0m", "bell«\x07» and escape«\x1b»[0m"),
        ([TAGS, BIDI], "plain ASCII", None),
    ],
)
def test_what_is_hidden_is_marked_and_nothing_else(classes, text, expected):
    """The marked runs and no others; None: nothing."""
    assert marked(InvisibleSpec(classes=tuple(classes)).detector(), text) == (expected or text)
