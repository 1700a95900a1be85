"""A zone's distance from UTC over a stretch of time, as a table that can be stored and compared.

Pure. A table is a list of pairs, in order: the instant from which an offset
holds (Unix time), and the offset; both in whole seconds.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

Offsets = list[list[int]]

# No zone has changed its clock twice within less since 1970.
_STEP = timedelta(hours=12)


class Shift(NamedTuple):
    """From when until when local times of a zone are others than they were, and by how much."""

    begins_at: datetime
    ends_at: datetime
    offset_before: timedelta
    offset: timedelta

    @property
    def distance(self) -> timedelta:
        """How much later in UTC a local time is than it was taken to be."""
        return self.offset_before - self.offset


def offsets_between(zone: ZoneInfo, begins_at: datetime, ends_at: datetime) -> Offsets:
    """The offset that holds at the beginning, and every change until the end."""
    moment = begins_at.astimezone(UTC).replace(microsecond=0)
    offset = _offset(zone, moment)
    table = [[int(moment.timestamp()), offset]]
    while moment < ends_at:
        following = min(moment + _STEP, ends_at)
        if (changed := _offset(zone, following)) != offset:
            table.append([_change(zone, moment, following, offset), changed])
            offset = changed
        moment = following
    return table


def merge_offsets(known: Sequence[Sequence[int]], further: Offsets, *, since: datetime) -> Offsets:
    """A table continued by a further one; what ended before `since` is dropped."""
    begins = further[0][0] if further else None
    entries = [list(entry) for entry in known if begins is None or entry[0] < begins]
    entries += further
    current = [position for position, entry in enumerate(entries) if entry[0] <= since.timestamp()]
    entries = entries[current[-1] if current else 0 :]
    return [
        entry
        for position, entry in enumerate(entries)
        if position == 0 or entry[1] != entries[position - 1][1]
    ]


def shifts(known: Sequence[Sequence[int]], present: Offsets, ends_at: datetime) -> Iterator[Shift]:
    """Where two tables differ, from the later of their beginnings to `ends_at`."""
    if not known or not present:
        return
    begin, end = max(known[0][0], present[0][0]), int(ends_at.timestamp())
    marks = {begin, end} | {entry[0] for table in (known, present) for entry in table}
    ordered = sorted(mark for mark in marks if begin <= mark <= end)
    open_shift: Shift | None = None
    for mark, following in pairwise(ordered):
        before, now = _at(known, mark), _at(present, mark)
        if before == now:
            continue
        found = Shift(
            _moment(mark), _moment(following), timedelta(seconds=before), timedelta(seconds=now)
        )
        if open_shift and (open_shift.ends_at, *open_shift[2:]) == (found.begins_at, *found[2:]):
            open_shift = open_shift._replace(ends_at=found.ends_at)
            continue
        if open_shift:
            yield open_shift
        open_shift = found
    if open_shift:
        yield open_shift


def _at(table: Sequence[Sequence[int]], moment: int) -> int:
    return [offset for begins, offset in table if begins <= moment][-1]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _change(zone: ZoneInfo, before: datetime, after: datetime, offset: int) -> int:
    """The first second in (before, after] at which the offset is another."""
    low, high = int(before.timestamp()), int(after.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, _moment(middle)) == offset:
            low = middle
        else:
            high = middle
    return high
