"""Recipes for what papers say: dates of birth and machine-readable zones."""

from __future__ import annotations

import re

from guardrails.catalogue.proofs import date, icao
from guardrails.detectors.pii_recipes import Candidate, Judged, Recipe, recipe

_BIRTH_WORDS = (
    *(
        "dob",
        "date of birth",
        "birth date",
        "birthdate",
        "born",
        "born on",
        "birthday",
        "d o b",
        "day of birth",
    ),
    *("geburtsdatum", "geboren", "geboren am", "geb", "geburtstag", "gebdatum"),
    *("date de naissance", "ne le", "nee le", "naissance", "anniversaire", "datenaissance"),
    *(
        "fecha de nacimiento",
        "nacido el",
        "nacida el",
        "nacimiento",
        "nacido",
        "nacida",
        "cumpleanos",
        "f nac",
    ),
    *("data di nascita", "nato il", "nata il", "nascita", "nato", "nata", "compleanno"),
    *("data de nascimento", "nascido em", "nascida em", "nascimento", "nascido", "nascida", "aniversario"),
    *("geboortedatum", "geboren op", "geboorte", "verjaardag"),
    *("data urodzenia", "urodzony", "urodzona", "ur", "urodziny"),
)
_BIRTH_NEAR = 3

# The first three letters of the months, in the eight languages of the context words.
_MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär", "mai"),
    *("okt", "dez", "fév", "fev", "avr", "jui", "aoû", "aou", "déc", "ene", "abr", "ago", "dic", "gen"),
    *("mag", "giu", "lug", "set", "ott", "out", "mrt", "mei", "sty", "lut", "kwi", "maj", "cze", "lip"),
    *("sie", "wrz", "paź", "lis", "gru"),
)
_MONTH = rf"(?:(?i:{'|'.join(dict.fromkeys(_MONTHS))})[A-Za-zÀ-ž]{{0,7}}\.?)"
_DATE = (
    r"(?<![A-Za-z0-9_])(?<![0-9][.:\-/])(?:(?:19|20)\d\d[\-/.]\d\d?[\-/.]\d\d?"
    r"|\d\d?[\-/.] ?\d\d?[\-/.] ?(?:(?:19|20)\d\d|\d\d)"
    rf"|\d\d?(?:st|nd|rd|th|er|º|ª|\.)? (?:of |de |di |d')?{_MONTH},? (?:de |del )?(?:19|20)\d\d"
    rf"|{_MONTH} \d\d?(?:st|nd|rd|th)?,? (?:19|20)\d\d)(?![A-Za-z0-9_])(?![\-/:][0-9])"
)


def _birth(candidate: Candidate) -> Judged | None:
    near = [one.distance for one in candidate.near.values()]
    if not near or min(near) > _BIRTH_NEAR or not _is_date(candidate.value):
        return None
    return Judged(0.5, "date")


def _is_date(value: str) -> bool:
    word = re.search(r"[A-Za-zÀ-ž]{3,}", re.sub(r"\b(?:of|de|del|di)\b|\d(?:st|nd|rd|th|er)\b", " ", value))
    numbers = [int(one) for one in re.findall(r"\d+", value)]
    if word is not None:
        return word[0][:3].lower() in _MONTHS and len(numbers) == 2
    if len(numbers) != 3 or len(set(re.findall(r"[\-/.]", value))) > 1:
        return False
    if numbers[0] > 31:
        return date(*numbers)
    first, second, year = numbers
    year += 0 if year > 99 else 1900
    return date(year, second, first) or date(year, first, second) or date(year + 100, second, first)


_MRZ = (
    r"(?<![A-Z0-9<])(?:(?:P[A-Z<][A-Z<]{3}[A-Z<]{39}\r?\n)?[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[0-9<]\d"
    r"|(?:[ACI][A-Z<][A-Z<]{3}[A-Z<]{31}\r?\n)?[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{7}\d"
    r"|[ACI][A-Z<][A-Z<]{3}[A-Z0-9<]{9}[0-9<][A-Z0-9<]{15}\r?\n\d{7}[MFX<]\d{7}[A-Z<]{3}[A-Z0-9<]{11}\d\r?\n[A-Z<]{30})"
    r"(?![A-Z0-9<])"
)


def _mrz(candidate: Candidate) -> Judged | None:
    """ICAO 9303, parts 4 to 6: the check digits of number, birth and expiry."""
    lines = candidate.value.split()
    if len(lines) == 3:
        number, check = lines[0][5:14], lines[0][14]
        birth, expiry = lines[1][0:7], lines[1][8:15]
    else:
        number, check = lines[-1][0:9], lines[-1][9]
        birth, expiry = lines[-1][13:20], lines[-1][21:28]
    right = (
        icao(birth[:6], birth[6]) and icao(expiry[:6], expiry[6]) and (check == "<" or icao(number, check))
    )
    return Judged(1.0, "check digits of ICAO 9303") if right else None


DOCUMENTS: tuple[Recipe, ...] = (
    recipe("DATE_OF_BIRTH", _DATE, _birth, _BIRTH_WORDS, ascii=False),
    recipe("PASSPORT_MRZ", _MRZ, _mrz, triggers=(r"\d{7}[MFX<]\d{7}",)),
)
