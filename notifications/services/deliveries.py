"""What is owed after an event: one delivery for each recipient and channel, each once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts.models import Membership, Role, User
from bookings.models import Booking
from notifications.content.facts import Facts
from notifications.kinds import FOR_STAFF, Audience, Channel, Kind, urgency_of
from notifications.models import Delivery, Device
from notifications.selectors import Said, devices_to_tell, is_wanted, said_by

TOPIC = "topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that people are to be told of a booking, which has its venue and guest at hand."""

    occasion: str
    kind: Kind
    booking: Booking
    facts: Facts
    by: str = ""
    """Whose doing it was, by the public id of an account: they need not be told as staff."""
    request_id: str = ""
    """Of the request that it goes back to."""
    not_before: datetime | None = None


def owe(news: Sequence[News]) -> int:
    """Write down what is owed; return how many messages came to be, told before or not.

    Idempotent: an occasion is written down once, however often it is told of.
    """
    if not news:
        return 0
    audience = _Audience(news)
    deliveries = [delivery for item in news for delivery in audience.deliveries(item)]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return len(deliveries)


class _Audience:
    """Everybody whom a batch of news may concern, read in a few statements."""

    def __init__(self, news: Sequence[News]) -> None:
        self._staff = _staff_of(item.booking for item in news if item.kind in FOR_STAFF)
        people = {member.user_id for members in self._staff.values() for member in members}
        people |= {user.pk for item in news if (user := _account_of(item.booking)) is not None}
        self._said: Said = said_by(people)
        self._devices: dict[UUID, list[Device]] = (
            devices_to_tell(people) if settings.SNS_TOPIC_ARN else {}
        )

    def deliveries(self, news: News) -> Iterator[Delivery]:
        booking, guest, account = news.booking, news.booking.guest, _account_of(news.booking)
        if account is not None:
            # Who is suspended is nobody.
            if account.is_active:
                yield from self._to_person(news, account, Audience.GUEST, recipient=guest.public_id)
        elif guest.email and self._wants(news, None, Channel.EMAIL, Audience.GUEST):
            yield _delivery(
                news, Channel.EMAIL, Audience.GUEST, recipient=guest.public_id, guest=guest
            )
        if news.kind in FOR_STAFF:
            for member in self._staff[booking.organization_id]:
                if _works_at(member, booking) and member.user.public_id != news.by:
                    yield from self._to_person(
                        news,
                        member.user,
                        Audience.STAFF,
                        recipient=member.user.public_id,
                        role=Role(member.role),
                    )
        if settings.SNS_TOPIC_ARN:
            yield _delivery(news, Channel.PUSH, Audience.TOPIC, recipient=TOPIC)

    def _to_person(
        self,
        news: News,
        user: User,
        audience: Audience,
        *,
        recipient: str,
        role: Role | None = None,
    ) -> Iterator[Delivery]:
        if self._wants(news, user.pk, Channel.EMAIL, audience, role):
            yield _delivery(news, Channel.EMAIL, audience, recipient=recipient, user=user)
        devices = self._devices.get(user.pk, ())
        if devices and self._wants(news, user.pk, Channel.PUSH, audience, role):
            for device in devices:
                yield _delivery(
                    news,
                    Channel.PUSH,
                    audience,
                    recipient=device.public_id,
                    user=user,
                    device=device,
                )

    def _wants(
        self,
        news: News,
        user_id: UUID | None,
        channel: Channel,
        audience: Audience,
        role: Role | None = None,
    ) -> bool:
        return is_wanted(self._said, user_id, news.kind, channel, audience=audience, role=role)


def _account_of(booking: Booking) -> User | None:
    """Whose account the guest has."""
    return booking.guest.account


def _staff_of(bookings: Iterable[Booking]) -> dict[UUID, list[Membership]]:
    found: defaultdict[UUID, list[Membership]] = defaultdict(list)
    organization_ids = {booking.organization_id for booking in bookings}
    if organization_ids:
        members = Membership.objects.filter(
            organization_id__in=organization_ids, user__is_active=True
        )
        for member in members.select_related("user"):
            found[member.organization_id].append(member)
    return found


def _works_at(member: Membership, booking: Booking) -> bool:
    return not member.venue_ids or booking.venue_id in member.venue_ids


def _delivery(
    news: News, channel: Channel, audience: Audience, *, recipient: str, **people: Any
) -> Delivery:
    booking = news.booking
    delivery = Delivery(
        organization_id=booking.organization_id,
        venue_id=booking.venue_id,
        booking=booking,
        occasion=news.occasion,
        kind=news.kind,
        channel=channel,
        audience=audience,
        recipient=recipient,
        facts=news.facts.to_json(),
        urgency=urgency_of(news.kind),
        request_id=news.request_id,
        **people,
    )
    if news.not_before is not None:
        delivery.next_attempt_at = news.not_before
    return delivery
