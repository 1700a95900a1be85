"""What people write about a booking, through both APIs: guests, notes, reasons; and null."""

from typing import Any

import pytest

from accounts.actors import ANONYMOUS, Actor, account
from bookings.models import Booking, Guest, Slot
from reserve.outbox.models import Event
from tests.clients import Answer, GraphQLApi, RestApi
from tests.factories import make_customer, make_member, make_organization, make_slot
from venues.models import Venue

pytestmark = pytest.mark.django_db(transaction=True)

NUL, BELL, OVERRIDE, ISOLATE = "\0", "\a", "\u202e", "\u2067"
ADA = {"name": "Ada Guest", "email": "ada@example.org"}

_TAKE = """mutation Take($input: CreateBookingInput!) {
  createBooking(input: $input) { id notes manageToken guest { name email phone locale } } }"""
_CANCEL = """mutation Cancel($id: ID!, $reason: String) {
  cancelBooking(id: $id, reason: $reason) { id status } }"""
_UPDATE = """mutation Update($id: ID!, $notes: String, $count: Int) {
  updateBooking(id: $id, notes: $notes, guestCount: $count) { id notes guestCount } }"""
_CONFIRM = """mutation Confirm($id: ID!, $guest: GuestInput) {
  confirmBooking(id: $id, guest: $guest) { id status } }"""


class _GraphQL(GraphQLApi):
    def take(self, actor: Actor, slot: Slot, **more: Any) -> Answer:
        seats = {"venueId": slot.venue.public_id, "slotId": slot.public_id, "guestCount": 1}
        return self.ask(_TAKE, {"input": seats | more}, actor)

    def cancel(self, actor: Actor, booking_id: str, reason: str) -> Answer:
        return self.ask(_CANCEL, {"id": booking_id, "reason": reason}, actor)

    def note(self, actor: Actor, booking_id: str, notes: str) -> Answer:
        return self.ask(_UPDATE, {"id": booking_id, "notes": notes}, actor)

    def confirm(self, actor: Actor, booking_id: str, guest: Any) -> Answer:
        return self.ask(_CONFIRM, {"id": booking_id, "guest": guest}, actor)

    @staticmethod
    def fields(answer: Answer) -> set[str]:
        return set(answer.body["extensions"].get("errors", ()))


class _Rest(RestApi):
    def take(self, actor: Actor, slot: Slot, **more: Any) -> Answer:
        seats = {"venue_id": slot.venue.public_id, "slot_id": slot.public_id, "guest_count": 1}
        return self.ask("POST", "/bookings", seats | more, actor)

    def cancel(self, actor: Actor, booking_id: str, reason: str) -> Answer:
        return self.ask("POST", f"/bookings/{booking_id}/cancel", {"reason": reason}, actor)

    def note(self, actor: Actor, booking_id: str, notes: str) -> Answer:
        return self.ask("PATCH", f"/bookings/{booking_id}", {"notes": notes}, actor)

    def confirm(self, actor: Actor, booking_id: str, guest: Any) -> Answer:
        return self.ask("POST", f"/bookings/{booking_id}/confirm", {"guest": guest}, actor)

    @staticmethod
    def fields(answer: Answer) -> set[str]:
        return set(answer.body.get("errors", ()))


_Api = _GraphQL | _Rest


