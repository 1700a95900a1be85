"""Repeated calls: the same key and the same content are answered with the same booking.

The key is written in the transaction of its effect, so that a retry after any
crash finds either both or neither.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from accounts.actors import Actor, account
from bookings.errors import IdempotencyMismatch
from bookings.guests import GuestDetails
from bookings.models import Booking, IdempotencyKey
from reserve.core.errors import Invalid

KEPT_FOR = timedelta(hours=24)
MAX_KEY = 255
_VISIBLE = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY}}}")


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """Who calls, with which key, and what is asked for."""

    caller: str
    key: str
    fingerprint: bytes

    def __post_init__(self) -> None:
        if not _VISIBLE.fullmatch(self.key):
            sentence = f"This must be 1 to {MAX_KEY} visible characters of ASCII."
            raise Invalid.field("idempotency_key", sentence)


def caller_of(actor: Actor, guest: GuestDetails | None) -> str:
    """Whose keys these are: the account's, or those of the person who books without one."""
    if actor.user_id is not None:
        return f"user:{actor.user_id.hex}"
    contact = f"{guest.email}|{guest.phone}" if guest else ""
    return f"guest:{hashlib.sha256(contact.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class _Remembered:
    fingerprint: bytes
    booking: Booking


class Memory:
    """The calls that a batch may repeat: read under the lock, added to as the batch decides."""

    def __init__(self, calls: Collection[IdempotentCall], now: datetime) -> None:
        self._known: dict[tuple[str, str], _Remembered] = {}
        self.added: list[IdempotencyKey] = []
        self._now = now
        if not calls:
            return
        wanted = Q()
        for call in calls:
            wanted |= Q(caller=call.caller, key=call.key)
        rows = IdempotencyKey.objects.filter(wanted)
        # What is too old counts as never said, and makes room for its key.
        rows.filter(created_at__lte=now - KEPT_FOR).delete()
        for row in rows.select_related("booking__venue", "booking__resource", "booking__guest"):
            self._known[row.caller, row.key] = _Remembered(bytes(row.fingerprint), row.booking)

    def recall(self, call: IdempotentCall) -> Booking | None:
        """The booking of an earlier call with this key.

        Raises:
            IdempotencyMismatch: the key came with other content before.
        """
        found = self._known.get((call.caller, call.key))
        if found is None:
            return None
        if found.fingerprint != call.fingerprint:
            raise IdempotencyMismatch
        return found.booking

    def add(self, call: IdempotentCall, booking: Booking) -> None:
        self._known[call.caller, call.key] = _Remembered(call.fingerprint, booking)
        self.added.append(
            IdempotencyKey(
                caller=call.caller,
                key=call.key,
                fingerprint=call.fingerprint,
                booking=booking,
                created_at=self._now,
            )
        )


def forget_keys_of(*, account_ids: Collection[UUID]) -> None:
    """Remove the keys of people who will not call again: clients choose what is in them."""
    callers = [caller_of(account(account_id), None) for account_id in account_ids]
    IdempotencyKey.objects.filter(caller__in=callers).delete()


def forget_old_keys(now: datetime) -> int:
    """Remove the keys that count no more; return how many."""
    return IdempotencyKey.objects.filter(created_at__lte=now - KEPT_FOR).delete()[0]
