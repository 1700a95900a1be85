"""What callers do at random, and what each was told.

The choices of one caller follow from its seed: which operation, which slot,
which party. Which booking it meets depends on what the others did meanwhile.
"""

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from random import Random
from typing import Any
from uuid import UUID

from accounts.actors import ANONYMOUS, SYSTEM, Actor, account
from accounts.models import User
from bookings import states
from bookings.difference import Difference
from bookings.guests import GuestDetails
from bookings.manage_tokens import manage_token_of
from bookings.models import Booking, Slot
from bookings.requests.create import SeatsWanted
from bookings.requests.publish import PublishDay
from bookings.services import bookings as services
from bookings.services import run
from bookings.services.slots import change_slot
from reserve.core.errors import DomainError
from reserve.core.ids import new_id
from reserve.outbox.services import relay_pending_events
from tests.fuzz.outcomes import OK, Record
from tests.fuzz.world import SlotPlace, World, place_of
from venues.schedule import PlannedSlot

Ask = Callable[[Callable[[], Any]], Any]

_WEIGHTS = {
    "create": 18,
    "hold": 10,
    "keyed": 12,
    "confirm": 8,
    "cancel": 17,
    "approve": 5,
    "decline": 3,
    "check_in": 3,
    "undo_check_in": 2,
    "no_show": 1,
    "complete": 0.5,
    "reschedule": 12,
    "update": 7,
    "change_slot": 5,
    "publish": 3,
    "release": 1,
    "relay": 1,
    "unknown": 1,
}
_KINDS = list(_WEIGHTS)
_CUMULATIVE_WEIGHTS = list(accumulate(_WEIGHTS.values()))
_TRANSITIONS = {
    "confirm": states.CONFIRM,
    "cancel": states.CANCEL,
    "approve": states.APPROVE,
    "decline": states.DECLINE,
    "check_in": states.CHECK_IN,
    "undo_check_in": states.UNDO_CHECK_IN,
    "no_show": states.MARK_NO_SHOW,
    "complete": states.COMPLETE,
}
# People without an account.
GUESTS = (
    GuestDetails(name="Ada Guest", email="ada@example.org"),
    GuestDetails(name="Grace Guest", email="grace@example.org"),
)


@dataclass(frozen=True, slots=True)
class Known:
    """A booking that somebody has heard of."""

    id: UUID
    customer: str | None
    """The account that owns it; None for a guest's, whose secret follows from the id."""
    notes: str


class Pool:
    """What the threads of one process have heard of lately, so that they meet in one batch."""

    def __init__(self) -> None:
        self._known: deque[Known] = deque(maxlen=30)

    def add(self, known: Known) -> None:
        self._known.append(known)

    def pick(self, random: Random) -> Known | None:
        choice = random.random()
        known = list(self._known)
        return known[int(choice * len(known))] if known else None