@pytest.fixture(params=[_GraphQL, _Rest], ids=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> _Api:
    return request.param(server)


# What is wrong with a guest, and the fields that the refusal names; none where the body as a
# whole is no JSON that we take.
BAD_GUESTS: dict[str, tuple[dict[str, str], set[str]]] = {
    "no name": ({"name": ""}, {"guest.name"}),
    "a name of spaces": ({"name": " \u00a0 "}, {"guest.name"}),
    "a name without end": ({"name": "A" * 201}, {"guest.name"}),
    "a name with NUL": ({"name": f"Ada{NUL}"}, set()),
    "a name with a bell": ({"name": f"Ada{BELL}"}, {"guest.name"}),
    "a name of two lines": ({"name": "Ada\nGuest"}, {"guest.name"}),
    "a name that turns around": ({"name": f"Ada{OVERRIDE}nimda"}, {"guest.name"}),
    "no address": ({"email": "ada"}, {"guest.email"}),
    "an address without host": ({"email": "ada@"}, {"guest.email"}),
    "two addresses": ({"email": "ada@example.org,eve@example.org"}, {"guest.email"}),
    "an address and a header": (
        {"email": "ada@example.org\r\nBcc: eve@example.org"},
        {"guest.email"},
    ),
    "an address without end": ({"email": "a" * 250 + "@example.org"}, {"guest.email"}),
    "no number": ({"phone": "call me"}, {"guest.phone"}),
    "a number that turns around": ({"phone": f"{OVERRIDE}+45 1234"}, {"guest.phone"}),
    "a number without end": ({"phone": "1" * 33}, {"guest.phone"}),
    "no language": ({"locale": "Danish, please"}, {"guest.locale"}),
    "nothing right": (
        {"name": "", "email": "@", "phone": "x", "locale": "?"},
        {"guest.name", "guest.email", "guest.phone", "guest.locale"},
    ),
    "nobody reachable": ({"email": "", "phone": " "}, {"guest.email"}),
}


def _assert_refused(api: _Api, answer: Answer, fields: set[str], why: str) -> None:
    assert answer.code == "BAD_USER_INPUT", (why, answer)
    assert api.fields(answer) == fields, (why, answer)


def test_a_guest_that_makes_no_sense_is_refused_and_nothing_is_written(api: _Api) -> None:
    slot = make_slot()
    staff = account(make_member(slot.organization).pk)
    for why, (change, fields) in BAD_GUESTS.items():
        answer = api.take(ANONYMOUS, slot, guest=ADA | change)
        _assert_refused(api, answer, fields, why)
        if why != "nobody reachable":
            _assert_refused(api, api.take(staff, slot, guest=ADA | change), fields, why)
    for model in (Booking, Guest, Event):
        assert not model.objects.exists()
    slot.refresh_from_db()
    assert (slot.reserved, slot.version) == (0, 0)


def test_who_is_named_at_the_confirmation_is_looked_at_too(api: _Api) -> None:
    slot = make_slot()
    staff = account(make_member(slot.organization).pk)
    document = "mutation Hold($input: CreateHoldInput!) { createHold(input: $input) { id } }"
    seats = {"venueId": slot.venue.public_id, "slotId": slot.public_id, "guestCount": 1}
    graphql = GraphQLApi(str(api._http.base_url).removesuffix("/").removesuffix("/api/v1"))
    held = graphql.ask(document, {"input": seats | {"guest": ADA}}, staff).body["id"]
    for why, (change, fields) in BAD_GUESTS.items():
        if why != "nobody reachable":
            _assert_refused(api, api.confirm(staff, held, ADA | change), fields, why)
    booking = Booking.objects.get()
    assert (booking.status, booking.version, booking.guest.name) == ("HELD", 1, "Ada Guest")


def test_a_guest_is_kept_in_one_form(api: _Api) -> None:
    written = {
        "name": "  Ada Gue\u0301rin ",
        "email": " ADA@Example.org ",
        "phone": " +45 12 34 56 78 ",
        "locale": "PT-br",
    }
    answer = api.take(ANONYMOUS, make_slot(), guest=written)
    assert answer.body["guest"] == {
        "name": "Ada Gu\u00e9rin",
        "email": "ada@example.org",
        "phone": "+45 12 34 56 78",
        "locale": "pt-BR",
    }


BAD_TEXTS = {
    "NUL": (f"a{NUL}b", False),
    "a bell": (f"a{BELL}b", True),
    "an escape": ("\x1b[31mred", True),
    "an override": (f"a{OVERRIDE}b", True),
    "an isolate": (f"a{ISOLATE}b", True),
    "no end": ("a" * 2_001, True),
}


def test_notes_and_reasons_that_make_no_sense_are_refused(api: _Api) -> None:
    slot, customer = make_slot(), make_customer()
    booking_id = api.take(customer, slot, notes="By the window.\r\nTwo\tchairs ").body["id"]
    for why, (text, is_named) in BAD_TEXTS.items():
        for field, answer in (
            ("notes", api.take(customer, slot, notes=text)),
            ("notes", api.note(customer, booking_id, text)),
            ("reason", api.cancel(customer, booking_id, text)),
        ):
            _assert_refused(api, answer, {field} if is_named else set(), why)
    booking = Booking.objects.get()
    assert (booking.status, booking.version) == ("PENDING", 1)
    assert booking.notes == "By the window.\nTwo\tchairs"
    assert api.note(customer, booking_id, " ").body["notes"] == ""


def test_null_is_as_if_left_out(server: str) -> None:
    """Of GraphQL, whose clients send every variable that they have a place for."""
    api, slot, customer = _GraphQL(server), make_slot(), make_customer()
    left_out = dict.fromkeys(("slotCount", "notes", "guest", "idempotencyKey"))
    booked = api.take(customer, slot, **left_out)
    assert (booked.code, booked.body["notes"]) == (None, "")
    assert Booking.objects.get().slots.count() == 1

    guest = ADA | dict.fromkeys(("phone", "locale"))
    assert api.take(ANONYMOUS, slot, guest=guest).body["guest"] == ADA | {
        "phone": "",
        "locale": "en",
    }
    unreachable = dict.fromkeys(("email", "phone")) | {"name": "Nobody"}
    _assert_refused(api, api.take(ANONYMOUS, slot, guest=unreachable), {"guest.email"}, "null")

    booking_id = booked.body["id"]
    unchanged = api.ask(_UPDATE, {"id": booking_id, "notes": None, "count": None}, customer)
    assert (unchanged.code, unchanged.body["guestCount"]) == (None, 1)
    assert api.ask(_CANCEL, {"id": booking_id, "reason": None}, customer).code is None
    another = api.take(customer, slot).body["id"]
    literal = f'mutation {{ cancelBooking(id: "{another}", reason: null) {{ id }} }}'
    assert api.ask(literal, None, customer).code is None


def test_null_for_the_size_of_a_page_is_its_default(server: str) -> None:
    api, slot = GraphQLApi(server), make_slot()
    venue, day = slot.venue.public_id, slot.venue.local(slot.starts_at).date()
    member = account(make_member(make_organization()).pk)
    for asked in (
        "venues(first: null) { totalCount }",
        "venues(first: $first) { totalCount }",
        "organizations(first: null) { edges { node { members(first: $first) { totalCount } } } }",
        f'availableSlots(venueId: "{venue}", date: "{day}", slotCount: null) {{ id }}',
        f'nextAvailableSlots(venueIds: ["{venue}"], first: null, slotCount: $first) {{ id }}',
    ):
        declared = "($first: Int)" if "$first" in asked else ""
        answer = api.ask(f"query Q{declared} {{ {asked} }}", {"first": None}, member)
        assert answer.code is None, (asked, answer)
        assert answer.body, asked
    assert Venue.objects.count() == 1
