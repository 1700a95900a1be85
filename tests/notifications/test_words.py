"""Languages, clocks and an organization's own words."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from accounts.actors import account
from bookings.models import Booking
from bookings.services.bookings import create_booking
from notifications.kinds import Kind
from notifications.models import Wording
from notifications.placeholders import fill, validate_text
from notifications.quiet import quiet_until
from tests.factories import make_resource, make_slot, make_user, make_venue, seats_on

EVENING = datetime(2030, 7, 5, 17, 0, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("locale", "subject", "day", "clock"),
    [
        (
            "en-GB",
            "Your booking at Noma is confirmed",
            "Friday, 5 July 2030",
            "19:00 – 19:30",
        ),
        ("da", "Din booking hos Noma er bekræftet", "fredag, 5. juli 2030", "19:00 – 19:30"),
        ("de-AT", "Ihre Buchung bei Noma ist bestätigt", "Freitag, 5. Juli 2030", "19:00 – 19:30"),
        ("ja", "Your booking at Noma is confirmed", "Friday, 5 July 2030", "19:00 – 19:30"),
    ],
)
def test_a_mail_is_in_the_language_of_its_reader_by_the_venue_s_clock(
    mails, locale, subject, day, clock
) -> None:
    venue = make_venue(name="Noma", booking_horizon_days=None)
    slot = make_slot(make_resource(venue))
    booker = account(make_user(locale=locale, timezone="America/New_York").pk)
    booking = create_booking(actor=booker, seats=seats_on(slot, 2))
    Booking.objects.filter(pk=booking.pk).update(
        starts_at=EVENING, ends_at=EVENING + timedelta(minutes=30)
    )
    (message,) = mails()
    assert message.subject == subject
    html = message.alternatives[0].content
    for text in (message.body, html):
        assert day in text
        assert clock in text
        # And when that is where the reader lives.
        assert "America/New_York" in text
    assert "color-scheme" in html
    assert "prefers-color-scheme: dark" in html


@pytest.mark.django_db(transaction=True)
def test_an_organization_s_own_words_go_to_its_guests_alone(mails) -> None:
    slot = make_slot(make_resource(make_venue(name="Noma & Co")))
    other = make_slot(make_resource(make_venue(name="Elsewhere")))
    Wording.objects.create(
        organization=slot.organization,
        kind=Kind.CONFIRMED,
        language="da",
        subject="Velkommen, {guest_name}!",
        body="Vi ses {date}.\n\n<b>{venue_name}</b> {reason}",
    )
    dane = account(make_user(name="{code} <i>Bo</i>", locale="da").pk)
    englishman = account(make_user(locale="en").pk)
    booking = create_booking(actor=dane, seats=seats_on(slot, 2))
    create_booking(actor=englishman, seats=seats_on(slot, 2))
    create_booking(actor=dane, seats=seats_on(other, 2))
    subjects = {message.subject: message for message in mails()}
    # A name that looks like a placeholder is a name.
    own = subjects.pop("Velkommen, {code} <i>Bo</i>!")
    assert set(subjects) == {
        "Your booking at Noma & Co is confirmed",
        "Din booking hos Elsewhere er bekræftet",
    }
    assert "<b>Noma & Co</b>" in own.body
    html = own.alternatives[0].content
    assert "&lt;b&gt;Noma &amp; Co&lt;/b&gt;" in html
    assert "<i>Bo" not in html
    # The details stay.
    assert booking.confirmation_code in own.body


@pytest.mark.parametrize(
    "text", ["{guest}", "{guest_name", "guest_name}", "{{ settings.SECRET_KEY }}", "{}", "{0}"]
)
def test_no_other_names_can_be_written(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_text(text)


def test_text_is_replaced_and_never_evaluated() -> None:
    text = "{guest_name} {% load x %} {code.__class__}"
    assert fill("{guest_name}, {reason}!", {"guest_name": "{code}"}) == "{code}, !"
    with pytest.raises(ValidationError):
        validate_text(text)
    validate_text("100 % {guest_name}, {time}")


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("now", "begin", "end", "until"),
    [
        # Over midnight: 23:00, 03:00 and noon in New York, in summer.
        ("2026-07-02T03:00Z", time(22), time(7), "2026-07-02T11:00Z"),
        ("2026-07-02T07:00Z", time(22), time(7), "2026-07-02T11:00Z"),
        ("2026-07-02T16:00Z", time(22), time(7), None),
        ("2026-07-02T11:00Z", time(22), time(7), None),
        # Within a day.
        ("2026-07-02T17:00Z", time(12), time(14), "2026-07-02T18:00Z"),
        ("2026-07-02T18:00Z", time(12), time(14), None),
        # The clock goes forward, and back, in these nights.
        ("2026-03-08T04:00Z", time(22), time(7), "2026-03-08T11:00Z"),
        ("2026-11-01T03:00Z", time(22), time(7), "2026-11-01T12:00Z"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(now, begin, end, until) -> None:
    found = quiet_until(datetime.fromisoformat(now), begin=begin, end=end, zone=NEW_YORK)
    assert found == (datetime.fromisoformat(until) if until else None)
