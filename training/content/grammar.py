"""Sentences from grammars: a bank whose phrases point to one another.

`<name>` stands for a phrase of the section `name`, `{one|two|}` for one of its parts, which may be empty.
Slots without alternatives (`{mail}`) are left for `generate.py` to fill, and so is anything else in
pointed or curly brackets.
"""

from __future__ import annotations

import random
import re

from training.content import banks

_PART = r"(?:[^{}|]|\{[a-z]+\})*"
_CHOICE = re.compile(rf"\{{({_PART}(?:\|{_PART})+)\}}")
_NAME = re.compile(r"<([a-z_]+)>")
_DEEPEST = 12


def say(name: str, section: str, r: random.Random) -> str:
    """A phrase of a section of a bank, with everything that it points to."""
    bank = banks.read(name)
    text = r.choice(bank[section])
    for _ in range(_DEEPEST):
        before = text
        text = _CHOICE.sub(lambda found: r.choice(found[1].split("|")), text)
        text = _NAME.sub(lambda found: r.choice(bank.get(found[1], (found[0],))), text)
        if text == before:
            break
    return re.sub(r"  +", " ", text).replace(" ,", ",").replace(" .", ".").strip()
