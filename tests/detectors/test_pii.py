"""Personal data that has a recipe of its own: tables of what is found, and what is left alone."""

import subprocess
import sys

import pytest
import tldextract
from looking import hits, marked
from timing import spent

from guardrails.detectors import pii_recipes
from guardrails.detectors.base import SpecError
from guardrails.detectors.patterns import Index
from guardrails.detectors.pii import PiiSpec, chosen, groups, own_entities
from guardrails.evaluation.pii import finder


def detector(*entities, **more):
    return PiiSpec(entities=entities, **more).detector()


TABLE = {
    "EMAIL_ADDRESS": [
        "write to «ada@example.com».",
        "mailto:«o'brien+tag@mail.example.org»?subject=x",
        "git clone git@github.com:acme/widgets.git",
        "ssh://deploy@build.example.com/x and @decorator",
        "logo@2x.py is a file, a@b is nothing",
    ],
    "PHONE_NUMBER": [
        "call «+44 20 7946 0958» or «(415) 555-0132»",
        "Tel. «030 23125 123», Fax: «+49 30 23125 124»",
        "phone=«4155550132»",
        "my mobile is «0664 1234567»",
        "messages to «079 0442 1744» please",
        "«781 1704» office",
        "offices at 17031 2202 Rissik St",
        "chunk 944.181.1071 rev 0455464453 rows 199 903 7282",
        "time.Unix(1555718400, 500000000) of messageSize/1024/1024",
        "NPI: 7478691042\nPhone: «521-355-0123»",
        "2024-05-17 10:15, 192.168.1.20, 1.234.567.890 and 3.14159265",
    ],
    "CREDIT_CARD": [
        "card «4111 1111 1111 1111» and «5500-0000-0000-0004»",
        "2-series «2223003122003222», Amex «378282246310005»",
        "order 4111 1111 1111 1112",
        "id 4111111111111111111111 and uuid 41111111-1111-1111-1111-111111111111",
    ],
    "IBAN_CODE": [
        "IBAN «DE89 3704 0044 0532 0130 00» please",
        "to «GB82WEST12345698765432» today",
        "to GB83WEST12345698765432 today",
    ],
    "US_SSN": [
        "ssn='«536-90-4399»'",
        "social security number «536904399»",
        "536904399 rows, 666-12-3456, 900-12-3456",
        "ticket 536-90-43990",
        "confirm by «536 90 4399», not 536-90 4399 or 536.90.4399",
        "her SSN «937-42-6810», 123-45-6789 in the manual",
    ],
    "IP_ADDRESS": [
        "from «81.2.69.142» port 53",
        "client at IP «10.2.3.4» was blocked",
        "bind 10.2.3.4:80, 127.0.0.1, 192.0.2.7",
        "version 8.8.4.4, rv:8.8.4.4",
        "peer «2a00:1450:4001:82a::200e» up, std::vec::Vec",
    ],
    "MAC_ADDRESS": ["ether «3c:22:fb:00:a1:9e» up", "hash 3c:22:fb:00:a1:9e:11 and 00:00:00:00:00:00"],
    "CRYPTO": [
        "pay «1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2» now",
        "pay 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3 now",
        "my ethereum wallet «0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed»",
        "slot 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
    ],
    "DATE_OF_BIRTH": [
        "born on «3 March 1984» in Rome, hired 4 March 2004",
        "DOB: «03/04/1984»; released 2024-01-02",
        "geboren am «4. Mai 1970»",
        "née le «12 juillet 1988»",
        "fecha de nacimiento «1-2-1990»",
        "data urodzenia: «1990-02-01»",
        "DOB: 99/99/1984, born 1.2-1990",
        "the meeting is on 3 March 1984",
    ],
    "URL_CREDENTIALS": [
        "postgres://«bob:Tr0ub4dorX»@db.example.com/x",
        "amqp://user:password@host, http://host:8080/a@b, https://$USER:$PASS@h",
    ],
    "PERSONAL_PATH": [
        "cd /Users/«ada.l»/src; dir C:\\Users\\«bob»\\x",
        "https://www.linkedin.com/in/«ada-lovelace»",
        "/home/ubuntu/app /Users/Shared/x /home/",
    ],
    "PASSPORT_MRZ": [
        "«P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10»",
        "L898902C37UTO7408122F1204159ZE184226B<<<<<10",
        "«I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<»",
    ],
    "URL": ["see «https://example.com/a_(b)», then fmt.Er in app.py"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("entity", "text"), [(entity, text) for entity, texts in TABLE.items() for text in texts]
)
def test_recipes(entity, text):
    """Exactly the marked spans are found."""
    assert marked(detector(entity), text.replace("«", "").replace("»", "")) == text


def test_a_proven_number_is_one_thing():
    """What is proven to be one entity is not flagged as a weaker one too."""
    found = hits(
        detector("contact", "health", "US_DRIVER_LICENSE"), "call about NHS number 943 476 5919 today"
    )

    assert [one.label for one in found] == ["UK_NHS"]


def test_a_number_within_a_proven_longer_one_is_no_number():
    """Sixteen digits of an account that pass Luhn by chance are no card."""
    found = hits(detector("financial"), "IBAN DE03 6998 2140 0915 8708 42 and card 4111 1111 1111 1111")

    assert [one.label for one in found] == ["IBAN_CODE", "CREDIT_CARD"]


def test_groups_and_globs_stand_for_entities():
    """A group is its members, a glob what it matches, an alias its entity; each is asked for once."""
    assert chosen(["contact"]) == ("EMAIL_ADDRESS", "PHONE_NUMBER")
    assert set(chosen(["DE_*"])) == {one for one in own_entities() if one.startswith("DE_")}
    assert chosen(["DE_STEUER_ID", "DE_TAX_ID"]) == ("DE_TAX_ID",)
    assert {"US_SSN", "PL_PESEL", "BR_CPF"} <= set(chosen(["national-id"]))
    assert "URL" not in chosen(["personal"])
    assert not set(chosen(["identifiers"])) & groups()["names"]
    assert set(chosen(["*"])) == set(own_entities())


def test_exceptions_leave_entities_out():
    """`except` takes names, groups and globs; leaving nothing is an error."""
    looking = PiiSpec(entities=("contact", "US_SSN"), except_=("PHONE_*",)).detector()

    assert marked(looking, "call (415) 555-0132, ssn 536-90-4399") == "call (415) 555-0132, ssn «536-90-4399»"
    with pytest.raises(SpecError, match="no entity is left"):
        PiiSpec(entities=("contact",), except_=("contact",)).detector()
    with pytest.raises(SpecError) as caught:
        PiiSpec(entities=("contact",), except_=("PHONES",)).detector()
    assert caught.value.path == ("except", 0)


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("EMAIL_ADRESS", "EMAIL_ADDRESS"),
        ("contacts", "contact"),
        ("XX_*", "entities"),
        ("de_tax_id", "DE_TAX_ID"),
    ],
)
def test_unknown_names_are_errors_with_help(name, help):
    """A misspelt entity or group, and a glob that matches nothing, is an error at its place."""
    with pytest.raises(SpecError) as caught:
        detector("EMAIL_ADDRESS", name)

    assert caught.value.path == ("entities", 1)
    assert help in caught.value.help


