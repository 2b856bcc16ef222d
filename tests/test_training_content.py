"""The recipe of the content models makes what it says."""

import itertools
import random
import re

from training.content import generate, phrases


def made(seed):
    r = random.Random(seed)
    direct = list(generate.direct(r, english=150, other=20))
    return direct, list(generate.indirect(r, ["A page. " * 60], ["Name a river."], many=150))


def test_the_same_seed_makes_the_same_texts():
    """Texts, labels and spans depend on the seed alone."""
    assert made(3) == made(3)
    assert made(3) != made(4)


def test_no_slot_is_left_open():
    """Every `{name}` of a phrase is filled."""
    for one in itertools.chain(*made(1)):
        if one.category == "made_suffix":  # random signs may look like one
            continue
        assert not re.search(r"\{[a-z]{2,}\}", one.text), one.text


def test_a_planted_request_is_where_its_span_says():
    """The span holds the request whole: taken out, the host is left."""
    _, indirect = made(2)
    planted = [one for one in indirect if one.span is not None]

    assert len(planted) >= 150
    for one in planted:
        start, end = one.span
        assert one.text[start:end].strip()
        assert one.label == 1
        assert start == 0 or one.text[start - 1].isspace()


def test_every_language_has_attacks_and_look_alikes():
    """No language is known by its attacks alone: the model would learn that the language is one."""
    direct, _ = made(5)
    labels = {(one.category, one.label) for one in direct}

    for lang in phrases.OVERRIDE:
        assert (f"made_{lang}", 1) in labels
        assert (f"made_benign_{lang}", 0) in labels
        assert {lang} <= set(phrases.REVEAL) & set(phrases.ROLE) & set(phrases.BENIGN)
