"""Mails and pages are in the language of who reads them, and every sentence of them is."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings

from accounts import mails as mails_module
from accounts import pages
from accounts.services.users import register
from bookings.guest_pages import managed as booking_pages
from notifications.content import letters, words
from tests.factories import PASSWORD
from webhooks import mails as webhook_mails

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != "en"]


def _sentences() -> set[str]:
    """What the code marks for translation."""
    found = set()
    for module in (mails_module, pages, words, letters, booking_pages, webhook_mails):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            match node:
                case ast.Call(func=ast.Name(id="_"), args=[ast.Constant(value=str(sentence))]):
                    found.add(sentence)
    return found


def _placeholders(sentence: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s", sentence))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated_with_its_placeholders(language: str) -> None:
    folder = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES"
    with (folder / "django.mo").open("rb") as compiled:
        known = gettext.GNUTranslations(compiled)
    sentences = _sentences()
    assert len(sentences) > 40
    for sentence in sentences:
        translated = known.gettext(sentence)
        assert translated != sentence, sentence
        assert _placeholders(sentence) == _placeholders(translated), sentence
        # The compiled catalogue is that of the text.
        assert f'"{translated}"' in (folder / "django.po").read_text()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("locale", "language", "subject"),
    [
        ("da-DK", "da", "Bekræft din e-mailadresse"),
        ("de-CH", "de", "Bestätigen Sie Ihre E-Mail-Adresse"),
        ("en-GB", "en", "Confirm your e-mail address"),
        ("ar", "en", "Confirm your e-mail address"),
    ],
)
def test_a_mail_is_in_the_language_of_its_reader(
    mails, locale: str, language: str, subject: str
) -> None:
    register(email="ada@example.org", password=PASSWORD, name="Ada", locale=locale)
    (message,) = mails()
    assert message.subject == subject
    assert f'<html lang="{language}" dir="ltr">' in message.alternatives[0][0]


@pytest.mark.django_db
def test_a_page_is_in_the_language_of_the_browser(client) -> None:
    page = client.get("/account/forgotten-password", headers={"accept-language": "da,en;q=0.5"})
    assert '<html lang="da">' in page.content.decode()
    assert "Glemt adgangskode" in page.content.decode()
    page = client.get("/account/forgotten-password", headers={"accept-language": "xx"})
    assert "Forgotten password" in page.content.decode()
