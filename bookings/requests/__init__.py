"""What can be asked of the desk, one small module for each kind."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID

from bookings.ledger import Ledger
from bookings.models import Booking


class Request(Protocol):
    """Names the slots to be locked, and decides once they are."""

    def slot_ids(self) -> Collection[UUID]:
        """Slots that the request itself names. May read, without a lock."""
        ...

    def booking_ids(self) -> Collection[UUID]:
        """Bookings that it changes; the desk locks their slots."""
        ...

    def decide(self, ledger: Ledger) -> Booking:
        """Change the ledger, or raise a DomainError and leave it as it was."""
        ...
