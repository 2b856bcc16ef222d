"""The catalogue of identifiers proves itself: generated values are found by their words, broken ones not."""

import random

import pytest
from looking import marked

from guardrails.catalogue import identifier_kinds as catalogue
from guardrails.catalogue import proofs, samples
from guardrails.detectors.patterns import compile_regex
from guardrails.detectors.pii import PiiSpec
from guardrails.detectors.pii_identifiers import PATTERN, Family

RECORDS = catalogue.identifiers()
# Czechia and Slovakia issue the same number under the same words: the text cannot tell them apart.
SAME = {frozenset({"CZ_RC", "SK_RC"})}
FAMILY = Family(RECORDS)
RUNS = compile_regex(PATTERN)


def found(text, family=FAMILY):
    return [one for match in RUNS.finditer(text) for one in family.find(text, *match.span())]


def broken(record, value, source):
    try:
        return samples.broken(record, value, source)
    except samples.NoSampleError:
        return None


@pytest.mark.parametrize("entity", RECORDS)
def test_each_identifier_is_found_by_each_of_its_words(entity):
    """A generated value is found beside every context word of its record, whole, by this record alone."""
    record = RECORDS[entity]
    family = Family([entity])
    value = samples.sample(record, random.Random(entity))
    for word in record.words:
        text = f"{word}: {value} "
        spans = [(text[one.start : one.end], one.entity) for one in found(text, family)]
        assert spans == [(value, entity)], word


def broken_sample(entity):
    source = random.Random(entity)
    return broken(RECORDS[entity], samples.sample(RECORDS[entity], source), source)


# Of some, no change of one digit breaks the structure.
BROKEN = {entity: broken_sample(entity) for entity, record in RECORDS.items() if record.proof}


@pytest.mark.parametrize("entity", [entity for entity, value in BROKEN.items() if value is not None])
def test_a_broken_value_is_not_found(entity):
    """A value with one digit changed, so that the proof refuses it, is not found by its own words."""
    record, value = RECORDS[entity], BROKEN[entity]
    for word in record.words:
        assert found(f"{word}: {value} ", Family([entity])) == []


def test_the_right_identifier_of_all_is_named():
    """Of the whole catalogue, at least 99 % of values get their own name and at most 1 % a wrong one."""
    right = wrong = flagged = seen = refuted = 0
    for entity, record in RECORDS.items():
        source = random.Random(f"all {entity}")
        value = samples.sample(record, source)
        for word in record.words:
            names = {one.entity for one in found(f"My {word} is {value}, please keep it safe.")}
            seen += 1
            right += entity in names or any({entity, *names} <= same for same in SAME)
            wrong += bool(names - {entity})
        changed = broken(record, value, source) if record.proof else None
        if changed is not None:
            refuted += 1
            flagged += bool(found(f"My {record.words[0]} is {changed}, please keep it safe."))

    assert seen > 700
    assert right / seen >= 0.99
    assert wrong / seen <= 0.01
    assert refuted > 140
    assert flagged / refuted <= 0.01


def test_bare_digits_mean_nothing_alone():
    """One number in ten has a right check digit: without a word near it, no run of digits is anybody's."""
    source = random.Random(7)
    for length in range(7, 20):
        for _ in range(300):
            digits = "".join(source.choices("0123456789", k=length))
            names = {one.entity for one in found(f"row {digits}; next value 17")}
            assert names <= {"FR_NIR", "CN_RESIDENT_ID", "CH_AHV"}  # their structure is proof enough


def test_more_than_forty_countries_have_checked_identifiers():
    """The catalogue covers the world, by proofs that refuse a changed digit."""
    checked = set()
    for entity, record in RECORDS.items():
        source = random.Random(f"countries {entity}")
        if record.proof and broken(record, samples.sample(record, source), source):
            checked.add(record.country)

    assert len(checked) > 60


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("The Norwegian national ID «15108695088» is hers", "NO_FODSELSNUMMER"),
        ("CPF «123.456.789-09», RG to follow", "BR_CPF"),
        ("pay the VAT of NL «NL004495445B01» now", "NL_VAT"),
        ("HKID «A123456(3)»", "HK_ID"),
        ("他的身份证号码是«11010519491231002X»。", "CN_RESIDENT_ID"),
        ('{"nationalInsuranceNumber": "«AB123456C»"}', "UK_NINO"),
        ("nhsNumber=«943 476 5919»", "UK_NHS"),
        ("1 85 05 78 006 084 and no key", ""),
        ("mit der Steuer-ID «86095742719» gemeldet", "DE_TAX_ID"),
        ("«756.9217.0769.85» is enough by its form", "CH_AHV"),
    ],
)
def test_identifiers_in_their_usual_spelling(text, entity):
    """Groups, keys in camel case, countries with a noun, texts without spaces."""
    plain = text.replace("«", "").replace("»", "")
    hits = found(plain)
    for one in reversed(hits):
        plain = f"{plain[: one.start]}«{plain[one.start : one.end]}»{plain[one.end :]}"

    assert plain == text
    assert [one.entity for one in hits] == [entity] * bool(entity)


