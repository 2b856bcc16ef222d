"""Values glued together: streams give what the masked whole is. More of it: `tests/support/adjacency.py`."""

import pytest
from adjacency import POLICIES, Case, cases, differences, values


def masking(policy, **others):
    """The rules of a policy, which redact unless told otherwise."""
    return policy, tuple((name, others.get(name, "redact")) for name in POLICIES[policy])


def shipped(beginning):
    """A value of the catalogue's examples."""
    return next(one for one in values() if one.startswith(beginning))


@pytest.mark.parametrize(("policy", "count"), [("few", 50), ("everything", 30)])
def test_neighbours_are_masked_on_streams_as_in_the_whole(policy, count):
    """Values of all kinds and entities, with separators between, by pieces of several sizes."""
    found = [one for case in cases(policy, seed=5, count=count, sets=1) for one in differences(policy, case)]

    assert found == []


@pytest.mark.parametrize(
    ("text", "masks"),
    [
        ("ada@example.com.4111 1111 1111 1111", masking("few")),
        ("+49 30 1234567/foo  bar", masking("few")),
        # Half of an escape, which the surrogate completes to another.
        ("%40ada@example.com'DE89370400440532013000password=", masking("few", mail="surrogate")),
        # The address begins within the secret, once that is partly masked; then the number before counts.
        (
            f"phone: 536-90-4399.{shipped('xnd_development_')}@example.com",
            masking("few", mail='replace, text: "x"', secret="partial, keep_last: 4"),
        ),
        # Two strings are one until the second is masked.
        (
            f'%405500-0000-0000-0004" + "{shipped("GR1348941")}_2001:db8::17=',
            masking("everything", contact="surrogate", payment="surrogate"),
        ),
        # What stands behind an escaped line break counts, whether or not more such escapes follow.
        ("so \\n+49 30 1234567 and " + "more words, " * 60 + "\\nsubsequent", masking("few")),
    ],
)
def test_what_a_mask_uncovers_is_held_back(text, masks):
    """A value that counts once its neighbour is masked, and one that counts once that one is."""
    policy, rules = masks

    assert list(differences(policy, Case(text, (1, 2, 3, 5, 8, 13, 21, len(text)), rules))) == []
