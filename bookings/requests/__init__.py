"""What can be asked of the desk, one small module for each kind."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from opentelemetry.trace import SpanContext

from bookings.customers import Customer
from bookings.difference import Difference
from bookings.idempotency import IdempotentCall
from bookings.ledger import Ledger
from bookings.models import Booking, Slot
from reserve.core import tracing
from reserve.core.context import request_id as current_request_id

Result = TypeVar("Result", bound=Booking | Slot | Difference)


@dataclass(frozen=True, slots=True)
class Request(ABC, Generic[Result]):
    """Names what is to be locked, and decides once it is."""

    request_id: str = field(default_factory=current_request_id, kw_only=True, compare=False)
    """Of the HTTP request or task that asks; its events carry it."""

    span: SpanContext | None = field(default_factory=tracing.current, kw_only=True, compare=False)
    """Of the same, where it is traced."""

    call: ClassVar[IdempotentCall | None] = None
    """The call that it may repeat."""

    @property
    def kind(self) -> str:
        """What is asked for, as figures name it."""
        return type(self).__name__

    @property
    def named_slot(self) -> UUID | None:
        """The slot that the caller named, where two would only wait for each other."""
        return None

    def slot_ids(self) -> Collection[UUID]:
        """Slots that the request itself names. May read, without a lock."""
        return ()

    def booking_ids(self) -> Collection[UUID]:
        """Bookings that it changes; the desk locks their slots."""
        return ()

    def limited_customer(self, ledger: Ledger) -> Customer | None:
        """Whoever must not have too much open, where the venue says so."""
        return None

    @abstractmethod
    def decide(self, ledger: Ledger) -> Result:
        """Change the ledger, or raise a DomainError and leave it as it was."""
