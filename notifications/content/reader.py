"""Who reads a message: address, language and clock, as they are now."""

from dataclasses import dataclass

from accounts.models import User
from bookings.models import Guest


@dataclass(frozen=True, slots=True)
class Reader:
    name: str
    email: str
    locale: str
    timezone: str = ""
    """IANA name; empty where nobody knows."""


def reader_of(*, user: User | None, guest: Guest | None) -> Reader | None:
    """The person behind a guest or an account; None where nobody is left.

    What an account says of its person goes before what an organization wrote down.
    """
    if user is not None:
        if not user.is_active:
            return None
        return Reader(user.name, user.email, user.locale, user.timezone)
    if guest is None:
        return None
    return Reader(guest.name, guest.email, guest.locale)