def test_our_patterns_join_the_shared_pass():
    """Every recipe of ours and the pattern of the catalogue compile together."""
    assert Index.compile(detector(*chosen(["identifiers"]), "URL", "PERSONAL_PATH").patterns)


def test_identifiers_do_not_need_presidio():
    """A policy of identifiers is ready without Presidio and spaCy, which take most of a second to import."""
    import subprocess

    program = (
        "import sys; from guardrails.detectors.pii import PiiSpec;"
        "PiiSpec(entities=('identifiers', 'URL')).detector();"
        "print([name for name in ('presidio_analyzer', 'spacy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


HOSTILE = {
    "digits": "0123456789" * 2,
    "groups": "1234 5678 ",
    "single digits": "1 2 3 4 ",
    "at signs": "a@b.c@",
    "plus": "+1 (2",
    "words": "SSN tax id number passport ",
    "numbers with words": "SSN 123456789, ",
    "letters and digits": "AB1",
    "zone": "A<",
    "dots": "1.a.",
    "scheme": "http://a:b",
    "dates": "born 1/2/1990 ",
    "rows": "12345678,1234567890,x\n",
    "phones": "tel 030 12345678 ",
}


@pytest.fixture(scope="module")
def find():
    return finder(chosen(["identifiers", "URL", "PERSONAL_PATH"]), 0.5, "en")


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear_in_length(name, find):
    """Four times the text takes about four times the time, whatever it is made of."""

    def seconds(length):
        text = (HOSTILE[name] * (length // len(HOSTILE[name]) + 1))[:length]
        return min(spent(lambda: find(text)) for _ in range(3))

    find(HOSTILE[name])
    short, long = seconds(6_000), seconds(24_000)
    assert long < 8 * short + 0.02  # quadratic time would be sixteen times


def test_top_level_domains_are_those_of_the_public_suffix_list():
    """What is read from the bundled list is what `tldextract` reads there, and its HTTP client stays out."""
    bundled = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)
    code = (
        "import sys\n"
        "from guardrails.detectors import pii_recipes\n"
        "assert 'museum' in pii_recipes._top_level_domains()\n"
        "print(sorted({'tldextract', 'requests'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert pii_recipes._top_level_domains() == {suffix.rpartition(".")[2] for suffix in bundled.tlds}
    assert ran.stdout.strip() == "[]"