@pytest.mark.parametrize(
    "text",
    [
        "vivimos sin 046454286 pesos",  # `sin` is a word; the number is a Canadian SIN
        "SSN 536-90-4399; batch 046454286 of the SIN register",  # the word after names a register
        "NHS trust 12345678, order 9434765919",  # the word belongs to the number after it
        "nhsabc 9434765919",  # half a word
        "at 9434765919 ms, NHS: none",  # what follows the word is meant
        "0.9434765919 nhs",
        "nhs a9434765919b",
        "v3 x509 sha256 utf8 passport",
        "passport issued 2024-05-17",
    ],
)
def test_words_that_do_not_announce_a_number(text):
    """Common words, words of another number, parts of words, dates and decimals announce nothing."""
    assert found(text) == []


def test_a_list_belongs_to_the_word_before_it():
    """`TFNs: 1, 2 and 3` announces all three."""
    record, source = RECORDS["AU_TFN"], random.Random(3)
    values = [samples.sample(record, source) for _ in range(3)]

    assert [one.entity for one in found(f"TFNs: {values[0]}, {values[1]} and {values[2]}.")] == ["AU_TFN"] * 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " | "])
def test_the_head_of_a_column_announces_its_numbers(delimiter):
    """In a table a number is what the head of its column says, however far down, and nothing else."""
    rows = [["name", "nhs number", "batch"]]
    for number in range(60):
        source = random.Random(number)
        rows.append(
            ["Ada", samples.sample(RECORDS["UK_NHS"], source), samples.sample(RECORDS["UK_NHS"], source)]
        )
    table = "\n".join(delimiter.join(row) for row in rows)

    assert [one.entity for one in found(f"Here they are:\n{table}\n")] == ["UK_NHS"] * 60


def test_a_line_of_code_is_no_head_of_a_column():
    """Lines with digits, or with other counts of commas, head nothing."""
    value = samples.sample(RECORDS["UK_NHS"], random.Random(1))
    between = "    # " + "and so on " * 12

    assert found(f"nhs, name = load()\n{between}\nrun({value}, x)\n") != []
    assert found(f"nhs, name2 = load()\n{between}\nrun({value}, x)\n") == []
    assert found(f"nhs, name = load()\n{between}\nrun({value}, x, y)\n") == []
    assert found(f"nhs, name = load()\n\n{between}\nrun({value}, x)\n") == []


def test_why_names_shape_proof_and_word_and_never_the_value():
    """A finding says what led to it."""
    (one,) = found("Mein PESEL ist 44051401458.")

    assert one.why == "shape of PL_PESEL, proof pl.pesel, context word pesel"
    assert one.score == 1.0


def test_identifiers_are_found_in_views_as_well():
    """A value with zero-width spaces or in full-width digits is found where it stands."""
    detector = PiiSpec(entities=("UK_NHS",)).detector()

    assert marked(detector, "NHS number 943\u200b476\u200b5919") == "NHS number «943\u200b476\u200b5919»"
    assert marked(detector, "NHS number ９４３４７６５９１９") == "NHS number «９４３４７６５９１９»"


@pytest.mark.parametrize(
    ("proof", "right", "wrong"),
    [
        ("luhn", "79927398713", "79927398714"),
        ("us_npi", "1234567893", "1234567894"),
        ("us_dea", "AB1234563", "AB1234564"),
        ("us_aba", "021000021", "021000022"),
        ("vin", "1M8GDM9AXKP042788", "1M8GDM9A1KP042788"),
        ("au_medicare", "2123456701", "2123456711"),
        ("de_social_security", "15070649C103", "15070649C104"),
        ("de_health_insurance", "A123456780", "A123456781"),
        ("sg_nric", "S1234567D", "S1234567E"),
        ("hk_id", "A1234563", "A1234564"),
        ("tw_id", "A123456789", "A123456788"),
        ("cn_id", "11010519491231002X", "110105194912310021"),
        ("ru_snils", "11223344595", "11223344596"),
        ("za_id", "8001015009087", "8001015009088"),
        ("de_document", "T220001293", "T220001294"),
        ("iban", "DE89370400440532013000", "DE88370400440532013000"),
        ("us_ssn", "536904399", "666904399"),
        ("pl.pesel", "44051401458", "44051401459"),
    ],
)
def test_proofs_by_published_examples(proof, right, wrong):
    """Each algorithm accepts an example that its issuer or its standard gives, and refuses a changed one."""
    assert proofs.proof(proof)(right)
    assert not proofs.proof(proof)(wrong)


@pytest.mark.parametrize(
    ("address", "currency"),
    [
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "BTC"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "BTC"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "ETH"),
        ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "XRP"),
        ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "TRX"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", ""),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp", ""),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", ""),
        ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", ""),
    ],
)
def test_wallets_by_their_checksums(address, currency):
    """Base58Check, Bech32 and EIP-55 accept the addresses of their specifications and no changed ones."""
    assert proofs.wallet(address) == currency


def test_unknown_proofs_are_errors():
    """A record cannot name a proof that there is not."""
    with pytest.raises(LookupError):
        proofs.proof("xx.nothing")
    with pytest.raises(LookupError):
        proofs.proof("nothing")


def test_records_are_whole():
    """Every proof exists, every alias is unique, and English words announce nearly every identifier."""
    for record in RECORDS.values():
        if record.proof:
            proofs.proof(record.proof)
        assert record.words
    assert len(catalogue.aliases()) == sum(len(record.aliases) for record in RECORDS.values())
    assert set(catalogue.countries().nouns) <= {record.group for record in RECORDS.values()}
