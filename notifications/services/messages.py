"""From a delivery to a message: whether it still makes sense, and what it says."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives

from bookings.states import BookingStatus
from notifications.content.calendar import calendar_of, has_calendar, method_of
from notifications.content.facts import Facts
from notifications.content.letters import Letter, OwnWords, html_of, letter_of, text_of
from notifications.content.reader import Reader, reader_of
from notifications.kinds import Audience, Channel, Kind
from notifications.models import Delivery, QuietHours, Wording
from notifications.quiet import quiet_until
from notifications.senders.email import mail_of, sender_address, sender_domain
from notifications.senders.sns import Alert
from reserve.core.clock import now
from reserve.core.languages import nearest_language


class Batch:
    """What the messages of a claim need, read in a few statements."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self._wordings = _wordings_of({each.organization_id for each in deliveries})
        self._quiet = _quiet_hours_of(
            {each.user_id for each in deliveries if each.user_id and each.device_id}
        )

    # --- Whether and when -----------------------------------------------------------

    def why_not(self, delivery: Delivery) -> str:
        """Why a message makes no sense any more; empty where it does."""
        if delivery.channel == Channel.PUSH and delivery.audience != Audience.TOPIC:
            if delivery.device is None:
                return "device_gone"
            login = delivery.device.login
            if delivery.device.user_id != delivery.user_id or (login and login.revoked_at):
                return "device_not_theirs"
        if delivery.audience != Audience.TOPIC:
            reader = _reader(delivery)
            if reader is None:
                return "nobody_there"
            if delivery.channel == Channel.EMAIL and not reader.email:
                return "no_address"
        return self._overtaken(delivery)

    def _overtaken(self, delivery: Delivery) -> str:
        booking, facts, at = delivery.booking, Facts.from_json(delivery.facts), now()
        match delivery.kind:
            case Kind.HELD:
                return "" if booking.status_at(at) == BookingStatus.HELD else "hold_over"
            case Kind.REMINDER:
                stands = booking.status == BookingStatus.CONFIRMED
                if stands and booking.starts_at == facts.starts_at and at < facts.starts_at:
                    return ""
                return "reminder_overtaken"
            case Kind.NO_SHOW_FOLLOW_UP:
                return "" if booking.status == BookingStatus.NO_SHOW else "came_after_all"
        return ""

    def quiet_until(self, delivery: Delivery) -> datetime | None:
        """Until when the reader's devices stay silent; None to send now.

        What would come after the booking's start is sent all the same.
        """
        quiet = self._quiet.get(delivery.user_id) if delivery.device_id else None
        if quiet is None or delivery.user is None:
            return None
        zone = ZoneInfo(delivery.user.timezone)
        until = quiet_until(now(), begin=quiet.begin, end=quiet.end, zone=zone)
        if until is None or until >= Facts.from_json(delivery.facts).starts_at:
            return None
        return until

    # --- What -----------------------------------------------------------------------

    def mail(self, delivery: Delivery) -> EmailMultiAlternatives:
        booking, facts = delivery.booking, Facts.from_json(delivery.facts)
        kind, reader = Kind(delivery.kind), _reader(delivery)
        assert reader is not None
        letter = self._letter(delivery, facts, reader)
        calendar = None
        if delivery.audience == Audience.GUEST and has_calendar(kind, facts):
            file = calendar_of(
                kind=kind,
                booking=booking,
                facts=facts,
                reader=reader,
                organizer=sender_address(),
                domain=sender_domain(),
            )
            calendar = method_of(kind), file
        return mail_of(
            delivery_id=delivery.public_id,
            to=(reader.name, reader.email),
            sender_name=booking.venue.name,
            reply_to=booking.venue.contact_email,
            subject=letter.subject,
            text=text_of(letter),
            html=html_of(letter),
            calendar=calendar,
        )

    def alert(self, delivery: Delivery) -> Alert:
        """What a device shows: no code and no link, since whoever is near reads it."""
        reader = _reader(delivery)
        assert reader is not None
        facts = Facts.from_json(delivery.facts)
        letter = self._letter(delivery, facts, reader)
        return Alert(letter.subject, letter.when)

    def attributes(self, delivery: Delivery) -> dict[str, str]:
        """What subscribers of the topic filter by, and apps open the right page with."""
        return {
            "kind": delivery.kind,
            "status": delivery.facts["status"],
            "booking_id": delivery.booking.public_id,
            "venue_id": delivery.booking.venue.public_id,
            "organization_id": delivery.organization.public_id,
        }

    def topic_facts(self, delivery: Delivery) -> dict[str, Any]:
        """What is published to the topic: ids and facts, nobody's name."""
        facts = Facts.from_json(delivery.facts)
        local = delivery.booking.venue.local
        return {
            **self.attributes(delivery),
            "delivery_id": delivery.public_id,
            "start_time": local(facts.starts_at).isoformat(),
            "end_time": local(facts.ends_at).isoformat(),
            "guest_count": facts.guest_count,
            "recorded_at": facts.recorded_at.isoformat(),
        }

    def _letter(self, delivery: Delivery, facts: Facts, reader: Reader) -> Letter:
        booking = delivery.booking
        own_words = None
        if delivery.audience == Audience.GUEST:
            language = nearest_language(reader.locale)
            own_words = self._wordings.get((booking.organization_id, delivery.kind, language))
        return letter_of(
            kind=Kind(delivery.kind),
            audience=Audience(delivery.audience),
            booking=booking,
            facts=facts,
            reader=reader,
            guest_name=booking.guest.name,
            own_words=own_words,
        )


def _reader(delivery: Delivery) -> Reader | None:
    return reader_of(user=delivery.user, guest=delivery.guest)


def _wordings_of(organization_ids: set[UUID]) -> dict[tuple[UUID, str, str], OwnWords]:
    rows = Wording.objects.filter(organization_id__in=organization_ids)
    return {
        (row.organization_id, row.kind, row.language): OwnWords(row.subject, row.body)
        for row in rows
    }


def _quiet_hours_of(user_ids: set[UUID]) -> dict[UUID, QuietHours]:
    if not user_ids:
        return {}
    return {row.user_id: row for row in QuietHours.objects.filter(user_id__in=user_ids)}
