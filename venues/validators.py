"""What a field of a venue or its rules may hold; each refusal is a sentence."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinValueValidator,
    URLValidator,
)
from django.utils.deconstruct import deconstructible

from reserve.core.text import UNWRITABLE, is_clean

MAX_CAPACITY = 1_000_000_000
MAX_DAYS = 730
MAX_PICTURES = 20
MAX_DESCRIPTION = 10_000
MAX_URL_LENGTH = 500
DAY_MINUTES = 24 * 60
DAY_SECONDS = 24 * 60 * 60
MAX_REMINDERS = 5
MIN_REMINDER = 15
MAX_REMINDER = 14 * DAY_MINUTES

# Of one resource: one every five minutes around the clock.
MAX_SLOTS_PER_DAY = 288

# A machine's own time, and that of one nobody has set up: neither says where a place is.
_NO_PLACES = frozenset({"localtime", "Factory"})

_at_https = URLValidator(schemes=["https"])
at_web = URLValidator(
    schemes=["http", "https"], message="This must be an address with https:// or http://."
)


def whole(minimum: int, maximum: int) -> list[Callable[[object], None]]:
    """Validators of a whole number's range, both ends included."""
    return [
        MinValueValidator(minimum, "This must be at least %(limit_value)s."),
        MaxValueValidator(maximum, "This must be at most %(limit_value)s."),
    ]


def at_most(characters: int) -> MaxLengthValidator:
    """The validator of a text's length."""
    return MaxLengthValidator(characters, "This must have at most %(limit_value)s characters.")


@deconstructible
class Degrees:
    """From -limit to limit; refuses what is no number, which no comparison does."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, degrees: float) -> None:
        if not math.isfinite(degrees) or abs(degrees) > self.limit:
            raise ValidationError(f"This must be from -{self.limit} to {self.limit} degrees.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Degrees) and other.limit == self.limit

    def __hash__(self) -> int:
        return hash(self.limit)


def validate_timezone(name: str) -> None:
    if name not in _timezones():
        raise ValidationError(f"{name} is not an IANA time zone.")


def validate_line(text: str) -> None:
    """Refuses characters that no text needs, and text of nothing but spaces."""
    if not is_clean(text):
        raise ValidationError(UNWRITABLE)
    if text and not text.strip():
        raise ValidationError("This must not be blank.")


def validate_text(text: str) -> None:
    """As for a line, but lines may end and tabs may stand."""
    validate_line(text.translate({ord(character): "." for character in "\r\n\t"}))


def validate_pictures(urls: Sequence[str]) -> None:
    """Refuses more than MAX_PICTURES, and what is no address by https."""
    if len(urls) > MAX_PICTURES:
        raise ValidationError(f"There must be at most {MAX_PICTURES}.")
    for number, url in enumerate(urls, start=1):
        if len(url) > MAX_URL_LENGTH:
            raise ValidationError(f"Number {number} is longer than {MAX_URL_LENGTH} characters.")
        try:
            _at_https(url)
        except ValidationError:
            raise ValidationError(f"Number {number} is no address with https://.") from None


def validate_wall_clock(wall_clock: object) -> None:
    """Refuses seconds, and a time that brings its own zone."""
    for part in ("second", "microsecond", "tzinfo"):
        if getattr(wall_clock, part, None):
            raise ValidationError("This must be a whole minute of the venue's clock.")


@cache
def _timezones() -> frozenset[str]:
    # Reads hundreds of files; an update of the zones comes with a restart.
    return frozenset(available_timezones()) - _NO_PLACES


def default_reminders() -> list[int]:
    """A day and two hours before the start."""
    return [DAY_MINUTES, 120]


def validate_reminders(minutes: Sequence[int]) -> None:
    if len(minutes) > MAX_REMINDERS:
        raise ValidationError(f"There must be at most {MAX_REMINDERS}.")
    if len(set(minutes)) < len(minutes):
        raise ValidationError("Each time must be there once.")