class Caller:
    """One thread's stream of operations."""

    def __init__(self, *, name: str, seed: str, world: World, pool: Pool, ask: Ask) -> None:
        """
        Args:
            ask: runs what needs the database beside the desk.
        """
        self._name = name
        # The same for all callers of a round: what goes with a key follows from it.
        self._seed = seed
        self._random = Random(f"{seed}/{name}")
        self._world = world
        self._pool = pool
        self._ask = ask
        self._number = 0
        tightest = min(world.limits, key=lambda venue: world.limits[venue])
        self._limited = [place for place in world.slots if place.venue == tightest]

    def step(self) -> Record:
        """Do the next operation and tell what came of it."""
        self._number += 1
        (kind,) = self._random.choices(_KINDS, cum_weights=_CUMULATIVE_WEIGHTS)
        asked, call = self._prepare(kind)
        record: Record = {"by": self._name, "number": self._number, **asked}
        record["began"] = time.monotonic()
        try:
            told = call()
            record["outcome"] = OK
        except DomainError as refused:
            told = None
            record["outcome"] = refused.code
        except Exception as error:  # noqa: BLE001 (a finding, told with the rest)
            told = None
            record["outcome"] = f"!{type(error).__name__}"
            record["error"] = str(error)[:500]
        record["ended"] = time.monotonic()
        if isinstance(told, Difference):
            record |= _told_of_day(told)
        if isinstance(told, Booking):
            record |= _told_of(told)
            if record["op"] in {"create", "hold", "keyed"}:
                customer = str(told.customer_id) if told.customer_id else None
                self._pool.add(Known(told.pk, customer, told.notes))
        return record

    def _prepare(self, kind: str) -> tuple[Record, Callable[[], Any]]:
        if kind in _TRANSITIONS:
            return self._transition(kind)
        prepared: tuple[Record, Callable[[], Any]] = getattr(self, f"_{kind}")()
        return prepared

    # --- Taking seats -------------------------------------------------------------

    def _create(self) -> tuple[Record, Callable[[], Any]]:
        return self._taking("create", self._random, f"O:{self._name}:{self._number}", None)

    def _hold(self) -> tuple[Record, Callable[[], Any]]:
        return self._taking("hold", self._random, f"O:{self._name}:{self._number}", None)

    def _keyed(self) -> tuple[Record, Callable[[], Any]]:
        """All callers use the same few keys at about the same time, with the same content or not.

        A key goes with one customer, and mostly with one content.
        """
        key = f"{self._number // 4}-{self._random.randrange(2)}"
        variant = self._random.choices((0, 1, 2), weights=(8, 1, 1))[0]
        of_key = Random(f"{self._seed}/{key}")
        customer = of_key.choice(self._world.customers)
        content = Random(f"{self._seed}/{key}/{variant}")
        return self._taking("keyed", content, f"K:{key}", customer, key=key)

    def _taking(
        self,
        op: str,
        random: Random,
        notes: str,
        customer: str | None,
        key: str | None = None,
    ) -> tuple[Record, Callable[[], Any]]:
        place = self._slot(random)
        party = random.choice((1, 1, 1, 2, 2, 3, 4))
        slot_count = random.choice((1, 2, 2, 3) if op == "hold" else (1, 1, 1, 1, 1, 1, 2, 3))
        actor, guest = self._who_books(random, customer)
        seats = SeatsWanted(
            UUID(place.venue),
            UUID(place.id),
            party,
            slot_count=slot_count,
            notes=notes,
            guest=guest,
            idempotency_key=key,
        )
        holds = op == "hold" or (op == "keyed" and random.random() < 0.3)
        service = services.create_hold if holds else services.create_booking
        asked: Record = {
            "op": op,
            "actor": _name_of(actor),
            "slot": place.id,
            "party": party,
            "slot_count": slot_count,
            "notes": notes,
            "holds": holds,
        }
        if key is not None:
            asked["key"] = key
        return asked, partial(service, actor=actor, seats=seats)

    def _who_books(self, random: Random, customer: str | None) -> tuple[Actor, GuestDetails | None]:
        if customer is not None:
            return account(UUID(customer)), None
        dice = random.random()
        if dice < 0.1:
            return ANONYMOUS, random.choice(GUESTS)
        if dice < 0.2:
            staff = account(UUID(random.choice(self._world.staff)))
            return staff, random.choice(GUESTS)
        # One of them books more than the others, on many slots at once.
        first, *others = self._world.customers
        return account(UUID(first if dice < 0.5 else random.choice(others))), None

    def _slot(self, random: Random) -> SlotPlace:
        """The first slots are the most wanted, and those of venues with a limit come next."""
        slots, dice = self._world.slots, random.random()
        if dice > 0.95 and random is self._random:
            return self._present_slot()
        if dice < 0.25:
            return slots[random.randrange(3)]
        if dice < 0.55:
            return random.choice(self._limited)
        return random.choice(slots)

    def _present_slot(self) -> SlotPlace:
        """One of those that there are now: the schedule may have brought it."""
        slots = Slot.objects.filter(organization=self._world.organization)
        latest = slots.select_related("resource").order_by("-pk")[:12]
        return place_of(self._random.choice(self._ask(lambda: list(latest))))

    # --- Changing bookings --------------------------------------------------------

    def _transition(self, name: str) -> tuple[Record, Callable[[], Any]]:
        transition = _TRANSITIONS[name]
        known = self._booking(transition.sources)
        actor, role = self._who_changes(known, owner_share=0.6 if transition.by_customers else 0.1)
        asked = {
            "op": "transition",
            "transition": name,
            "event": transition.event,
            "booking": str(known.id),
            "actor": _name_of(actor),
            "role": role,
        }
        return asked, partial(
            services.apply_transition, actor=actor, booking_id=known.id, transition=transition
        )

    def _reschedule(self) -> tuple[Record, Callable[[], Any]]:
        known, place = self._booking(states.CHANGEABLE), self._slot(self._random)
        actor, role = self._who_changes(known, owner_share=0.5)
        asked = {
            "op": "reschedule",
            "event": "booking.rescheduled",
            "booking": str(known.id),
            "slot": place.id,
            "actor": _name_of(actor),
            "role": role,
        }
        return asked, partial(
            services.reschedule_booking, actor=actor, booking_id=known.id, slot_id=UUID(place.id)
        )

    def _update(self) -> tuple[Record, Callable[[], Any]]:
        known = self._booking(states.CHANGEABLE)
        actor, role = self._who_changes(known, owner_share=0.5)
        party = self._random.choice((None, 1, 2, 3, 4, 5))
        notes = known.notes + "!" if self._random.random() < 0.5 else None
        asked = {
            "op": "update",
            "event": "booking.updated",
            "booking": str(known.id),
            "party": party,
            "actor": _name_of(actor),
            "role": role,
        }
        return asked, partial(
            services.update_booking,
            actor=actor,
            booking_id=known.id,
            guest_count=party,
            notes=notes,
        )

    def _booking(self, statuses: Collection[states.BookingStatus]) -> Known:
        """One that this process has heard of, or one of these statuses; else an unknown id."""
        number, hears = self._random.random(), self._random.random() < 0.35
        if hears and (known := self._pool.pick(self._random)):
            return known
        latest = Booking.objects.filter(
            organization=self._world.organization, status__in=statuses
        ).order_by("-pk")
        rows = latest.values_list("pk", "customer_id", "notes")[:12]
        found = self._ask(lambda: list(rows))
        if not found:
            return Known(new_id(), None, "")
        booking_id, customer, notes = found[int(number * len(found))]
        return Known(booking_id, str(customer) if customer else None, notes)

    def _who_changes(self, known: Known, *, owner_share: float) -> tuple[Actor, str]:
        dice, person = self._random.random(), self._random.random()
        if dice < owner_share:
            if known.customer is not None:
                return account(UUID(known.customer)), "owner"
            if known.notes:
                return ANONYMOUS.with_manage_token(manage_token_of(known.id)), "guest"
        if dice > 0.95:
            customers = self._world.customers
            stranger = customers[int(person * len(customers))]
            if stranger != known.customer:
                return account(UUID(stranger)), "stranger"
        staff = self._world.staff
        return account(UUID(staff[int(person * len(staff))])), "staff"

    # --- The rest -------------------------------------------------------------------

    def _change_slot(self) -> tuple[Record, Callable[[], Any]]:
        place = self._slot(self._random)
        change = self._random.choices(("more", "fewer", "close", "open"), weights=(6, 1, 1, 4))[0]
        is_staff = self._random.random() < 0.95
        actor = account(UUID(self._random.choice(self._world.staff)))
        if not is_staff:
            actor = account(UUID(self._random.choice(self._world.customers)))
        options: dict[str, Any] = {}
        if change in {"close", "open"}:
            options["is_closed"] = change == "close"
        else:
            # Mostly back to what it was: bookings of several slots need equal ones.
            usual, rare = place.capacity, self._random.random() < 0.15
            smaller = max(usual - 1, 1)
            options["capacity"] = (usual + 2 if rare else usual) if change == "more" else smaller
        asked = {
            "op": "change_slot",
            "slot": place.id,
            "actor": _name_of(actor),
            "role": "staff" if is_staff else "stranger",
            **options,
        }
        return asked, partial(change_slot, actor=actor, slot_id=UUID(place.id), **options)

    def _publish(self) -> tuple[Record, Callable[[], Any]]:
        """Another schedule for the day of a resource; mostly the usual one again."""
        resource = self._random.choice(self._world.slots).resource
        usual = [place for place in self._world.slots if place.resource == resource]
        planned = [
            PlannedSlot(
                datetime.fromisoformat(place.starts_at),
                datetime.fromisoformat(place.ends_at),
                place.capacity,
            )
            for place in usual
        ]
        begins_at = planned[0].starts_at - timedelta(hours=1)
        ends_at = planned[-1].ends_at + timedelta(hours=1)
        plan = self._random.choices(("usual", "fewer", "longer", "smaller"), (6, 1, 1, 1))[0]
        position = self._random.randrange(len(planned) - 1)
        if plan == "fewer":
            del planned[position]
        elif plan == "longer":
            one, other = planned[position : position + 2]
            planned[position : position + 2] = [replace(one, ends_at=other.ends_at)]
        elif plan == "smaller":
            planned[position] = replace(planned[position], capacity=planned[position].capacity - 1)
        request = PublishDay(UUID(resource), begins_at, ends_at, planned)
        asked = {"op": "publish", "resource": resource, "plan": plan}
        return asked, lambda: run.desk.submit(request)

    def _release(self) -> tuple[Record, Callable[[], Any]]:
        return {"op": "release"}, partial(
            self._ask, partial(services.release_lapsed_holds, limit=40)
        )

    def _relay(self) -> tuple[Record, Callable[[], Any]]:
        return {"op": "relay"}, partial(self._ask, relay_pending_events)

    def _unknown(self) -> tuple[Record, Callable[[], Any]]:
        nothing, place = new_id(), self._slot(self._random)
        staff = account(UUID(self._world.staff[0]))
        wanted = SeatsWanted(UUID(place.venue), nothing, 1, notes="unknown")
        elsewhere = SeatsWanted(nothing, UUID(place.id), 1, notes="unknown")
        call: Callable[[], Any] = self._random.choice(
            (
                partial(services.create_booking, actor=staff, seats=wanted),
                partial(services.create_booking, actor=staff, seats=elsewhere),
                partial(
                    services.apply_transition,
                    actor=SYSTEM,
                    booking_id=nothing,
                    transition=states.CANCEL,
                ),
                partial(services.update_booking, actor=staff, booking_id=nothing, guest_count=1),
                partial(
                    services.reschedule_booking,
                    actor=staff,
                    booking_id=nothing,
                    slot_id=UUID(place.id),
                ),
                partial(change_slot, actor=staff, slot_id=nothing, is_closed=False),
            )
        )
        return {"op": "unknown"}, call


def _told_of(booking: Booking) -> Record:
    return {
        "booking": str(booking.pk),
        "code": booking.confirmation_code,
        "status": booking.status,
        "seats": booking.seats,
    }


def _told_of_day(done: Difference) -> Record:
    changes = (done.withdrawn, done.restored, done.recapacitated)
    return {
        "added": len(done.added),
        "removed": len(done.removed),
        "changed": sum(len(slots) for slots in changes),
    }


def _name_of(actor: Actor) -> str:
    """The actor as events name them."""
    if actor.user_id is None:
        return actor.kind.value
    return User.format_id(actor.user_id)
