"""Generated text with known names: sentences, letters, chats, forms, records and code, in eight languages.

Templates are files of our own (`templates/`); what fills them comes from `lexicon`.
"""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Callable
from pathlib import Path

from training.pii.lexicon import LANGUAGES, Pools

HERE = Path(__file__).parent
SLOT = re.compile(r"\{(\w+)\}")
ESCAPE = "\\n"

NATIONALITIES = {
    "en": "German French British Spanish Italian Dutch Polish Russian Japanese Chinese Indian Mexican Irish Canadian Swedish Greek Turkish Korean".split(),
    "de": "deutscher französischer britischer spanischer italienischer niederländischer polnischer russischer österreichischer US-amerikanischer".split(),
    "fr": "français allemand britannique espagnol italien néerlandais polonais russe suisse américain".split(),
    "es": "español alemán francés británico italiano neerlandés polaco ruso mexicano argentino estadounidense".split(),
    "it": "italiano tedesco francese britannico spagnolo olandese polacco russo svizzero statunitense".split(),
    "pt": "português brasileiro alemão francês britânico espanhol italiano polaco russo norte-americano".split(),
    "nl": "Nederlands Duits Frans Brits Spaans Italiaans Belgisch Pools Russisch Amerikaans".split(),
    "pl": "polski niemiecki francuski brytyjski hiszpański włoski holenderski rosyjski amerykański czeski".split(),
}
JOBS = {
    "en": "actor writer footballer politician engineer painter singer lawyer physician teacher historian manager nurse director accountant".split(),
    "de": "Schauspieler Schriftsteller Fußballspieler Politiker Ingenieur Maler Sänger Jurist Arzt Lehrer Historiker".split(),
    "fr": "acteur écrivain footballeur homme\u00a0politique ingénieur peintre chanteur avocat médecin historien".split(),
    "es": "actor escritor futbolista político ingeniero pintor cantante abogado médico historiador".split(),
    "it": "attore scrittore calciatore politico ingegnere pittore cantante avvocato medico storico".split(),
    "pt": "ator escritor futebolista político engenheiro pintor cantor advogado médico historiador".split(),
    "nl": "acteur schrijver voetballer politicus ingenieur schilder zanger advocaat arts historicus".split(),
    "pl": "aktor pisarz piłkarz polityk inżynier malarz śpiewak prawnik historyk lekarz".split(),
}
MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre".split(),
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split(),
    "nl": "januari februari maart april mei juni juli augustus september oktober november december".split(),
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia".split(),
}
UNIVERSITY = {
    "en": (
        "University of {c}",
        "{c} University",
        "{c} State University",
        "{c} Institute of Technology",
        "{c} College",
    ),
    "de": ("Universität {c}", "Technische Universität {c}", "Hochschule {c}"),
    "fr": ("université de {c}", "Université de {c}", "École normale de {c}"),
    "es": ("Universidad de {c}", "Universidad Politécnica de {c}", "Universidad Autónoma de {c}"),
    "it": ("Università di {c}", "Politecnico di {c}"),
    "pt": ("Universidade de {c}", "Universidade Federal de {c}"),
    "nl": ("Universiteit {c}", "Rijksuniversiteit {c}", "Hogeschool {c}"),
    "pl": ("Uniwersytet {c}", "Politechnika {c}"),
}
HOSPITAL = {
    "en": ("{c} General Hospital", "{c} Medical Center", "St. {f}'s Hospital", "{l} Clinic"),
    "de": ("Klinikum {c}", "Universitätsklinikum {c}"),
    "fr": ("CHU de {c}", "hôpital {l}"),
    "es": (
        "Hospital Universitario de {c}",
        "Hospital {l}",
        "Hospital General de {c}",
        "Centro de Salud {l}",
        "Hospital Clínico de {c}",
    ),
    "it": ("Ospedale di {c}", "Policlinico di {c}"),
    "pt": ("Hospital de {c}", "Hospital {l}"),
    "nl": ("{c} Medisch Centrum", "Ziekenhuis {c}"),
    "pl": ("Szpital {c}",),
}
TEAM = {
    "en": (
        "{c} United",
        "{c} City",
        "{c} Rovers",
        "FC {c}",
        "the {c} Bulls",
        "{c} Tigers",
        "{c} FC",
        "{c} Eagles",
    ),
    "de": ("FC {c}", "SV {c}", "VfB {c}", "1. FC {c}", "TSV {c}", "Eintracht {c}", "SC {c}", "Borussia {c}"),
    "fr": ("FC {c}", "Olympique de {c}", "AS {c}", "Stade de {c}", "RC {c}"),
    "es": ("Real {c}", "Atlético de {c}", "CD {c}", "FC {c}", "Club Deportivo {c}"),
    "it": ("{c} Calcio", "AC {c}", "US {c}", "FC {c}"),
    "pt": ("Sporting de {c}", "FC {c}", "Atlético de {c}", "Clube de {c}"),
    "nl": ("FC {c}", "SC {c}", "{c} Boys", "Sparta {c}"),
    "pl": ("Lech {c}", "Górnik {c}", "GKS {c}", "Polonia {c}", "KS {c}"),
}
BODIES = {
    "en": "United Nations|UN|NATO|European Union|EU|World Bank|IMF|FBI|CIA|BBC|Reuters|Google|Microsoft|Apple|Amazon|Facebook|Twitter|IBM|Intel|Toyota|Honda|Boeing|Airbus|Senate|Congress|Labour Party|Conservative Party|Democratic Party|Republican Party|Red Cross|Greenpeace|Amnesty International|World Health Organization|WHO|Supreme Court|Ministry of Defence|Ministry of Health|Department of Justice|Foreign Office|Treasury|Federal Reserve|Bank of England|House of Commons|Parliament|CNN|The New York Times|The Guardian|Interpol|UNESCO|UNICEF|FIFA|UEFA|NASA|OECD|OPEC|Hamas|Hezbollah|Taliban|Walmart|Tesla|Netflix|Nike|Samsung|Sony|Nokia|Siemens|Goldman Sachs|JPMorgan|HSBC|Barclays|Pfizer|Nestle|Unilever|Shell|BP|Exxon|Royal Navy|U.S. Army|Air Force|NYPD|ACLU|NHS|NFL|NBA|MLB|Yankees|Lakers|Chelsea|Arsenal|Liverpool|Manchester United|Real Madrid|Barcelona|Bayern Munich|Juventus",
    "de": "Vereinte Nationen|NATO|Europäische Union|EU|SPD|CDU|CSU|FDP|Bundestag|Bundesrat|Bundeswehr|Deutsche Bahn|Deutsche Bank|Siemens|Volkswagen|BMW|Daimler|Bosch|Allianz|ARD|ZDF|Der Spiegel|Die Zeit|Rotes Kreuz|ADAC|Statistisches Bundesamt|Bundesverfassungsgericht|NSDAP|SED|UNESCO|FIFA|UEFA|Bundesbank|Lufthansa|Telekom|Wehrmacht|SS|Max-Planck-Gesellschaft",
    "fr": "Nations unies|ONU|OTAN|Union européenne|UE|Parti socialiste|Front national|Assemblée nationale|Sénat|SNCF|EDF|Renault|Peugeot|Total|Orange|Air France|Le Monde|Le Figaro|AFP|Croix-Rouge|INSEE|Conseil d'État|CNRS|UNESCO|FIFA|UEFA|Carrefour|BNP Paribas|TF1|Médecins sans frontières|Académie française",
    "es": "Naciones Unidas|ONU|OTAN|Unión Europea|UE|PSOE|PP|Podemos|Ciudadanos|Congreso de los Diputados|Senado|Renfe|Telefónica|BBVA|Banco Santander|Repsol|Iberia|El País|El Mundo|Cruz Roja|Tribunal Supremo|UNESCO|FIFA|UEFA|CSIC|Guardia Civil|RTVE|Inditex|Real Academia Española",
    "it": "Nazioni Unite|ONU|NATO|Unione europea|UE|Partito Democratico|Lega Nord|Forza Italia|Senato|Camera dei deputati|Fiat|Eni|Enel|Telecom Italia|RAI|Corriere della Sera|la Repubblica|Croce Rossa|ISTAT|Ferrari|UniCredit|Carabinieri|UNESCO|FIFA|UEFA|CONI|Alitalia|Mediaset",
    "pt": "Nações Unidas|ONU|NATO|OTAN|União Europeia|UE|Partido dos Trabalhadores|PSDB|PT|Senado|Petrobras|Vale|TAP|Rede Globo|Folha de S.Paulo|Cruz Vermelha|IBGE|Banco do Brasil|Supremo Tribunal Federal|UNESCO|FIFA|UEFA|Benfica|Flamengo|Corinthians|Palmeiras",
    "nl": "Verenigde Naties|VN|NAVO|Europese Unie|EU|PvdA|VVD|CDA|D66|Tweede Kamer|Eerste Kamer|Philips|Shell|KLM|ING|Rabobank|NOS|De Telegraaf|Rode Kruis|CBS|Ajax|Feyenoord|PSV|UNESCO|FIFA|UEFA|ASML|Heineken|Raad van State",
    "pl": "Organizacja Narodów Zjednoczonych|ONZ|NATO|Unia Europejska|UE|Prawo i Sprawiedliwość|Platforma Obywatelska|Sejm|Senat|Orlen|PKO BP|Gazeta Wyborcza|TVP|Czerwony Krzyż|GUS|Solidarność|Legia Warszawa|Wisła Kraków|UNESCO|FIFA|UEFA|Armia Krajowa|PZPR|Wojsko Polskie",
}
SUFFIXES = {
    "en": (
        "Inc.",
        "Inc",
        "LLC",
        "Ltd",
        "Ltd.",
        "Corp.",
        "Corporation",
        "Group",
        "Holdings",
        "& Co",
        "Partners",
        "Bank",
        "Airlines",
        "Foundation",
        "Society",
        "Association",
        "Times",
        "Records",
        "Systems",
        "Technologies",
    ),
    "de": ("GmbH", "AG", "KG", "GmbH & Co. KG", "e.V.", "SE", "Verlag", "Stiftung"),
    "fr": ("SA", "SARL", "SAS", "et Fils", "Groupe"),
    "es": ("S.A.", "S.L.", "e Hijos", "S.L.U."),
    "it": ("S.p.A.", "S.r.l.", "& Figli", "SpA"),
    "pt": ("S.A.", "Lda.", "Ltda.", "e Filhos"),
    "nl": ("B.V.", "N.V.", "Groep", "Stichting"),
    "pl": ("S.A.", "Sp. z o.o.", "sp.j.", "Fundacja"),
}
PRODUCTS = (HERE / "products.txt").read_text(encoding="utf-8").split()
"""Names of products, diseases, days and books: capitalised words that name nobody."""

