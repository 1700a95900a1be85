"""The relay: claims undelivered events, hands them to their handlers, records the outcome.

At least once, and in order per subject: an event is claimed only when no earlier
one of its subject is still on its way. Handlers take a batch of events and are
idempotent. What they log and record carries the id of the request that the events
come from.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils.module_loading import import_string
from opentelemetry.trace import SpanKind

from reserve.core import tracing
from reserve.core.claims import claim_due, held, spread
from reserve.core.context import on_behalf_of
from reserve.core.logging import get_logger
from reserve.outbox.models import Event

Handler = Callable[[Sequence[Event]], None]
Routes = Mapping[str, Sequence[Handler]]

log = get_logger(__name__)

_mixing: set[Handler] = set()

CLAIM_SIZE = 200
# With the back-off below this is about two hours.
MAX_ATTEMPTS = 20
_MAX_BACKOFF = timedelta(minutes=10)
DISCARDED = "Discarded by a person."


def mixes_requests(handler: Handler) -> Handler:
    """Mark a handler that takes events of many requests at once, as the desk does.

    It says itself on whose behalf it does what; the others are called with the
    events of one request at a time.
    """
    _mixing.add(handler)
    return handler


def record(events: Sequence[Event]) -> None:
    """Insert events in the caller's transaction."""
    Event.objects.bulk_create(events)


def relay_pending_events() -> int:
    """Deliver one claim's worth of events; return how many were claimed."""
    claimed = _claim()
    if not claimed:
        return 0
    routes: Routes = import_string(settings.EVENT_ROUTES)
    failures: dict[Event, Exception] = {}
    for name in dict.fromkeys(event.name for event in claimed):
        events = [event for event in claimed if event.name == name]
        for handler in routes.get(name, ()):
            wanted = [event for event in events if event not in failures]
            for batch in _batches(handler, wanted):
                failures |= _deliver(handler, batch)
    _record_outcomes(claimed, failures)
    return len(claimed)


def _claim() -> list[Event]:
    undelivered = Event.objects.filter(delivered_at=None, dead_at=None)
    earlier = undelivered.filter(
        organization_id=OuterRef("organization_id"),
        subject_id=OuterRef("subject_id"),
        sequence__lt=OuterRef("sequence"),
    )
    return claim_due(undelivered.filter(~Exists(earlier)), limit=CLAIM_SIZE)


def _batches(handler: Handler, events: Sequence[Event]) -> list[list[Event]]:
    if handler in _mixing:
        return [list(events)] if events else []
    by_request: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_request[event.request_id].append(event)
    return list(by_request.values())


def _deliver(handler: Handler, events: Sequence[Event]) -> dict[Event, Exception]:
    """Call a handler with a batch; if that fails, with one event at a time."""
    with on_behalf_of(events[0].request_id), _traced(handler, events):
        try:
            handler(events)
        except SoftTimeLimitExceeded:
            # Not the handler's fault; the claim lapses, and the next relay goes on.
            raise
        except Exception as error:
            if len(events) == 1:
                log.warning("handler_failed", event_id=events[0].public_id, exc_info=True)
                return {events[0]: error}
        else:
            return {}
    failures: dict[Event, Exception] = {}
    for event in events:
        failures |= _deliver(handler, [event])
    return failures


def _traced(handler: Handler, events: Sequence[Event]) -> AbstractContextManager[object]:
    """In the trace of the request that the events come from, as far as they have one."""
    return tracing.beginning(
        f"handle {events[0].name}",
        kind=SpanKind.CONSUMER,
        attributes={"code.function": handler.__name__, "events": len(events)},
    )


def _record_outcomes(claimed: Sequence[Event], failures: Mapping[Event, Exception]) -> None:
    delivered = [event.pk for event in claimed if event not in failures]
    Event.objects.filter(pk__in=delivered).update(delivered_at=Now(), last_error="")
    for event, error in failures.items():
        # Only this claim's outcome: a claim that lapsed belongs to somebody else.
        mine = held(event, among=Event.objects.filter(delivered_at=None))
        reason = f"{type(error).__name__}: {error}"[:2000]
        if event.attempts >= MAX_ATTEMPTS:
            with on_behalf_of(event.request_id):
                log.error("event_dead", event_id=event.public_id, reason=type(error).__name__)
            mine.update(dead_at=Now(), last_error=reason)
        else:
            backoff = spread(min(timedelta(seconds=2**event.attempts), _MAX_BACKOFF))
            mine.update(next_attempt_at=Now() + backoff, last_error=reason)


def retry_dead(event_ids: Sequence[UUID]) -> int:
    """Give dead events a fresh set of attempts; return how many there were among these.

    The relay's next sweep claims them. Later events of the same subject may have
    been delivered meanwhile, as handlers expect anyway.
    """
    dead = Event.objects.filter(pk__in=event_ids, dead_at__isnull=False, delivered_at=None)
    return dead.update(dead_at=None, attempts=0, next_attempt_at=Now(), last_error="")


def discard_dead(event_ids: Sequence[UUID]) -> int:
    """Never hand these dead events to their handlers; return how many there were.

    They stay in the log, as every fact does, and count as delivered.
    """
    dead = Event.objects.filter(pk__in=event_ids, dead_at__isnull=False, delivered_at=None)
    return dead.update(delivered_at=Now(), last_error=DISCARDED)
