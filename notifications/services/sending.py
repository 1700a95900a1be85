"""Sending what is owed: claim, commit, send, record. No network call inside a transaction."""

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings

from accounts.models import Organization
from notifications.kinds import Channel, Urgency
from notifications.services import claims, lanes
from notifications.services.delivery_turns import DeliveryTurn
from notifications.services.turns import Floor

_MAIL = "email"
_PUSH = "push"
# How often it is looked who has something due while servers keep us waiting, seconds.
_LOOK_SECONDS = 0.1


def send_due(*, urgency: Urgency, within: timedelta, more: Callable[[], None] | None = None) -> int:
    """Send what is due, organization by organization; return how many messages went out.

    What a server that keeps us waiting takes afterwards does not count.

    Args:
        within: when to begin no more; the next call goes on.
        more: called, by another thread, when such a server has had its turn.
    """
    ends_at = time.monotonic() + within.total_seconds()
    rounds = _Rounds(urgency, ends_at)
    with Floor(more) as floor:
        while time.monotonic() < ends_at and (rounds.go(floor) or len(floor)):
            floor.wait(_LOOK_SECONDS)
    return floor.sent


class _Rounds:
    """A turn for every organization that has something due on a server that works, and again."""

    def __init__(self, urgency: Urgency, ends_at: float) -> None:
        self._urgency = urgency
        self._ends_at = ends_at
        self._own_servers = _own_servers()
        self._had_turns: set[tuple[Channel, UUID]] = set()

    def go(self, floor: Floor) -> int:
        """Begin turns while any end; return how many messages were claimed."""
        claimed = 0
        queues = self._queues()
        while queues and time.monotonic() < self._ends_at:
            for lane in [each for each in queues if not floor.has(each)]:
                leave = floor.enter(lane)
                if leave is None:
                    del queues[lane]
                    continue
                claimed += self._begin(floor, lane, leave, *queues[lane].pop())
                if not queues[lane]:
                    del queues[lane]
            if queues and len(floor) and not floor.wait(_LOOK_SECONDS):
                # These servers take their time; by now others may have something to do.
                break
        return claimed

    def _queues(self) -> dict[str, list[tuple[Channel, UUID]]]:
        """Who has something due, by lane; the next is the last, and those had no turn yet."""
        queues: defaultdict[str, list[tuple[Channel, UUID]]] = defaultdict(list)
        closed = lanes.closed()
        for channel in Channel:
            for organization_id in claims.organizations_due(urgency=self._urgency, channel=channel):
                lane = _lane_of(channel, self._own_servers.get(organization_id))
                if lane not in closed:
                    queues[lane].append((channel, organization_id))
        for queue in queues.values():
            queue.sort(key=self._had_turns.__contains__, reverse=True)
            if self._had_turns.issuperset(queue):
                self._had_turns.difference_update(queue)
        return queues

    def _begin(
        self, floor: Floor, lane: str, leave: lanes.Pass, channel: Channel, organization_id: UUID
    ) -> int:
        self._had_turns.add((channel, organization_id))
        deliveries = claims.claim(
            organization_id=organization_id,
            urgency=self._urgency,
            channel=channel,
            limit=1 if leave.is_trial else claims.CLAIM_SIZE,
        )
        turn = DeliveryTurn(lane, leave, self._own_servers.get(organization_id), deliveries)
        if turn.has_messages:
            floor.begin(turn)
        else:
            lanes.leave_untried(lane, leave)
        return len(deliveries)


def _own_servers() -> dict[UUID, str]:
    """The organizations with a mail server of their own, by id: the short name of each."""
    slugs = settings.ORGANIZATION_MAIL_SERVERS
    if not slugs:
        return {}
    found = Organization.objects.filter(slug__in=slugs)
    return dict(found.values_list("pk", "slug"))


def _lane_of(channel: Channel, slug: str | None) -> str:
    if channel == Channel.PUSH:
        return _PUSH
    return f"{_MAIL}.{slug}" if slug else _MAIL
