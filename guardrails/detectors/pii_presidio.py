"""Presidio's pattern recognisers, taken apart: their expressions, proofs, scores and context words.

Presidio runs its patterns under a limit of 60 s and skips one that runs into it, compares context in
quadratic time and cannot be interrupted. So its expressions run elsewhere, and only its knowledge is
used. Importing Presidio takes more than a second: everything here imports it on the first call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from guardrails.detectors.base import Pattern
from guardrails.detectors.pii_recipes import Candidate, Judge, Judged, Recipe, announced_by

if TYPE_CHECKING:
    from presidio_analyzer import Pattern as PresidioPattern
    from presidio_analyzer import PatternRecognizer

# Words that stand in any text, so near nothing in particular.
_LOOSE = frozenset({"us", "id", "check", "save", "car", "policy", "member", "document", "sin number", "mot"})


@lru_cache(maxsize=1)
def recognisers() -> Mapping[str, tuple[PatternRecognizer, ...]]:
    """Every pattern recogniser that Presidio ships, by the entity it finds."""
    import presidio_analyzer
    from presidio_analyzer import predefined_recognizers

    found: dict[str, tuple[PatternRecognizer, ...]] = {}
    for name in sorted(dir(predefined_recognizers)):
        kind = getattr(predefined_recognizers, name)
        if isinstance(kind, type) and issubclass(kind, presidio_analyzer.PatternRecognizer):
            if kind is presidio_analyzer.PatternRecognizer:
                continue
            build: Callable[[], PatternRecognizer] = kind
            recogniser = build()
            if _patterns(recogniser):
                entity = recogniser.supported_entities[0]
                found[entity] = (*found.get(entity, ()), recogniser)
    return found


def _patterns(recogniser: PatternRecognizer) -> tuple[PresidioPattern, ...]:
    known: Any = recogniser.patterns  # type: ignore[has-type]  # Presidio's own type is not stated
    return tuple(known or ())


def recipes(entity: str, language: str) -> tuple[Recipe, ...]:
    """How Presidio finds `entity`: its recognisers for `language`, else those for any."""
    known = recognisers().get(entity, ())
    chosen = tuple(one for one in known if one.supported_language == language) or known
    return tuple(recipe for recogniser in chosen for recipe in _recipes(entity, recogniser))


def _recipes(entity: str, recogniser: PatternRecognizer) -> tuple[Recipe, ...]:
    prove = _prove(recogniser)
    words = announced_by(
        tuple(
            word
            for word in dict.fromkeys(one.lower() for one in recogniser.context or ())
            if word not in _LOOSE
        )
    )
    ignorecase = bool((recogniser.global_regex_flags or 0) & re.IGNORECASE)
    return tuple(
        Recipe(
            entity,
            Pattern(
                f"pii {entity} {pattern.name}",
                _bounded(pattern.regex),
                ignorecase=ignorecase,
                multiline=True,
                dotall=True,
                ascii=pattern.regex.isascii(),
            ),
            _judge(prove, pattern.score),
            words,
        )
        for pattern in _patterns(recogniser)
    )


Prove = Callable[[str], bool | None]
"""True: proven; False: refuted; None: nothing to prove it by."""

_UNNAMED = 0.45


def _judge(prove: Prove, score: float) -> Judge:
    """Presidio's judgement, but bare digits and lower-case codes stay weak until a word says what they are.

    One number in ten has a right check digit, and machines write nothing as often as numbers and hex.
    """

    def judge(candidate: Candidate) -> Judged | None:
        proof = prove(candidate.value)
        if proof is False:
            return None
        judged = Judged(1.0, "check digits") if proof else Judged(score)
        if candidate.word:
            return judged
        value = candidate.value
        if value.isdigit() or value != value.upper():
            return Judged(min(judged.score, _UNNAMED), judged.how)
        return judged

    return judge


def _prove(recogniser: PatternRecognizer) -> Prove:
    def prove(value: str) -> bool | None:
        if recogniser.invalidate_result(value):
            return False
        proof: bool | None = recogniser.validate_result(value)
        return proof

    return prove


def _bounded(expression: str) -> str:
    """The expression, not inside a word, a decimal number, a UUID or a run of hexadecimal digits."""
    expression = expression.replace("(?i)", "")  # the flag is on for all of them
    return (
        rf"(?<![A-Za-z0-9_])(?<![0-9][.\-/:+])(?<![a-fA-F]-)(?:{expression})"
        r"(?![A-Za-z0-9_])(?![.\-/:+][0-9])"
    )
