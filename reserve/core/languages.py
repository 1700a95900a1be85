"""The language in which somebody is written to."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils import translation


def nearest_language(locale: str) -> str:
    """The language that is nearest to a locale among those that we write in."""
    try:
        return translation.get_supported_language_variant(locale.lower())
    except LookupError:
        return settings.LANGUAGE_CODE


@contextmanager
def language_of(locale: str) -> Iterator[None]:
    """Whatever is translated inside is in the language that is nearest to a locale."""
    with translation.override(nearest_language(locale)):
        yield
