"""Reading what people registered and want."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import time, timedelta
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, Min
from django.db.models.functions import Now

from accounts.actors import Actor
from accounts.models import Role
from accounts.selectors import current_user
from notifications.kinds import Audience, Channel, Kind, is_wanted_by_default, kinds_for
from notifications.models import Delivery, DeliveryState, Device, Preference, QuietHours
from reserve.core.errors import NotFound

MAX_DEVICES = 20
"""Of one person; `register_device` keeps to it."""


def devices_of(*, actor: Actor) -> list[Device]:
    """The actor's devices, the last registered first.

    Raises:
        Unauthenticated: nobody is logged in.
    """
    user = current_user(actor=actor)
    return list(Device.objects.filter(user=user).order_by("-registered_at", "-pk")[:MAX_DEVICES])


def device_of(*, actor: Actor, device_id: UUID) -> Device:
    """One of them.

    Raises:
        Unauthenticated: nobody is logged in.
        NotFound: it is not theirs, or there is none.
    """
    device = Device.objects.filter(pk=device_id, user=current_user(actor=actor)).first()
    if device is None:
        raise NotFound
    return device


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether a person gets one kind by one channel, as a guest or as staff."""

    audience: Audience
    kind: Kind
    channel: Channel
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Preferences:
    """All that a person gets, and when their devices stay silent."""

    choices: tuple[Choice, ...]
    """As a guest, and for whoever works somewhere as staff."""
    quiet_from: time | None
    quiet_until: time | None


def preferences_of(*, actor: Actor) -> Preferences:
    """What the actor gets, said or not.

    Raises:
        Unauthenticated: nobody is logged in.
    """
    user = current_user(actor=actor)
    said = said_by([user.pk])
    quiet = QuietHours.objects.filter(user=user).first()
    roles = [Role(role) for role in user.memberships.values_list("role", flat=True)]
    role = next((each for each in (Role.OWNER, Role.MANAGER) if each in roles), Role.STAFF)
    audiences = (Audience.GUEST, Audience.STAFF) if roles else (Audience.GUEST,)
    return Preferences(
        choices=tuple(
            Choice(
                audience,
                kind,
                channel,
                is_wanted(said, user.pk, kind, channel, audience=audience, role=role),
            )
            for audience in audiences
            for kind in kinds_for(audience)
            for channel in Channel
        ),
        quiet_from=quiet.begin if quiet else None,
        quiet_until=quiet.end if quiet else None,
    )


Said = dict[tuple[UUID, str, str, str], bool]
"""What people have said, by person, audience, kind and channel."""


def said_by(user_ids: Collection[UUID]) -> Said:
    rows = Preference.objects.filter(user_id__in=user_ids).values_list(
        "user_id", "audience", "kind", "channel", "is_wanted"
    )
    return {
        (user_id, audience, kind, channel): wanted
        for user_id, audience, kind, channel, wanted in rows
    }


def is_wanted(
    said: Said,
    user_id: UUID | None,
    kind: Kind,
    channel: Channel,
    *,
    audience: Audience,
    role: Role | None = None,
) -> bool:
    """Whether somebody, with an account or without, gets a kind by a channel."""
    if kind not in kinds_for(audience):
        return False
    if user_id is not None and (user_id, audience, kind, channel) in said:
        return said[user_id, audience, kind, channel]
    return is_wanted_by_default(kind, channel, audience, role)


def devices_to_tell(user_ids: Iterable[UUID]) -> dict[UUID, list[Device]]:
    """The devices of people, but for those whose login was ended."""
    found: dict[UUID, list[Device]] = {}
    devices = Device.objects.filter(user_id__in=set(user_ids)).exclude(
        login__revoked_at__isnull=False
    )
    for device in devices:
        found.setdefault(device.user_id, []).append(device)
    return found


# --- For those who run it ------------------------------------------------------------


def oldest_due_delivery() -> timedelta:
    """For how long the message that has waited longest could have been sent."""
    queued = Delivery.objects.filter(state=DeliveryState.QUEUED, next_attempt_at__lte=Now())
    age = ExpressionWrapper(Now() - Min("next_attempt_at"), output_field=DurationField())
    return queued.aggregate(age=age)["age"] or timedelta()


def count_dead_deliveries() -> int:
    return Delivery.objects.filter(state=DeliveryState.DEAD).count()
