"""What must hold between what callers were told and what there is."""

from collections import Counter, defaultdict
from functools import cached_property
from uuid import UUID

from accounts.models import User
from bookings.models import Booking, IdempotencyKey
from tests.fuzz.evidence import Evidence
from tests.fuzz.outcomes import EXPECTED, OK, Record
from tests.fuzz.world import place_of

# More of these mean that callers stand in each other's way.
_MOST_BUSY = 0.02


class AnswerChecks(Evidence):
    """Of `Audit`: the callers' history, held against the tables and the log."""

    def check_answers(self) -> None:
        for check in (
            self._check_outcomes,
            self._check_creations,
            self._check_keys,
            self._check_changes,
            self._check_publication,
        ):
            check()

    def _check_outcomes(self) -> None:
        busy = 0
        for record in self.history:
            outcome = record["outcome"]
            if outcome != OK and outcome not in EXPECTED[record["op"]]:
                self.find("outcome", f"{outcome} {record.get('error', '')} for {_asked(record)}")
            busy += outcome == "SLOT_BUSY"
            role = record.get("role")
            if role == "stranger" and outcome not in {"NOT_FOUND", "FORBIDDEN", "SLOT_BUSY"}:
                self.find("reach", f"a stranger was told {outcome} for {_asked(record)}")
            if outcome == "FORBIDDEN" and role == "staff":
                self.find("reach", f"staff were told {outcome} for {_asked(record)}")
        if busy > max(5, _MOST_BUSY * len(self.history)):
            self.find("busy", f"{busy} of {len(self.history)} operations")

    @cached_property
    def _creations(self) -> list[Record]:
        return [record for record in self.history if record["op"] in {"create", "hold", "keyed"}]

    @cached_property
    def _by_notes(self) -> dict[str, list[Booking]]:
        """The bookings that each creation left: its notes name it, and only exclamations follow."""
        by_notes: dict[str, list[Booking]] = defaultdict(list)
        for booking in self.bookings.values():
            by_notes[booking.notes.rstrip("!")].append(booking)
        return by_notes

    def _check_creations(self) -> None:
        """Every success is in the database, and no refusal left anything."""
        told = {record["notes"] for record in self._creations if record["outcome"] == OK}
        for notes in self._by_notes.keys() - told:
            self.find("left behind", f"a booking that nobody was told of: {notes}")
        places = {str(slot.pk): place_of(slot) for slot in self.slots.values()}
        for record in self._creations:
            if record["outcome"] != OK:
                continue
            booking = self.bookings.get(UUID(record["booking"]))
            if booking is None or booking.confirmation_code != record["code"]:
                self.find("lost", f"not there: {_asked(record)}")
                continue
            place = places[record["slot"]]
            if record["op"] != "keyed":
                status = "HELD" if record["holds"] else "PENDING"
                if record["status"] != status:
                    self.find("answer", f"{record['status']} for {_asked(record)}")
                if not place.is_exclusive and record["seats"] != record["party"]:
                    self.find("answer", f"{record['seats']} seats for {_asked(record)}")
            if str(booking.venue_id) != place.venue:
                self.find("answer", f"another venue for {_asked(record)}")
            if len(self._by_notes[record["notes"]]) != 1:
                count = len(self._by_notes[record["notes"]])
                self.find("repeated", f"{count} bookings by {_asked(record)}")

    def _check_keys(self) -> None:
        """One booking for each key; every success with it told that booking."""
        callers = [f"user:{UUID(customer).hex}" for customer in self.world.customers]
        rows = IdempotencyKey.objects.filter(caller__in=callers)
        remembered = {(row.caller, row.key): row.booking_id for row in rows}
        answers: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self._creations:
            if record["op"] == "keyed":
                caller = f"user:{User.parse_id(record['actor']).hex}"
                answers[caller, record["key"]].append(record)
        for key in answers.keys() | remembered.keys():
            self._check_key(str(key), answers[key], remembered.get(key))

    def _check_key(self, key: str, records: list[Record], remembered: UUID | None) -> None:
        successes = [record for record in records if record["outcome"] == OK]
        bookings = {record["booking"] for record in successes}
        contents = {_content(record) for record in successes}
        if len(bookings) > 1:
            self.find("key", f"{key} was answered with {len(bookings)} bookings")
        if len(contents) > 1:
            self.find("key", f"{key} was accepted with different contents")
        if bookings and str(remembered) not in bookings:
            self.find("key", f"{key} is not remembered with its booking")
        if remembered and not bookings:
            self.find("key", f"{key} is remembered, but nobody was told")
        for record in records:
            if record["outcome"] == "IDEMPOTENCY_MISMATCH" and contents <= {_content(record)}:
                self.find("key", f"{key} was refused though nobody used it for something else")

    def _check_changes(self) -> None:
        """As many successes as events, for each change of each booking and slot by each actor."""
        told, certain = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
        for record in self.history:
            if record["outcome"] != OK:
                continue
            if record["op"] in {"transition", "reschedule", "update"}:
                change = record["booking"], record["event"], record["actor"]
                told[change] += 1
                # What a booking has already, slots, party and notes, is no event.
                certain[change] += record["op"] == "transition"
            elif record["op"] == "change_slot":
                change = record["slot"], "slot.changed", record["actor"]
                told[change] += 1
                certain[change] += 1
        recorded = Counter[tuple[str, str, str]]()
        for event in self.events:
            is_first = event.sequence == 1 and event.name in {"booking.created", "booking.held"}
            if not is_first and event.payload["actor"] != "system":
                recorded[str(event.subject_id), event.name, event.payload["actor"]] += 1
        for change in told.keys() | recorded.keys():
            if not certain[change] <= recorded[change] <= told[change]:
                counts = f"{told[change]} told, {recorded[change]} recorded"
                self.find("changes", f"{change}: {counts}")

    def _check_publication(self) -> None:
        """As many events of the schedule's changes as were told, and no slot beyond those told."""
        days = [record for record in self.history if record["op"] == "publish"]
        told = Counter[str]()
        for record in days:
            if record["outcome"] == OK:
                told.update({name: record[name] for name in ("added", "removed", "changed")})
        recorded = sum(
            event.name == "slot.changed" and event.payload["actor"] == "system"
            for event in self.events
        )
        if recorded != told["changed"]:
            self.find("published", f"{told['changed']} told, {recorded} recorded")
        number = len(self.slots) - len(self.world.slots) + told["removed"]
        # What another process had just added was told, but not added again.
        if not 0 <= number <= told["added"]:
            self.find("published", f"{told} told, but there are {number} more")


def _content(record: Record) -> tuple[str, int, int, bool]:
    return record["slot"], record["party"], record["slot_count"], record["holds"]


def _asked(record: Record) -> str:
    return ", ".join(f"{key}={value}" for key, value in record.items() if key != "error")
