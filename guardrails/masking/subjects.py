"""Subjects: one person, written in several ways in one conversation, under one placeholder.

A subject is named by its first mention: what stands for that stands for every later writing of it. So
nothing that is said later renames what stands earlier, and a conversation that grows masks to the same
bytes; and a placeholder always means one value as it was written, in this conversation and in any other.

Two writings are the same person when the words of one are found in the other in the same order, an
initial standing for any word that begins with it. `Lovelace, Ada` is turned round, and an e-mail address
is read by the words before its `@`, where there are two. An address joins a person who was named, never
another address.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import Annotated, Literal

import msgspec

from guardrails import catalogue

Sharing = Annotated[
    Literal["apart", "shared"],
    msgspec.Meta(
        description="`apart`: every value stands for itself. `shared`: names and e-mail addresses of one "
        "person (`Ada Lovelace`, `A. Lovelace`, `ada.lovelace@...`) become what the first of them in the "
        "conversation becomes."
    ),
]
"""What a mask does with several writings of one person."""

MOST_WORDS = 8
"""A name of more words is nobody's: it stands for itself."""

LOOKED_AT = 16
"""How many of those with a word in common are compared, the last mentioned first: time stays linear."""

_PERSON = "PERSON"
_EMAIL = "EMAIL_ADDRESS"

_TITLES = frozenset(catalogue.lines("titles.txt"))
"""What stands beside a name and is no part of it, folded."""

_APOSTROPHES = re.compile(r"['’`´]")
_WORD = re.compile(r"[^\W\d_]+")
_UMLAUT = re.compile(r"([aou])e")
_OTHER_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "a", "œ": "o", "ð": "d", "þ": "th"})

Words = tuple[str, ...]


class Subjects:
    """Who was mentioned so far. Asked in the order of the conversation; not for several threads."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], _Subject] = {}
        self._by_word: dict[str, dict[_Subject, None]] = {}

    def first(self, label: str, value: str, *, same_label: bool = False) -> tuple[str, str]:
        """The label and value of the first mention of whom this is about; its own where it is nobody.

        The same label and value always get the same answer. With `same_label` the first mention that
        has this label.
        """
        subject = self._of.get((label, value))
        if subject is None:
            words = _words(label, value)
            if not words:
                return label, value
            subject = self._find(label, words) or _Subject()
            subject.learn(label, value, words)
            self._of[label, value] = subject
        self._mentioned(subject)
        return (label, subject.mentions[label]) if same_label else next(iter(subject.mentions.items()))

    def _find(self, label: str, words: Words) -> _Subject | None:
        # The family name tells more people apart than the given name; an initial tells nobody.
        for word in reversed([one for one in words if len(one) > 1]):
            for subject in islice(reversed(self._by_word.get(word, {})), LOOKED_AT):
                named = _PERSON in subject.mentions
                if (named or label == _PERSON) and _are_one(words, subject.words):
                    return subject
        return None

    def _mentioned(self, subject: _Subject) -> None:
        for word in subject.words:
            mentioned = self._by_word.setdefault(word, {})
            mentioned.pop(subject, None)
            mentioned[subject] = None


class _Subject:
    """One person: the fullest name so far, and the first mention of each label in the order they came in."""

    def __init__(self) -> None:
        self.words: Words = ()
        self.mentions: dict[str, str] = {}

    def learn(self, label: str, value: str, words: Words) -> None:
        self.mentions.setdefault(label, value)
        if sum(map(len, words)) > sum(map(len, self.words)):
            self.words = words


def _are_one(one: Words, other: Words) -> bool:
    """Whether the words of the shorter are found in the longer in order, one word of them in full."""
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    left = iter(long)
    return any(len(word) > 1 and word in long for word in short) and all(
        any(_match(word, candidate) for candidate in left) for word in short
    )


def _match(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])


def _words(label: str, value: str) -> Words:
    """The words of a name in the order given name, family name; none where it is no person's."""
    text = _folded(value)
    if label == _EMAIL:
        local, at, _ = text.partition("@")
        words = _WORD.findall(local.partition("+")[0])
        least = 2 if at else MOST_WORDS
    elif label == _PERSON:
        words = [word for part in reversed(text.split(",", 1)) for word in _WORD.findall(part)]
        least = 1
    else:
        return ()
    words = [word for word in words if word not in _TITLES]
    return tuple(words) if least <= len(words) <= MOST_WORDS else ()


def _folded(text: str) -> str:
    """In small letters, without accents, apostrophes and what is invisible; `ue`, for `ü`, is `u` as well."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_OTHER_LETTERS)
    kept = "".join(char for char in plain if unicodedata.category(char) not in ("Mn", "Cf"))
    return _UMLAUT.sub(r"\1", _APOSTROPHES.sub("", kept))
