"""The tokens of links in mails, by Django's signing. None is stored anywhere.

A token names a row, carries a fingerprint of the state that it was made in, and is
signed with its time for one purpose. Whatever uses it changes that state, so that it
works once; and so does whatever else makes it pointless: a new password ends every
link that would have set one.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from uuid import UUID

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.errors import LinkRefused
from accounts.models import Invitation, User

# Longer than any of ours, of links and of logins.
MAX_TOKEN = 4096


class Purpose(Enum):
    """What a link is for: the salt of its signature, and how long it lasts."""

    VERIFY_EMAIL = "verify-email", timedelta(days=3)
    RESET_PASSWORD = "reset-password", timedelta(hours=1)
    CHANGE_EMAIL = "change-email", timedelta(days=1)
    ACCEPT_INVITATION = "accept-invitation", timedelta(days=7)

    def __init__(self, slug: str, lifetime: timedelta) -> None:
        self.slug = slug
        self.lifetime = lifetime

    @property
    def salt(self) -> str:
        return f"accounts.links.{self.slug}"


@dataclass(frozen=True, slots=True)
class Link:
    """What a token of ours says; whether it still holds is for `holds` to tell."""

    purpose: Purpose
    subject_id: UUID
    fingerprint: str

    def holds(self, subject: User | Invitation) -> bool:
        """Whether the row is still in the state that the token was made in."""
        return constant_time_compare(self.fingerprint, _fingerprint(self.purpose, subject))


def make_token(purpose: Purpose, subject: User | Invitation) -> str:
    """The token of a link about a row, as it is now."""
    content = [subject.pk.hex, _fingerprint(purpose, subject)]
    return signing.dumps(content, salt=purpose.salt)


def read_token(purpose: Purpose, token: str) -> Link:
    """Raises LinkRefused where it is not ours, for something else, or too old."""
    try:
        subject_id, fingerprint = signing.loads(token, salt=purpose.salt, max_age=purpose.lifetime)
    except signing.BadSignature:
        raise LinkRefused from None
    return Link(purpose, UUID(hex=subject_id), fingerprint)


def _fingerprint(purpose: Purpose, subject: User | Invitation) -> str:
    return salted_hmac(purpose.salt, "\n".join(_state(purpose, subject))).hexdigest()


def _state(purpose: Purpose, subject: User | Invitation) -> tuple[str, ...]:
    match subject:
        case Invitation():
            # Sent again, it ends later.
            return subject.email, subject.expires_at.isoformat()
        case User() if purpose is Purpose.RESET_PASSWORD:
            return subject.email, subject.password
        case User() if purpose is Purpose.CHANGE_EMAIL:
            return subject.email, subject.pending_email, subject.password
        case _:
            return (subject.email,)
