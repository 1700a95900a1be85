"""The two APIs as a test sees them: an actor asks, and gets data or a code."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from accounts.actors import ANONYMOUS, Actor
from bookings.api.rest import MANAGE_TOKEN_HEADER
from bookings.guests import GuestDetails
from bookings.models import Slot
from bookings.requests.create import SeatsWanted
from tests.factories import bearer
from tests.openapi import checked_client
from venues.models import Venue


@dataclass(frozen=True)
class Answer:
    """What an API said: the code of a refusal, or none; and the whole body."""

    code: str | None
    body: Any


class BookingApi(Protocol):
    """The operations that both APIs offer, each with its own spelling."""

    def create_booking(self, actor: Actor, seats: SeatsWanted) -> Answer: ...
    def create_hold(self, actor: Actor, seats: SeatsWanted) -> Answer: ...
    def change(self, actor: Actor, booking_id: str, verb: str) -> Answer: ...
    def confirm_for(self, actor: Actor, booking_id: str, guest: GuestDetails) -> Answer: ...
    def reschedule(self, actor: Actor, booking_id: str, slot: Slot) -> Answer: ...
    def update(self, actor: Actor, booking_id: str, guest_count: int) -> Answer: ...
    def booking(self, actor: Actor, booking_id: str) -> Answer: ...
    def available_slots(self, actor: Actor, venue_id: str, day: str) -> Answer: ...
    def every_slot(self, actor: Actor, venue_id: str, day: str) -> Answer: ...
    def bookings(self, actor: Actor, venue_id: str | None = None, **asked: Any) -> Answer:
        """The ids of a page of one's own bookings, or of a venue's, and how many there are."""
        ...


def _details(guest: GuestDetails) -> dict[str, str]:
    return {name: value for name, value in asdict(guest).items() if value}


def _headers(actor: Actor) -> dict[str, str]:
    return {"Authorization": bearer(actor)} if actor.user_id else {}


class GraphQLApi:
    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=20)

    def send(
        self, document: str, variables: Any = None, actor: Actor = ANONYMOUS
    ) -> httpx.Response:
        body = {"query": document, "variables": variables}
        return self._http.post("/graphql", json=body, headers=_headers(actor))

    def ask(self, document: str, variables: Any = None, actor: Actor = ANONYMOUS) -> Answer:
        body = self.send(document, variables, actor).json()
        if errors := body.get("errors"):
            return Answer(errors[0]["extensions"]["code"], errors[0])
        return Answer(None, next(iter(body["data"].values())))

    def create_booking(self, actor: Actor, seats: SeatsWanted) -> Answer:
        return self._take("createBooking", "CreateBookingInput", actor, seats)

    def create_hold(self, actor: Actor, seats: SeatsWanted) -> Answer:
        return self._take("createHold", "CreateHoldInput", actor, seats)

    def _take(self, field: str, kind: str, actor: Actor, seats: SeatsWanted) -> Answer:
        document = (
            f"mutation Take($input: {kind}!) {{ {field}(input: $input)"
            " { id status confirmationCode manageToken guestCount seats } }"
        )
        wanted = {
            "venueId": Venue.format_id(seats.venue_id),
            "slotId": Slot.format_id(seats.slot_id),
            "guestCount": seats.guest_count,
            "slotCount": seats.slot_count,
            "notes": seats.notes,
            "guest": asdict(seats.guest) if seats.guest else None,
            "idempotencyKey": seats.idempotency_key,
        }
        return self.ask(document, {"input": wanted}, actor)

    def change(self, actor: Actor, booking_id: str, verb: str) -> Answer:
        field = {
            "confirm": "confirmBooking",
            "cancel": "cancelBooking",
            "approve": "approveBooking",
            "decline": "declineBooking",
            "check-in": "checkInBooking",
            "undo-check-in": "undoCheckIn",
            "no-show": "markNoShow",
            "complete": "completeBooking",
        }[verb]
        argument, declared = "", ""
        if actor.manage_token and verb in {"confirm", "cancel"}:
            argument, declared = ", manageToken: $token", ", $token: String"
        document = (
            f"mutation Change($id: ID!{declared}) {{ {field}(id: $id{argument}) {{ id status }} }}"
        )
        return self.ask(document, {"id": booking_id, "token": actor.manage_token}, actor)

    def confirm_for(self, actor: Actor, booking_id: str, guest: GuestDetails) -> Answer:
        document = (
            "mutation Confirm($id: ID!, $guest: GuestInput, $token: String) {"
            " confirmBooking(id: $id, guest: $guest, manageToken: $token)"
            " { id status guest { name email phone locale } } }"
        )
        variables = {"id": booking_id, "guest": asdict(guest), "token": actor.manage_token}
        return self.ask(document, variables, actor)

    def reschedule(self, actor: Actor, booking_id: str, slot: Slot) -> Answer:
        document = (
            "mutation Move($id: ID!, $slot: ID!, $token: String) {"
            " rescheduleBooking(id: $id, slotId: $slot, manageToken: $token)"
            " { id status confirmationCode seats slots { id } } }"
        )
        variables = {"id": booking_id, "slot": slot.public_id, "token": actor.manage_token}
        return self.ask(document, variables, actor)

    def update(self, actor: Actor, booking_id: str, guest_count: int) -> Answer:
        document = (
            "mutation Update($id: ID!, $count: Int, $token: String) {"
            " updateBooking(id: $id, guestCount: $count, manageToken: $token)"
            " { id status guestCount: guestCount seats } }"
        )
        variables = {"id": booking_id, "count": guest_count, "token": actor.manage_token}
        return self.ask(document, variables, actor)

    def booking(self, actor: Actor, booking_id: str) -> Answer:
        document = (
            "query Booking($id: ID!, $token: String) { booking(id: $id, manageToken: $token)"
            " { id status seats } }"
        )
        return self.ask(document, {"id": booking_id, "token": actor.manage_token}, actor)

    def available_slots(self, actor: Actor, venue_id: str, day: str) -> Answer:
        document = (
            "query Slots($venueId: ID!, $date: Date!)"
            " { availableSlots(venueId: $venueId, date: $date) { id status } }"
        )
        return self.ask(document, {"venueId": venue_id, "date": day}, actor)

    def every_slot(self, actor: Actor, venue_id: str, day: str) -> Answer:
        document = (
            "query Slots($venueId: ID!, $date: Date!)"
            " { slots(venueId: $venueId, from: $date, to: $date) { id unavailableReason } }"
        )
        return self.ask(document, {"venueId": venue_id, "date": day}, actor)

    def bookings(self, actor: Actor, venue_id: str | None = None, **asked: Any) -> Answer:
        kinds = {"status": "BookingStatus", "first": "Int", "date": "Date", "search": "String"}
        given = asked | ({"venueId": venue_id} if venue_id else {})
        declared = ", ".join(f"${name}: {(kinds | {'venueId': 'ID!'})[name]}" for name in given)
        passed = ", ".join(f"{name}: ${name}" for name in given)
        field = "venueBookings" if venue_id else "myBookings"
        document = (
            f"query({declared}) {{ {field}({passed})" if given else f"{{ {field}"
        ) + " { totalCount edges { node { id } } } }"
        answer = self.ask(document, given, actor)
        if answer.code:
            return answer
        ids = [edge["node"]["id"] for edge in answer.body["edges"]]
        return Answer(None, (answer.body["totalCount"], ids))


class RestApi:
    def __init__(self, address: str) -> None:
        self._http = checked_client(f"{address}/api/v1")

    def send(
        self, method: str, path: str, body: Any = None, actor: Actor = ANONYMOUS
    ) -> httpx.Response:
        headers = _headers(actor)
        if actor.manage_token:
            headers[MANAGE_TOKEN_HEADER] = actor.manage_token
        return self._http.request(method, path, json=body, headers=headers)

    def ask(self, method: str, path: str, body: Any = None, actor: Actor = ANONYMOUS) -> Answer:
        response = self.send(method, path, body, actor)
        body = response.json()
        return Answer(body["code"] if response.is_error else None, body)

    def create_booking(self, actor: Actor, seats: SeatsWanted) -> Answer:
        return self.ask("POST", "/bookings", self._wanted(seats), actor)

    def create_hold(self, actor: Actor, seats: SeatsWanted) -> Answer:
        return self.ask("POST", "/holds", self._wanted(seats), actor)

    def _wanted(self, seats: SeatsWanted) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "venue_id": Venue.format_id(seats.venue_id),
            "slot_id": Slot.format_id(seats.slot_id),
            "guest_count": seats.guest_count,
            "slot_count": seats.slot_count,
            "notes": seats.notes,
        }
        if seats.guest:
            wanted["guest"] = _details(seats.guest)
        if seats.idempotency_key is not None:
            wanted["idempotency_key"] = seats.idempotency_key
        return wanted

    def change(self, actor: Actor, booking_id: str, verb: str) -> Answer:
        return self.ask("POST", f"/bookings/{booking_id}/{verb}", None, actor)

    def confirm_for(self, actor: Actor, booking_id: str, guest: GuestDetails) -> Answer:
        body = {"guest": _details(guest)}
        return self.ask("POST", f"/bookings/{booking_id}/confirm", body, actor)

    def reschedule(self, actor: Actor, booking_id: str, slot: Slot) -> Answer:
        body = {"slot_id": slot.public_id}
        return self.ask("POST", f"/bookings/{booking_id}/reschedule", body, actor)

    def update(self, actor: Actor, booking_id: str, guest_count: int) -> Answer:
        return self.ask("PATCH", f"/bookings/{booking_id}", {"guest_count": guest_count}, actor)

    def booking(self, actor: Actor, booking_id: str) -> Answer:
        return self.ask("GET", f"/bookings/{booking_id}", None, actor)

    def available_slots(self, actor: Actor, venue_id: str, day: str) -> Answer:
        return self.ask("GET", f"/venues/{venue_id}/slots?date={day}", None, actor)

    def every_slot(self, actor: Actor, venue_id: str, day: str) -> Answer:
        return self.ask("GET", f"/venues/{venue_id}/slots?from={day}&to={day}", None, actor)

    def bookings(self, actor: Actor, venue_id: str | None = None, **asked: Any) -> Answer:
        path = f"/venues/{venue_id}/bookings" if venue_id else "/bookings"
        query = f"?{urlencode(asked)}" if asked else ""
        answer = self.ask("GET", path + query, None, actor)
        if answer.code:
            return answer
        return Answer(None, (answer.body["count"], [each["id"] for each in answer.body["results"]]))
