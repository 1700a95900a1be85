"""Reminders: made when their time comes, each once, of bookings as they are then.

Nothing is planned ahead, so that a booking that was moved or cancelled meanwhile needs no
plan undone: its new start has reminders of its own.
"""

from datetime import UTC, datetime
from uuid import UUID

from django.db import connection, transaction

from bookings.models import Booking
from bookings.states import BookingStatus
from notifications.content.facts import facts_of
from notifications.kinds import Kind
from notifications.models import Reminder
from notifications.services.deliveries import News, owe
from reserve.core.clock import now

_BATCH = 500
_BATCHES = 40

# Every venue has its own times. Where nobody looked for a while, a reminder may still
# come until half its time, or twelve hours, has passed. Whoever booked within the hour
# before was told just now.
_DUE = """
SELECT b.id, b.starts_at, m.minutes
FROM venues_venue v
CROSS JOIN LATERAL (SELECT DISTINCT unnest(v.reminder_minutes) AS minutes) m
JOIN bookings_booking b ON b.venue_id = v.id
  AND b.starts_at > now()
  AND b.starts_at <= now() + m.minutes * interval '1 minute'
  AND b.starts_at > now() + m.minutes * interval '1 minute'
    - least(m.minutes * interval '30 seconds', interval '12 hours')
WHERE b.status = %s
  AND b.created_at <= b.starts_at - m.minutes * interval '1 minute' - interval '1 hour'
  AND NOT EXISTS (
    SELECT FROM notifications_reminder r
    WHERE r.booking_id = b.id AND r.starts_at = b.starts_at AND r.minutes = m.minutes)
ORDER BY b.starts_at
LIMIT %s
"""


def make_due() -> int:
    """Write down the reminders whose time has come; return how many."""
    total = 0
    for _ in range(_BATCHES):
        made = _make_batch()
        total += made
        if made < _BATCH:
            break
    return total


def _make_batch() -> int:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_DUE, (BookingStatus.CONFIRMED, _BATCH))
            due: list[tuple[UUID, datetime, int]] = cursor.fetchall()
        bookings = Booking.objects.select_related("venue", "guest__account").in_bulk(
            {booking_id for booking_id, _, _ in due}
        )
        # Another beat may be at it too: the key of a mark decides, and the key of a delivery.
        Reminder.objects.bulk_create(
            [
                Reminder(
                    booking_id=booking_id,
                    organization_id=bookings[booking_id].organization_id,
                    starts_at=starts_at,
                    minutes=minutes,
                )
                for booking_id, starts_at, minutes in sorted(due)
            ],
            ignore_conflicts=True,
        )
        owe(
            [
                _news(bookings[booking_id], starts_at, minutes)
                for booking_id, starts_at, minutes in due
                # Moved between the two readings: it will come again.
                if bookings[booking_id].starts_at == starts_at
            ]
        )
    return len(due)


def _news(booking: Booking, starts_at: datetime, minutes: int) -> News:
    return News(
        occasion=occasion_of(starts_at, minutes),
        kind=Kind.REMINDER,
        booking=booking,
        facts=facts_of(booking, recorded_at=now(), minutes_before=minutes),
    )


def occasion_of(starts_at: datetime, minutes: int) -> str:
    return f"reminder.{starts_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.{minutes}"
