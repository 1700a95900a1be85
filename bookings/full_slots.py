"""Slots that were full a moment ago: whoever asks for them need not queue to be told so.

Only refuses, never accepts; and only for a moment, so that seats which another
process gave back are not withheld for longer than that.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from bookings.errors import SlotUnavailable
from bookings.models import Slot
from bookings.requests.create import TakeSeats
from reserve.core.clock import now

A_MOMENT_SECONDS = 0.1
_MAXIMUM_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Seen:
    slot: Slot
    until: float


_seen: dict[UUID, _Seen] = {}


def note(slots: Iterable[Slot]) -> None:
    """Remember slots as they are after a commit of this process."""
    for slot in slots:
        if slot.remaining > 0:
            _seen.pop(slot.pk, None)
        else:
            if len(_seen) > _MAXIMUM_KEPT:
                _seen.clear()
            _seen[slot.pk] = _Seen(slot, time.monotonic() + A_MOMENT_SECONDS)


def forget() -> None:
    """Forget everything, for tests that change slots behind the desk's back."""
    _seen.clear()


def refusal(request: TakeSeats) -> SlotUnavailable | None:
    """Why a request is hopeless; None where it has to be decided under the lock."""
    seen = _seen.get(request.seats.slot_id)
    if seen is None or time.monotonic() > seen.until:
        return None
    moment = now()
    if seen.slot.next_lapse_at is not None and seen.slot.next_lapse_at <= moment:
        return None
    return request.refusal_if_plainly_full(seen.slot, moment)
