"""What must hold after a round: the tables, the log and what callers were told, held together."""

from collections.abc import Iterable, Mapping

from bookings.models import Booking
from bookings.states import BookingStatus
from reserve.outbox.models import Event
from tests.fuzz.answers import AnswerChecks
from tests.fuzz.evidence import Finding
from tests.fuzz.records import RecordChecks
from tests.fuzz.world import World

# What the database may find wrong with a batch that races another: the wait for a
# lock was too long, or the same key or time came from two processes.
_HARMLESS_FAULTS = {
    "LockNotAvailable",
    "UniqueViolation one_call_per_key",
    "ExclusionViolation slots_do_not_overlap",
}


class Audit(RecordChecks, AnswerChecks):
    """Holds a world's tables against its log and its callers' history."""

    def run(self) -> list[Finding]:
        self.check_answers()
        self.check_records()
        return self.findings


def check_faults(faults: Mapping[str, int]) -> Iterable[Finding]:
    """What the database found wrong with batches, also where a second attempt hid it."""
    for name, number in faults.items():
        if name not in _HARMLESS_FAULTS:
            kind = "deadlock" if name == "DeadlockDetected" else "fault"
            yield Finding(kind, f"{number} × {name}")


def check_deliveries(world: World) -> Iterable[Finding]:
    """After the relay has caught up, each event is delivered, and nobody waits for the queue."""
    of_world = Event.objects.filter(organization_id=world.organization)
    if missing := of_world.filter(delivered_at=None).count():
        yield Finding("delivery", f"{missing} events are not delivered")
    waiting = Booking.objects.filter(
        organization=world.organization,
        status=BookingStatus.PENDING,
        venue__confirmation_mode="AUTOMATIC",
    )
    if unconfirmed := waiting.count():
        yield Finding("delivery", f"{unconfirmed} bookings were not confirmed")
