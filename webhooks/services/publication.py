"""Giving events their places in the feed, in the order in which they can be seen.

A number taken inside the transaction of a booking becomes visible when that commits,
which may be after larger ones: a reader who asks for what follows the last that it saw
would skip it (docs/adr/0023-event-feed.md). So the relay numbers events once they are
committed, and whoever numbers holds a lock from before the first number until all are
visible.
"""

from collections.abc import Sequence

from django.db import connection, transaction

from reserve.outbox.models import Event

# Of PostgreSQL's advisory locks; those of a transaction also work behind a pooler.
_LOCK = 7_203_118_001

_PUBLISH = """
INSERT INTO webhooks_feedentry (organization_id, event_id)
SELECT organization_id, event_id
FROM unnest(%(organization_ids)s::uuid[], %(event_ids)s::uuid[]) AS e(organization_id, event_id)
ORDER BY event_id
ON CONFLICT DO NOTHING
"""


def publish(events: Sequence[Event]) -> None:
    """Give events their places. An event that has one keeps it.

    To be called in a transaction, which ends soon: publishers wait for each other.
    """
    if not events:
        return
    _wait_for_other_publishers()
    with connection.cursor() as cursor:
        cursor.execute(
            _PUBLISH,
            {
                "organization_ids": [event.organization_id for event in events],
                "event_ids": [event.pk for event in events],
            },
        )


def _wait_for_other_publishers() -> None:
    assert transaction.get_connection().in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
