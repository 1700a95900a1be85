"""What this app does on events: it sends mail. The links are made here, and nowhere kept."""

from collections.abc import Callable, Iterator, Sequence

from django.core.mail import EmailMultiAlternatives

from accounts import mails
from accounts.events import invitation_id_of, user_id_of
from accounts.links import Purpose
from accounts.models import Invitation, User
from accounts.second_factor.services import switch_off
from reserve.core.clock import now
from reserve.core.mail import post
from reserve.outbox.models import Event


def send_verification(events: Sequence[Event]) -> None:
    """A link to the address of an account that is not verified yet."""
    for event, user in _fresh(events, Purpose.VERIFY_EMAIL):
        if user.email_verified_at is None:
            post.send(event.pk, mails.verification(event, user))


def send_password_reset(events: Sequence[Event]) -> None:
    """A link, where the address that was asked for has an account."""
    for event, user in _fresh(events, Purpose.RESET_PASSWORD):
        post.send(event.pk, mails.password_reset(event, user))


def send_email_change(events: Sequence[Event]) -> None:
    """A link to the next address; not where it belongs to another account meanwhile."""
    for event, user in _fresh(events, Purpose.CHANGE_EMAIL):
        if user.pending_email and not User.objects.filter(email=user.pending_email).exists():
            post.send(event.pk, mails.email_change(event, user))


def announce_email_change(events: Sequence[Event]) -> None:
    """Tell the old address."""
    _tell(events, mails.email_change_announced)


def tell_of_new_password(events: Sequence[Event]) -> None:
    _tell(events, mails.password_changed)


def forget_second_factors(events: Sequence[Event]) -> None:
    """Remove the devices of people whose accounts were deleted."""
    for user in User.objects.filter(pk__in={user_id_of(event) for event in events}):
        switch_off(user=user)


def send_invitation(events: Sequence[Event]) -> None:
    """A link to the invited address, in the language of its account or of whoever invites."""
    for event in events:
        invited = (
            Invitation.objects.filter(
                pk=invitation_id_of(event),
                accepted_at=None,
                revoked_at=None,
                expires_at__gt=now(),
            )
            .select_related("organization", "invited_by")
            .first()
        )
        if invited is not None:
            reader = User.objects.filter(email=invited.email).first() or invited.invited_by
            locale = reader.locale if reader else ""
            post.send(event.pk, mails.invitation(event, invited, locale))


def _tell(events: Sequence[Event], letter: Callable[[Event, User], EmailMultiAlternatives]) -> None:
    for event, user in _with_users(events):
        post.send(event.pk, letter(event, user))


def _fresh(events: Sequence[Event], purpose: Purpose) -> Iterator[tuple[Event, User]]:
    """Those that somebody may still wait for: nobody expects a link a day late."""
    oldest = now() - purpose.lifetime
    yield from _with_users([event for event in events if event.recorded_at > oldest])


def _with_users(events: Sequence[Event]) -> Iterator[tuple[Event, User]]:
    """Each event with its person, unless that is nobody, suspended or gone."""
    user_ids = {event: user_id_of(event) for event in events}
    users = User.objects.filter(is_active=True).in_bulk({pk for pk in user_ids.values() if pk})
    for event, user_id in user_ids.items():
        if user_id in users:
            yield event, users[user_id]