BEFORE_A_PERSON = (
    "Author: ",
    "@author ",
    "author: ",
    "Maintainer: ",
    "maintained by ",
    "owner: ",
    "contact: ",
    "Contact ",
    "Written by ",
    "(c) 2024 ",
    "reviewed by ",
    "Copyright 2019 ",
    "TODO: ask ",
    "TODO(ops): call ",
    "Thanks to ",
    "reported by ",
    "Created by ",
    "see ",
    "by ",
)

INITIALS = string.ascii_uppercase.replace("X", "").replace("Q", "")

Spans = list[tuple[int, int, str]]
Example = tuple[str, Spans]


class Writer:
    """A text in the making: what is appended with a type becomes a span."""

    def __init__(self) -> None:
        self.text = ""
        self.spans: Spans = []

    def add(self, text: str, type: str = "") -> None:
        if type and text:
            self.spans.append((len(self.text), len(self.text) + len(text), type))
        self.text += text


class Generator:
    """Draws examples. The same seed and pools give the same examples."""

    def __init__(self, pools: dict[str, Pools], seed: int) -> None:
        self._pools = pools
        self._chance = random.Random(seed)
        self._templates = {
            language: (HERE / "templates" / f"{language}.txt").read_text(encoding="utf-8").splitlines()
            for language in LANGUAGES
        }
        self._labels = json.loads((HERE / "labels.json").read_text(encoding="utf-8"))

    # Values

    def _pick(self, language: str, pool: str, foreign: float = 0.3) -> str:
        chance = self._chance
        if chance.random() < foreign:
            language = chance.choice((*LANGUAGES, "", ""))
        values = getattr(self._pools[language], pool) or getattr(self._pools["en"], pool)
        # The lists are sorted by frequency or drawn from such: half of the draws come from their head.
        size = len(values)
        return values[int(size * chance.random() ** 2)] if chance.random() < 0.7 else chance.choice(values)

    def first(self, language: str) -> str:
        name = self._pick(language, "first")
        if self._chance.random() < 0.04:
            name = f"{name}-{self._pick(language, 'first')}"
        return name

    def last(self, language: str) -> str:
        chance = self._chance
        name = self._pick(language, "last")
        if language in ("es", "pt") and chance.random() < 0.4:
            name = f"{name} {self._pick(language, 'last')}"
        elif chance.random() < 0.04:
            name = f"{name}-{self._pick(language, 'last')}"
        elif chance.random() < 0.03:
            name = (
                chance.choice(
                    (
                        "van ",
                        "de ",
                        "von ",
                        "van der ",
                        "del ",
                        "Mc",
                        "O'",
                        "di ",
                        "da ",
                        "al-",
                        "bin ",
                        "El ",
                    )
                )
                + name
            )
        return name

    def person(self, language: str) -> str:
        chance = self._chance
        foreign = language if chance.random() < 0.75 else chance.choice(LANGUAGES)
        first, last, dice = self.first(foreign), self.last(foreign), chance.random()
        if dice < 0.72:
            return f"{first} {last}"
        if dice < 0.80:
            return f"{first} {chance.choice(INITIALS)}. {last}"
        if dice < 0.87:
            return f"{first} {self.first(foreign)} {last}"
        if dice < 0.91:
            return f"{chance.choice(INITIALS)}. {last}"
        if dice < 0.93:
            return f"{chance.choice(INITIALS)}.{chance.choice((' ', ''))}{chance.choice(INITIALS)}. {last}"
        if dice < 0.96:
            return first
        if dice < 0.98:
            return f"{first} {last} {chance.choice(('Jr.', 'III', 'II', 'Sr.'))}"
        return f"{first} {last}".upper()

    def city(self, language: str) -> str:
        dice = self._chance.random()
        if dice < 0.45:
            return self._pick("", "big_cities", 0)
        return self._pick(language, "cities", 0.25)

    def country(self, language: str) -> str:
        return self._chance.choice(self._pools[language].countries)

    def region(self, language: str) -> str:
        return self._pick(language, "regions", 0.1)

    def street(self, language: str) -> str:
        return self._pick(language, "streets", 0.15)

    def postcode(self, language: str) -> str:
        return self._pick(language, "postcodes", 0.1)

    def address(self, language: str) -> str:
        chance = self._chance
        street, city, code = self.street(language), self.city(language), self.postcode(language)
        sep = chance.choice((", ", ", ", ", ", " - ", "\n", " ")) if chance.random() < 0.9 else "; "
        parts = chance.random()
        if parts < 0.15:
            return street
        if language == "en":
            tail = f"{city}, {self._pick('en', 'regions', 0)} {code}" if parts < 0.6 else f"{city} {code}"
        else:
            tail = f"{code} {city}" if parts < 0.8 else city
        address = f"{street}{sep}{tail}"
        return f"{address}, {self.country(language)}" if chance.random() < 0.2 else address

    def company(self, language: str) -> str:
        chance = self._chance
        dice = chance.random()
        if dice < 0.4:
            return self._pick(language, "companies", 0.2)
        if dice < 0.7:
            return f"{self._coined(language)} {chance.choice(SUFFIXES[language])}"
        if dice < 0.8:
            return self._coined(language)
        return chance.choice(BODIES[language].split("|"))

    def _coined(self, language: str) -> str:
        chance = self._chance
        dice = chance.random()
        if dice < 0.35:
            return self.last(language)
        if dice < 0.6:
            return f"{self._word(language).title()} {self._word(language).title()}"
        if dice < 0.8:
            return self.city(language) + " " + self._word(language).title()
        return self._word(language).title() + chance.choice(
            ("tech", "soft", "corp", "data", "net", "works", "ix", "ly")
        )

    def org(self, language: str) -> str:
        dice = self._chance.random()
        if dice < 0.5:
            return self._chance.choice(BODIES[language].split("|"))
        if dice < 0.7:
            return self.university(language)
        return self.company(language)

    def university(self, language: str) -> str:
        return self._chance.choice(UNIVERSITY[language]).format(c=self.city(language))

    def hospital(self, language: str) -> str:
        return self._chance.choice(HOSPITAL[language]).format(
            c=self.city(language), l=self.last(language), f=self.first(language)
        )

    def team(self, language: str) -> str:
        return self._chance.choice(TEAM[language]).format(c=self.city(language))

    def date(self, language: str) -> str:
        chance = self._chance
        day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1900, 2026)
        name = MONTHS[language][month - 1]
        forms = {
            "en": (f"{day} {name} {year}", f"{name} {day}, {year}", f"{name} {day}"),
            "de": (f"{day}. {name} {year}", f"{day}. {name}"),
            "es": (f"{day} de {name} de {year}", f"{day} de {name}"),
            "pt": (f"{day} de {name} de {year}", f"{day} de {name}"),
        }.get(language, (f"{day} {name} {year}", f"{day} {name}"))
        numeric = (
            f"{day:02}.{month:02}.{year}",
            f"{day:02}/{month:02}/{year}",
            f"{year}-{month:02}-{day:02}",
        )
        return chance.choice(forms if chance.random() < 0.75 else numeric)

    def _word(self, language: str) -> str:
        return self._pick(language, "words", 0)

    def _number(self) -> str:
        chance = self._chance
        return str(chance.randint(1, 10 ** chance.randint(1, 6)))

    def _email(self, language: str) -> str:
        first, last = self.first(language).lower(), self.last(language).lower().replace(" ", "")
        return f"{first}.{last}@example.{self._chance.choice(('com', 'org', 'net'))}"

    def _slot(self, name: str, language: str) -> tuple[str, str]:
        simple: dict[str, tuple[Callable[[str], str], str]] = {
            "person": (self.person, "PERSON"),
            "first": (self.first, "PERSON"),
            "last": (self.last, "PERSON"),
            "city": (self.city, "LOCATION"),
            "country": (self.country, "LOCATION"),
            "region": (self.region, "LOCATION"),
            "address": (self.address, "ADDRESS"),
            "street": (self.street, "ADDRESS"),
            "company": (self.company, "ORGANIZATION"),
            "org": (self.org, "ORGANIZATION"),
            "univ": (self.university, "ORGANIZATION"),
            "hospital": (self.hospital, "ORGANIZATION"),
            "club": (self.city, "ORGANIZATION"),
            "namesake": (self.city, "PERSON"),
            "team": (self.team, "ORGANIZATION"),
            "date": (self.date, ""),
            "email": (self._email, ""),
            "zip": (self.postcode, "LOCATION?"),
        }
        lowered = {
            "first_lower": "first",
            "city_lower": "city",
            "country_lower": "country",
            "company_lower": "company",
        }
        if name in simple:
            draw, type = simple[name]
            return draw(language), type
        if name in lowered:
            draw, type = simple[lowered[name]]
            value = draw(language)
            return (value.lower() if self._chance.random() < 0.85 else value), type
        if name in ("city_upper", "country_upper", "club_upper"):
            value, type = self._slot(name.removesuffix("_upper"), language)
            return value.upper(), type
        if name == "full_lower":
            return f"{self.first(language)} {self.last(language)}".lower(), "PERSON"
        chance = self._chance
        return {
            "job": lambda: (
                chance.choice(JOBS[language]) if chance.random() < 0.6 else self._pick(language, "jobs", 0)
            ),
            "nat": lambda: chance.choice(NATIONALITIES[language]),
            "num": self._number,
            "day": lambda: (
                f"{chance.randint(1980, 2026)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
            ),
            "year": lambda: str(chance.randint(1850, 2026)),
            "phone": lambda: self._pick(language, "phones", 0.2),
            "user": lambda: self.first("en").lower() + chance.choice(("", "_", "")) + self._number(),
            "product": lambda: chance.choice(PRODUCTS),
            "Noun": lambda: self._word(language).title(),
            "noun": lambda: self._word(language),
        }[name](), ""

    # Examples

    def sentence(self, language: str) -> Example:
        """A filled template, sometimes with plain words around it, sometimes in lower or upper case."""
        chance = self._chance
        template = chance.choice(self._templates[language]).replace(ESCAPE, "\n")
        writer = Writer()
        if chance.random() < 0.15:
            writer.add(self._salad(language))
        at = 0
        for match in SLOT.finditer(template):
            writer.add(template[at : match.start()])
            value, type = self._slot(match[1], language)
            if type == "ADDRESS" and "\n" in value and "\n" not in template:
                value = value.replace("\n", ", ")
            writer.add(value, type)
            at = match.end()
        writer.add(template[at:])
        if chance.random() < 0.15:
            writer.add(" " + self._salad(language))
        text = writer.text
        dice = chance.random()
        if dice < 0.06 and len(text.lower()) == len(text):
            text = text.lower()
        elif dice < 0.08 and len(text.upper()) == len(text):
            text = text.upper()
        return text, _joined(text, writer.spans)

    def _salad(self, language: str) -> str:
        """Common words, capitalised as anywhere in the language's texts: none of them is a name."""
        chance = self._chance
        words = [self._word(language) for _ in range(chance.randint(4, 14))]
        capital = 0.35 if language == "de" else 0.12
        words = [word.title() if chance.random() < capital else word for word in words]
        words[0] = words[0].title()
        return " ".join(words) + chance.choice((". ", "; ", "! ", ": "))

    def words(self, language: str) -> Example:
        return self._salad(language), []

    def planted(self, text: str, language: str) -> Example:
        """A text that names nobody, with names in the place of some of its words.

        It is no good sentence any more, but what stands around the names is natural.
        """
        chance = self._chance
        writer = Writer()
        at = 0
        for match in re.finditer(r"(?<=[a-zà-ÿ,(\"„«] )[^\W\d_]{3,}(?: [^\W\d_]{3,})?", text):
            if match.start() < at + 12 or chance.random() > 0.12:
                continue
            dice = chance.random()
            name, type = (
                (self.person(language), "PERSON")
                if dice < 0.45
                else (self.last(language), "PERSON")
                if dice < 0.55
                else (self.first(language), "PERSON")
                if dice < 0.62
                else (self.city(language), "LOCATION")
                if dice < 0.78
                else (self.country(language), "LOCATION")
                if dice < 0.87
                else (self.region(language), "LOCATION")
                if dice < 0.9
                else (self.org(language), "ORGANIZATION")
            )
            writer.add(text[at : match.start()])
            writer.add(name, type)
            at = match.end()
        writer.add(text[at:])
        return writer.text, writer.spans

    def block(self, language: str) -> Example:
        """The name and address of a person on several lines, as on an envelope."""
        chance = self._chance
        writer = Writer()
        mark = chance.choice(("", "", "", " ", "> ", "?? ", "  ", "\t"))
        gap = chance.choice(("\n", "\n", "\n", "\n\n"))
        lines = [(self.person(language), "PERSON")]
        if chance.random() < 0.25:
            lines.append((self.company(language), "ORGANIZATION"))
        lines.append((self.street(language), "ADDRESS"))
        if chance.random() < 0.35:
            lines.append(
                (
                    chance.choice(
                        (
                            "Apt. ",
                            "Suite ",
                            "Apartment ",
                            "Unit ",
                            "Floor ",
                            "P.O. Box ",
                            "Postfach ",
                            "App. ",
                        )
                    )
                    + self._number()[:4],
                    "ADDRESS",
                )
            )
        city, code = self.city(language), self.postcode(language)
        dice = chance.random()
        if dice < 0.3:
            lines += [
                (city.upper() if chance.random() < 0.3 else city, "LOCATION"),
                (f"{self.country(language)} {code}", "LOCATION"),
            ]
        elif dice < 0.6:
            lines.append((f"{code} {city}", "ADDRESS"))
        else:
            lines.append((f"{city}, {self.region(language)} {code}", "ADDRESS"))
        if dice > 0.3 and chance.random() < 0.4:
            lines.append((self.country(language), "LOCATION"))
        if chance.random() < 0.3:
            lines.append((self._pick(language, "phones"), ""))
        if chance.random() < 0.3:
            lines.insert(
                0,
                (
                    chance.choice(
                        (
                            "Bill to:",
                            "Ship to",
                            "An:",
                            "To:",
                            "Destinatario:",
                            "Regards,",
                            "Adresse :",
                            "Contact:",
                        )
                    ),
                    "",
                ),
            )
        for number, (text, type) in enumerate(lines):
            writer.add((gap if number else "") + mark)
            writer.add(text.replace("\n", " "), type)
        return writer.text, writer.spans

    def noise(self, language: str) -> Example:
        """Machine output: hashes, tables of numbers, assembler, listings, traces. It names nobody."""
        chance = self._chance
        word = lambda: self._word("en")  # noqa: E731
        hexes = lambda size: "".join(chance.choice("0123456789abcdef") for _ in range(size))  # noqa: E731
        register = lambda: chance.choice("rax rbx rcx rdx rsi rdi rsp rbp eax ebx r8 r9 xmm0 al".split())  # noqa: E731
        line = chance.choice(
            (
                lambda: (
                    f"0x{hexes(16)}: {chance.choice(('mov', 'lea', 'add', 'cmp', 'xor', 'push'))} {register()}, {register()}"
                ),
                lambda: (
                    f"0x{hexes(12)}: {chance.choice(('mov', 'call', 'jmp', 'test'))} {register()}, 0x{hexes(8)}  ; {word()} at {word()}"
                ),
                lambda: f"{hexes(8)}-{hexes(4)}-4{hexes(3)}-a{hexes(3)}-{hexes(12)}",
                lambda: ", ".join(self._number() for _ in range(chance.randint(3, 9))) + ",",
                lambda: f"{hexes(40)} {word()}/{word()}.{chance.choice(('py', 'go', 'js', 'txt'))}",
                lambda: (
                    f"-rw-r--r-- 1 root root {self._number()} Jan {chance.randint(1, 28)} 12:{chance.randint(10, 59)} {word()}.{word()}"
                ),
                lambda: (
                    f"2026-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}T{chance.randint(10, 23)}:{chance.randint(10, 59)}:00Z {word()}[{self._number()}]: {word().title()} {word()} {word()} {word()} {hexes(12)}"
                ),
                lambda: f'  File "/usr/lib/python3/{word()}/{word()}.py", line {self._number()}, in {word()}',
                lambda: (
                    f"    at {word().title()}{word().title()}.{word()}({word().title()}.java:{self._number()})"
                ),
                lambda: f"{word().title()}Error: {word().title()} {word()} {word()}: {word()}_{word()}",
                lambda: (
                    f"| {word().title()} | {word()} | {self._number()} | {word().title()} {word().title()} |"
                ),
                lambda: (
                    f"  {word()}_{word()}: {word().title()}{word().title()} = {word().title()}({word()}, {self._number()})"
                ),
                lambda: (
                    f"{chance.choice(PRODUCTS)} {chance.randint(0, 9)}.{chance.randint(0, 20)} ({chance.choice(PRODUCTS)}, {word()})"
                ),
                lambda: (
                    f"def {word()}_{word()}({word()}: {word().title()}, {word()}={word().title()}.{word().upper()}):"
                ),
                lambda: (
                    f"Mozilla/5.0 ({word().title()}; {word()} {chance.randint(1, 20)}.0) {chance.choice(('AppleWebKit', 'Gecko', 'KHTML'))}/{self._number()} Version/{chance.randint(1, 20)}"
                ),
                lambda: (
                    f'{{"{word()}": "{word().title()} {word()}", "{word()}": "{word().title()}", "name": "{chance.choice(PRODUCTS)}"}}'
                ),
                lambda: f'- name: "{word().title()} {word()} {word()}"',
                lambda: (
                    f"import {{ {word().title()}{word().title()}, {word().title()} }} from '{word()}-{word()}'"
                ),
            )
        )
        return "\n".join(line() for _ in range(chance.randint(1, 6))), []

    def form(self, language: str) -> Example:
        """Labelled fields of a person: a form, JSON, YAML, CSV, SQL, a call or a log line."""
        chance = self._chance
        fields = self._fields(language)
        style = chance.choice(
            (
                self._colon,
                self._colon,
                self._json,
                self._json,
                self._yaml,
                self._csv,
                self._sql,
                self._call,
                self._log,
                self._comment,
                self._comment,
                self._comment,
            )
        )
        writer = Writer()
        style(writer, fields, language)
        return writer.text, writer.spans

    def _fields(self, language: str) -> list[tuple[str, str, str]]:
        """(label, value, type) of some fields, in a likely order."""
        chance = self._chance
        labels = self._labels[language if chance.random() < 0.8 else "en"]
        code = self._labels["en"]
        table = labels if chance.random() < 0.7 else code
        fields: list[tuple[str, str, str]] = []

        def add(kind: str, value: str, type: str) -> None:
            fields.append((chance.choice(table[kind]), value, type))

        dice = chance.random()
        if dice < 0.35:
            add("first", self.first(language), "PERSON")
            add("last", self.last(language), "PERSON")
        elif dice < 0.85:
            add("person", self.person(language) if chance.random() < 0.8 else self.first(language), "PERSON")
        if chance.random() < 0.5:
            fields.append((chance.choice(("E-mail", "email", "Email")), self._email(language), ""))
        if chance.random() < 0.4:
            fields.append((chance.choice(("Phone", "phone", "Tel.")), self._pick(language, "phones"), ""))
        dice = chance.random()
        if dice < 0.3:
            add("address", self.address(language).replace("\n", ", "), "ADDRESS")
        elif dice < 0.6:
            add("street", self.street(language), "ADDRESS")
            if chance.random() < 0.5:
                fields.append(
                    (
                        chance.choice(("zip", "Postcode", "PLZ", "CP", "postal_code")),
                        self.postcode(language),
                        "",
                    )
                )
            add("city", self.city(language), "LOCATION")
        elif dice < 0.75:
            add("city", self.city(language), "LOCATION")
        if chance.random() < 0.25:
            add("country", self.country(language), "LOCATION")
        if chance.random() < 0.25:
            add("org", self.company(language), "ORGANIZATION")
        for _ in range(chance.randint(0, 3)):
            plain = chance.choice(
                (
                    ("id", self._number()),
                    ("status", self._word("en")),
                    ("type", self._word("en").title()),
                    ("name", f"{self._word('en')}_{self._word('en')}"),
                    ("name", f"{self._word('en')}-{self._word('en')}"),
                    ("title", f"{self._word(language).title()} {self._word(language)}"),
                    ("label", f"{self._word(language).title()} {self._word(language).title()}"),
                    ("name", f"{self._word('en').title()}{self._word('en').title()}"),
                    ("description", self._salad(language).strip()),
                    ("date", self.date(language)),
                    ("version", f"{chance.randint(0, 20)}.{chance.randint(0, 20)}.{chance.randint(0, 9)}"),
                )
            )
            fields.insert(chance.randint(0, len(fields)), (*plain, ""))
        return fields

    def _colon(self, writer: Writer, fields: list[tuple[str, str, str]], language: str) -> None:
        end = self._chance.choice(("\n", "\n", ".\n", "; ", ", ", " | "))
        colon = self._chance.choice((": ", ": ", ":", ":  ", " - ", " = ", " : ", ":\n"))
        for label, value, type in fields:
            writer.add(label[:1].upper() + label[1:] + colon)
            writer.add(value, type)
            writer.add(end)

    def _json(self, writer: Writer, fields: list[tuple[str, str, str]], language: str) -> None:
        indent = self._chance.choice(("", "\n  ", "\n    ", " "))
        writer.add("{")
        for number, (label, value, type) in enumerate(fields):
            writer.add(("," if number else "") + indent + json.dumps(label, ensure_ascii=False) + ": ")
            writer.add('"')
            writer.add(value.replace('"', ""), type)
            writer.add('"')
        writer.add("\n}" if indent.startswith("\n") else "}")

    def _yaml(self, writer: Writer, fields: list[tuple[str, str, str]], language: str) -> None:
        quote = self._chance.choice(("", "", '"', "'"))
        for number, (label, value, type) in enumerate(fields):
            writer.add(("- " if number == 0 else "  ") + label.lower().replace(" ", "_") + ": " + quote)
            writer.add(value.replace("'", ""), type)
            writer.add(quote + "\n")

    def _csv(self, writer: Writer, fields: list[tuple[str, str, str]], language: str) -> None:
        comma = self._chance.choice((",", ";", "\t", ",", " | "))
        writer.add(comma.join(label for label, _, _ in fields) + "\n")
        rows = [fields] + [self._like(fields, language) for _ in range(self._chance.randint(0, 3))]
        for row in rows:
            for number, (_, value, type) in enumerate(row):
                quote = '"' if comma in value else ""
                writer.add((comma if number else "") + quote)
                writer.add(value, type)
                writer.add(quote)
            writer.add("\n")

    def _like(self, fields: list[tuple[str, str, str]], language: str) -> list[tuple[str, str, str]]:
        draw = {
            "PERSON": self.person,
            "LOCATION": self.city,
            "ADDRESS": self.street,
            "ORGANIZATION": self.company,
        }
        return [(label, draw[type](language) if type else value, type) for label, value, type in fields]

    def _sql(self, writer: Writer, fields: list[tuple[str, str, str]], language: str) -> None:
        names = [re.sub(r"\W+", "_", label.lower()) for label, _, _ in fields]
        if self._chance.random() < 0.5:
            writer.add(f"INSERT INTO {self._word('en')} ({', '.join(names)}) VALUES (")
            for number, (_, value, type) in enumerate(fields):
                writer.add((", " if number else "") + "'")
                writer.add(value.replace("'", ""), type)
                writer.add("'")
            writer.add(");")
            return
        writer.add(f"UPDATE {self._word('en')} SET ")
        for number, (name, (_, value, type)) in enumerate(zip(names, fields, strict=True)):
            writer.add((", " if number else "") + name + "='")
            writer.add(value.replace("'", ""), type)
            writer.add("'")
        writer.add(f" WHERE id={self._number()};")

    def _call(self, writer: Writer, fields: list[tuple[str, str, str]], language: str) -> None:
        name = self._word("en").title()
        writer.add(
            f"{name.lower()} = {name}(" if self._chance.random() < 0.6 else f"  {name.lower()}.create("
        )
        for number, (label, value, type) in enumerate(fields):
            writer.add((", " if number else "") + re.sub(r"\W+", "_", label.lower()) + "=" + '"')
            writer.add(value.replace('"', ""), type)
            writer.add('"')
        writer.add(")")

    def _log(self, writer: Writer, fields: list[tuple[str, str, str]], language: str) -> None:
        chance = self._chance
        writer.add(
            f"2026-0{chance.randint(1, 9)}-1{chance.randint(0, 9)} {chance.randint(10, 23)}:{chance.randint(10, 59)}:00 {chance.choice(('INFO', 'WARN', 'ERROR', 'DEBUG'))} {self._word('en')}.{self._word('en')} {self._word('en')} {self._word('en')} "
        )
        for label, value, type in fields:
            writer.add(re.sub(r"\W+", "_", label.lower()) + chance.choice(("=", ": ", '="')))
            writer.add(value, type)
            writer.add(" ")

    def _comment(self, writer: Writer, fields: list[tuple[str, str, str]], language: str) -> None:
        chance = self._chance
        around = (
            "import os",
            "return None",
            "    x = 1",
            "def run(self):",
            "const a = 1;",
            "}",
            "    },",
            "        ),",
            "func main() {",
            "if err != nil {",
            "@Override",
            f"    {self._word('en')}.{self._word('en')}({self._word('en')})",
            f"  {self._word('en')}: '{self._word('en').title()}',",
            f"\tvar {self._word('en')} int64",
            f"package {self._word('en')}",
        )
        for _ in range(chance.randint(0, 3)):
            writer.add(chance.choice(around) + "\n")
        writer.add(chance.choice(("# ", "// ", "  # ", " * ", "-- ", "/* ", '"""', "    // ", "//", "#")))
        dice = chance.random()
        person = self.person(language) if chance.random() < 0.8 else self.first(language)
        email, phone = self._email(language), self._pick(language, "phones")
        if dice < 0.3:
            writer.add(chance.choice(BEFORE_A_PERSON))
            writer.add(person, "PERSON")
            writer.add(
                chance.choice(
                    ("", f" <{email}>", f", {phone}", ".", f" ({email})", f" / {email}", f" - {phone}")
                )
            )
        elif dice < 0.6:
            writer.add(person, "PERSON")
            writer.add(
                chance.choice(
                    (
                        " wrote this",
                        f" ({email}) maintains this file",
                        f" ({email}) wrote the {self._word('en')} part",
                        f" <{email}>: ask before changing",
                        f" ({phone}) is on call",
                        ": please review",
                        " asked for this on Monday",
                        " owns the service",
                        f", {self._word('en')} team",
                        f" - {email}",
                    )
                )
            )
        elif dice < 0.65:
            writer.add(f"{self._word('en')} {self._word('en')} for ")
            writer.add(self.company(language), "ORGANIZATION")
        elif dice < 0.75:
            writer.add(
                f"{self._word('en').title()} {self._word('en')} of {chance.choice(PRODUCTS)} and {chance.choice(PRODUCTS)}"
            )
        else:
            writer.add(self._salad("en").strip())
        if chance.random() < 0.7:
            writer.add("\n" + chance.choice(around))


def _joined(text: str, spans: Spans) -> Spans:
    """Spans of persons that only a space parts are one: a first and a last name."""
    joined: Spans = []
    for start, end, type in spans:
        if joined and type == joined[-1][2] == "PERSON" and text[joined[-1][1] : start] == " ":
            start = joined.pop()[0]
        joined.append((start, end, type))
    return joined
