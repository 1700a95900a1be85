"""What republishing does to slots, as a pure function."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bookings.difference import ConflictKind, Difference, Existing, difference
from reserve.core.ids import new_id
from venues.schedule import PlannedSlot

_NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def at(minute: int, length: int = 30, capacity: int = 4) -> PlannedSlot:
    starts_at = _NOON + minute * _MINUTE
    return PlannedSlot(starts_at, starts_at + length * _MINUTE, capacity)


def there(minute: int, length: int = 30, capacity: int = 4, **fields: Any) -> Existing:
    starts_at = _NOON + minute * _MINUTE
    return Existing(new_id(), starts_at, starts_at + length * _MINUTE, capacity, **fields)


def kinds(found: Difference) -> list[ConflictKind]:
    return [conflict.kind for conflict in found.conflicts]


def test_what_is_as_planned_needs_nothing() -> None:
    found = difference([there(0), there(30, reserved=4, is_untouched=False)], [at(0), at(30)])
    assert found == Difference()
    assert found.is_nothing


def test_what_is_missing_is_added_and_what_is_not_planned_goes() -> None:
    used, never = there(60, is_untouched=False), there(30)
    found = difference([there(0), never, used], [at(0), at(90)])
    assert found == Difference(added=[at(90)], removed=[never], withdrawn=[used])


def test_seats_in_use_keep_their_slot_and_what_overlaps_it_is_left_out() -> None:
    used = there(0, reserved=2, is_untouched=False)
    found = difference([used], [at(0, 60), at(60, 60)])
    assert (found.added, found.withdrawn) == ([at(60, 60)], [used])
    assert kinds(found) == [ConflictKind.NOT_PLANNED, ConflictKind.BLOCKED]
    assert found.conflicts[1].planned == at(0, 60)
    # Withdrawn by now, it stays in the way, and says so.
    again = difference([used._replace(is_closed=True, is_withdrawn=True)], [at(0, 60)])
    assert again.is_nothing
    assert kinds(again) == kinds(found)


def test_a_withdrawn_slot_that_is_planned_again_is_restored() -> None:
    withdrawn = there(0, capacity=3, is_closed=True, is_withdrawn=True, is_untouched=False)
    found = difference([withdrawn], [at(0)])
    assert found == Difference(restored=[withdrawn], recapacitated=[(withdrawn, 4)])


def test_of_a_withdrawn_slot_and_its_successor_the_open_one_stands_for_the_plan() -> None:
    withdrawn = there(0, is_closed=True, is_withdrawn=True, is_untouched=False)
    assert difference([withdrawn, there(0)], [at(0)]).is_nothing


def test_capacity_follows_the_plan_but_not_below_what_is_used() -> None:
    free, used, theirs = there(0), there(30, reserved=3), there(60, has_own_capacity=True)
    found = difference([free, used, theirs], [at(0, 30, 2), at(30, 30, 2), at(60, 30, 2)])
    assert found.recapacitated == [(free, 2), (used, 3)]
    assert kinds(found) == [ConflictKind.CAPACITY]


def test_what_staff_closed_stays_closed_planned_or_not() -> None:
    planned, not_planned = there(0, is_closed=True), there(30, is_closed=True)
    assert difference([planned, not_planned], [at(0)]).is_nothing


def test_what_staff_added_stays_and_is_in_the_way() -> None:
    by_hand = there(15, is_added_by_hand=True)
    found = difference([by_hand], [at(0), at(60)])
    assert found.added == [at(60)]
    assert kinds(found) == [ConflictKind.BLOCKED]
    closed = by_hand._replace(is_closed=True)
    assert difference([closed], [at(0)]).added == [at(0)]


def test_what_begins_outside_is_not_changed_but_is_in_the_way() -> None:
    before, after = there(-15), there(60)
    bounds = {"begins_at": _NOON, "ends_at": _NOON + 60 * _MINUTE}
    found = difference([before, after], [at(0), at(30, 45), at(15, 15)], **bounds)
    assert found.added == [at(15, 15)]
    assert not found.removed


def test_a_restored_slot_makes_way_for_what_staff_added() -> None:
    withdrawn = there(0, is_closed=True, is_withdrawn=True, is_untouched=False)
    found = difference([withdrawn, there(15, is_added_by_hand=True)], [at(0)])
    assert found.is_nothing
    assert kinds(found) == [ConflictKind.BLOCKED]


# --- Whatever comes ------------------------------------------------------------------


@st.composite
def plans(draw: st.DrawFn) -> list[PlannedSlot]:
    minute, found = 0, []
    for _ in range(draw(st.integers(0, 6))):
        minute += draw(st.sampled_from((0, 0, 15, 30)))
        length = draw(st.sampled_from((15, 30, 45)))
        found.append(at(minute, length, draw(st.integers(1, 4))))
        minute += length
    return found


@st.composite
def tables(draw: st.DrawFn) -> list[Existing]:
    """Slots as they can be: no two open ones overlap."""
    found = [
        there(
            int((slot.starts_at - _NOON) / _MINUTE),
            int((slot.ends_at - slot.starts_at) / _MINUTE),
            slot.capacity,
            reserved=draw(st.sampled_from((0, 0, slot.capacity))),
            has_own_capacity=draw(st.booleans()),
            is_added_by_hand=draw(st.integers(0, 4)) == 0,
            is_untouched=draw(st.booleans()),
        )
        for slot in draw(plans())
    ]
    for slot in draw(plans()):
        is_withdrawn = draw(st.booleans())
        found.append(
            Existing(
                new_id(),
                slot.starts_at,
                slot.ends_at,
                slot.capacity,
                reserved=draw(st.sampled_from((0, 0, 0, 1))),
                is_closed=True,
                is_withdrawn=is_withdrawn,
                is_untouched=False,
            )
        )
    return [
        slot._replace(is_untouched=False) if slot.reserved or slot.is_closed else slot
        for slot in found
    ]


def applied(existing: Sequence[Existing], found: Difference) -> list[Existing]:
    by_id = {slot.id: slot for slot in existing}
    for slot in found.removed:
        del by_id[slot.id]
    for slot in found.withdrawn:
        by_id[slot.id] = slot._replace(is_closed=True, is_withdrawn=True)
    for slot in found.restored:
        by_id[slot.id] = slot._replace(is_closed=False, is_withdrawn=False)
    for slot, capacity in found.recapacitated:
        by_id[slot.id] = by_id[slot.id]._replace(capacity=capacity)
    added = [
        Existing(new_id(), plan.starts_at, plan.ends_at, plan.capacity) for plan in found.added
    ]
    return [*by_id.values(), *added]


def overlap(one: Existing, other: Existing) -> bool:
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


@given(tables(), plans())
def test_applied_it_gives_the_plan_and_twice_nothing(
    existing: list[Existing], planned: list[PlannedSlot]
) -> None:
    found = difference(existing, planned)
    result = applied(existing, found)
    again = difference(result, planned)
    assert again.is_nothing
    assert sorted(map(str, kinds(again))) == sorted(map(str, kinds(found)))

    # What is planned is offered, or is told to be in conflict, or staff closed it.
    told = [conflict.planned for conflict in again.conflicts if conflict.planned]
    open_slots = [slot for slot in result if not slot.is_closed]
    for plan in planned:
        same = [s for s in result if (s.starts_at, s.ends_at) == (plan.starts_at, plan.ends_at)]
        offering = [slot for slot in same if not slot.is_closed]
        by_staff = [slot for slot in same if slot.is_closed and not slot.is_withdrawn]
        assert offering or by_staff or plan in told
        for slot in offering:
            is_theirs = slot.has_own_capacity or slot.is_added_by_hand
            assert is_theirs or slot.capacity == plan.capacity or plan in told
    # And nothing else is, but what staff added.
    times = {(plan.starts_at, plan.ends_at) for plan in planned}
    for slot in open_slots:
        assert slot.is_added_by_hand or (slot.starts_at, slot.ends_at) in times

    for one in open_slots:
        assert not any(overlap(one, other) for other in open_slots if other.id != one.id)
    _assert_nothing_is_lost(existing, result)


def _assert_nothing_is_lost(before: list[Existing], after: list[Existing]) -> None:
    now = {slot.id: slot for slot in after}
    for slot in before:
        if slot.id not in now:
            assert slot.is_untouched
            assert not slot.is_added_by_hand
            continue
        assert now[slot.id].reserved == slot.reserved <= now[slot.id].capacity
        if slot.is_closed and not slot.is_withdrawn:
            assert now[slot.id].is_closed
            assert not now[slot.id].is_withdrawn
        if slot.has_own_capacity or slot.is_added_by_hand:
            assert now[slot.id].capacity == slot.capacity


@given(tables(), plans())
def test_a_slot_that_is_added_overlaps_no_seats_in_use(
    existing: list[Existing], planned: list[PlannedSlot]
) -> None:
    found = difference(existing, planned)
    in_use = [slot for slot in existing if slot.reserved]
    for plan in [*found.added, *found.restored]:
        here = there(0)._replace(starts_at=plan.starts_at, ends_at=plan.ends_at)
        others = [slot for slot in in_use if slot.id != getattr(plan, "id", None)]
        assert not any(overlap(here, slot) for slot in others)


def test_the_part_of_some_days_is_told_apart() -> None:
    found = difference([there(0), there(60)], [at(30), at(90)])
    part = found.between(_NOON + 60 * _MINUTE, _NOON + 120 * _MINUTE)
    assert [slot.starts_at for slot in part.added] == [_NOON + 90 * _MINUTE]
    assert [slot.starts_at for slot in part.removed] == [_NOON + 60 * _MINUTE]
