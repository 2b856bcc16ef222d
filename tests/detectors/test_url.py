"""`type: url`: which links are dangerous, and which only look it."""

import pytest
from looking import hits
from timing import assert_linear

from guardrails.detectors import SpecError, UrlSpec
from guardrails.detectors.url import UrlClass

ALL = UrlSpec().detector()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "see https://bank.example@evil.example/login.",
            [("https://bank.example@evil.example/login", "URL_USERINFO")],
        ),
        ("http://203.0.113.9/x", [("http://203.0.113.9/x", "URL_IP")]),
        ("http://3405803785/", [("http://3405803785/", "URL_IP")]),
        ("http://0xcb.0x0.0x71.0x9/", [("http://0xcb.0x0.0x71.0x9/", "URL_IP")]),
        ("http://[2001:db8::1]:80/a", [("http://[2001:db8::1]:80/a", "URL_IP")]),
        ("http://127.0.0.1:8080/health and http://localhost:3000/", []),
        ("https://xn--80ak6aa92e.com/", [("https://xn--80ak6aa92e.com/", "URL_LOOK_ALIKE")]),
        ("https://pаypal.example/", [("https://pаypal.example/", "URL_LOOK_ALIKE")]),
        ("https://münchen.example/ and https://пример.example/", []),
        ("[x](javascript:alert(1))", [("javascript:", "URL_SCRIPT")]),
        ("a javascript: heading, and typescript:foo", []),
        ("data:text/html;base64,PGI+", [("data:text/html;", "URL_DATA")]),
        ("data:image/png;base64,iVBORw0KGgo=", []),
        (
            "![logo](https://x.example/a.png?d=c2VjcmV0IGtleSBpcyBoZXJl)",
            [("https://x.example/a.png?d=c2VjcmV0IGtleSBpcyBoZXJl", "URL_CARRIES_DATA")],
        ),
        ("![i](https://x.example/?q=[QUERY])", [("https://x.example/?q=[QUERY]", "URL_CARRIES_DATA")]),
        ("![build](https://ci.example/badge.svg?branch=main)", []),
        ("[![d](https://ci.example/b?color=yellow&label=brew&logo=brew)](https://ci.example/a)", []),
        ("prints ``https://”`` and goes on", []),
        ("see https://x.example/?d=c2VjcmV0IGtleSBpcyBoZXJl", []),
        ("https://docs.example/a_(b), fine", []),
        ("mail me at a@b.example: http is a protocol", []),
    ],
)
def test_a_dangerous_link_is_found(text, expected):
    """Each class with its nearest harmless neighbour."""
    assert [(text[one.start : one.end], one.label) for one in hits(ALL, text)] == expected


def test_listed_domains():
    """A domain stands for all below it, and for no other that only ends like it."""
    detector = UrlSpec(classes=(), allow=("acme.example",), deny=("evil.acme.example",)).detector()
    text = (
        "https://acme.example https://docs.ACME.example/x https://notacme.example/ "
        "https://a.evil.acme.example/ https://acme.example.evil.test/"
    )
    found = [(text[one.start : one.end], one.label) for one in hits(detector, text)]

    assert found == [
        ("https://notacme.example/", "URL_NOT_ALLOWED"),
        ("https://a.evil.acme.example/", "URL_DENIED"),
        ("https://acme.example.evil.test/", "URL_NOT_ALLOWED"),
    ]


def test_a_link_under_a_disguise_is_found():
    """Zero-width characters and percent escapes hide no host."""
    detector = UrlSpec(classes=(), deny=("evil.example",)).detector()

    assert hits(detector, "https://ev\u200bil.example/a")
    assert hits(detector, "https://%65vil.example/a")


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (UrlSpec(allow=("https://acme.example",)), ("allow", 0)),
        (UrlSpec(deny=("fine.example", "*.acme.example")), ("deny", 1)),
        (UrlSpec(classes=()), ("classes",)),
    ],
)
def test_what_is_no_domain_is_an_error_with_its_place(spec, path):
    """Schemes and globs are refused, as is a rule that looks for nothing."""
    with pytest.raises(SpecError) as error:
        spec.detector()
    assert error.value.path == path


def test_time_is_linear_in_the_length():
    """Ten times the links take about ten times as long, however they are written."""
    detector = UrlSpec(classes=tuple(UrlClass), deny=("evil.example",)).detector()
    for unit in (
        "![a](https://x.example/?" + "q" * 30 + ") ",
        "http://",
        "![",
        "data:",
        "http://a" + ")" * 50 + " ",
    ):
        assert_linear(lambda many, unit=unit: hits(detector, unit * many, seconds=60), 2_000, 20_000)
