"""The recipe of the content models makes what it says."""

import itertools
import random
import re

from training.content import banks, generate, marked, phrases


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


def test_banks_have_no_section_without_phrases():
    """Every section is read, and lines that only look like one are phrases."""
    for name in ("injection", "harm", "toxicity"):
        assert all(banks.read(name).values())
    assert any(one.startswith("[TOOL_CALLS]") for one in banks.read("injection")["tool_syntax"])


def test_a_made_role_play_has_one_role():
    """The slots of all its rules hold the same name, and it is long."""
    r = random.Random(7)
    texts = [generate.jailbreak(r) for _ in range(200)]

    assert all("{" not in one.replace("{{", "") for one in texts)
    assert sum(len(one) for one in texts) / len(texts) > 400


def test_harmful_texts_and_look_alikes_are_marked():
    """Each class has texts of its own and as many that only share its words; no slot is left."""
    texts = list(marked.made(random.Random(1), each=40))
    for name in marked.CLASSES:
        assert sum(one.marks.get(name) == 1 for one in texts) >= 40
        assert sum(one.marks.get(name) == 0 for one in texts) >= 40
    assert not any(re.search(r"\{[a-z]+\}", one.text) for one in texts)
    assert all(set(one.marks) <= set(marked.CLASSES) for one in texts)
