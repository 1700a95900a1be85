"""Every change of every zone's offset, found once for all names of the same zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST, LAST = datetime(2019, 12, 31, tzinfo=UTC), datetime(2038, 1, 2, tzinfo=UTC)
# Changes that lie closer together would hide each other; Morocco's are four weeks apart.
_STEP = timedelta(days=7)


@dataclass(frozen=True)
class Transition:
    """The instant from which a zone has another offset; the first second of it."""

    zone: ZoneInfo
    at: datetime
    before: timedelta
    after: timedelta


@cache
def transitions() -> tuple[Transition, ...]:
    """Those from 2020 to 2037, once for each set of zones that share all of them."""
    found: dict[tuple[object, ...], tuple[Transition, ...]] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        changes = tuple(_of_zone(zone))
        key = tuple((change.at, change.before, change.after) for change in changes)
        found.setdefault(key, changes)
    return tuple(change for changes in found.values() for change in changes)


def _of_zone(zone: ZoneInfo) -> Iterator[Transition]:
    low, before = FIRST, _offset(FIRST, zone)
    while low < LAST:
        high = low + _STEP
        after = _offset(high, zone)
        if after != before:
            yield Transition(zone, _bisect(low, high, zone), before, after)
        low, before = high, after


def _bisect(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    before = _offset(low, zone)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
