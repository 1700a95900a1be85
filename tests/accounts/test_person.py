"""What is written down of a person, and in which form."""

import pytest

from accounts.person import (
    clean_email,
    clean_locale,
    clean_name,
    clean_person,
    clean_phone,
    clean_timezone,
    normalise_email,
)
from reserve.core.errors import Invalid


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("  Some.One@Example.COM ", "some.one@example.com"),
        ("\uff53ome@example.com", "some@example.com"),
        ("\u212aelvin@example.com", "kelvin@example.com"),
        ("long\u017f@example.com", "longs@example.com"),
        ("some+tag@example.com", "some+tag@example.com"),
    ],
)
def test_an_address_has_one_form(written: str, stored: str) -> None:
    assert clean_email(written) == stored
    assert normalise_email(stored) == stored


@pytest.mark.parametrize(
    "email",
    [
        *("", "@", "a@", "@b.example", "a b@example.com", "a@b", "a@@b.example", "a,b@c.example"),
        *(
            "a\0@example.com",
            "a@b.example\nc@d.example",
            "\u0430@example.com",
            "a@ex\u00e4mple.com",
        ),
        *("a@example.com\u202e", "a" * 250 + "@example.com", "a@example.com" + " " * 1000 + "x"),
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(Invalid) as refused:
        clean_email(email)
    assert list(refused.value.details["errors"]) == ["email"]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (" Ada ", "Ada"),
        ("Lu\u0301cia", "Lúcia"),
        ("Åse-Marie O'Neil", "Åse-Marie O'Neil"),
        ("محمد علي", "محمد علي"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩‍🍳 Cook", "👩‍🍳 Cook"),
    ],
)
def test_names_of_all_kinds_are_taken(written: str, stored: str) -> None:
    assert clean_name(written) == stored


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "   ",
            "\u200d",
            "\u200b\u200b",
            "A\0",
            "A\nB",
            "A\tB",
            "A\x7f",
            "A\x85B",
            "A\u2028B",
        ),
        *("A\u202eB", "A\u2066B", "\ud800", "A" * 201, "A" * 10_000),
    ],
)
def test_names_that_cannot_be_written_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        clean_name(name)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("EN", "en"),
        ("pt-br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-CH-1996", "de-CH-1996"),
    ],
)
def test_a_locale_gets_its_customary_capitals(written: str, stored: str) -> None:
    assert clean_locale(written) == stored


@pytest.mark.parametrize("locale", ["", "e", "english", "en_GB", "en-", "en-x-y", "ｅｎ", "en\n"])
def test_what_is_no_locale_is_refused(locale: str) -> None:
    with pytest.raises(Invalid):
        clean_locale(locale)


@pytest.mark.parametrize("timezone", ["", "Mars/Olympus", "europe/copenhagen", "../etc/passwd"])
def test_what_is_no_time_zone_is_refused(timezone: str) -> None:
    assert clean_timezone("Europe/Copenhagen") == "Europe/Copenhagen"
    with pytest.raises(Invalid):
        clean_timezone(timezone)


@pytest.mark.parametrize("phone", ["12", "call me", "+45 12 34 56 78 ext. 9", "1" * 33, "1\n234"])
def test_what_is_no_phone_number_is_refused(phone: str) -> None:
    assert clean_phone("") == ""
    assert clean_phone(" +45 12 34 56 78 ") == "+45 12 34 56 78"
    with pytest.raises(Invalid):
        clean_phone(phone)


def test_every_field_that_is_wrong_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        clean_person(email="x", name=" ", phone="?", locale="?", timezone="?")
    assert list(refused.value.details["errors"]) == ["email", "name", "phone", "locale", "timezone"]
